"""Certificates as a company's own authority issues them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cached_property
from ipaddress import ip_address
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat


@dataclass
class Authority:
    """Issues certificates that are valid for a day."""

    name: str = "An authority"

    @cached_property
    def _key(self) -> ec.EllipticCurvePrivateKey:
        return ec.generate_private_key(ec.SECP256R1())

    @cached_property
    def _certificate(self) -> x509.Certificate:
        usage = x509.KeyUsage(
            digital_signature=True, key_cert_sign=True, crl_sign=True, content_commitment=False, key_encipherment=False,
            data_encipherment=False, key_agreement=False, encipher_only=False, decipher_only=False,
        )  # fmt: skip
        built = _begun(self.name, self.name, self._key).add_extension(x509.BasicConstraints(True, None), True)
        built = built.add_extension(x509.SubjectKeyIdentifier.from_public_key(self._key.public_key()), False)
        return built.add_extension(usage, True).sign(self._key, hashes.SHA256())

    @property
    def pem(self) -> str:
        """Its own certificate, by which others know it."""
        return self._certificate.public_bytes(Encoding.PEM).decode()

    def issue(self, folder: Path, *hosts: str) -> tuple[Path, Path]:
        """The files of a certificate for these names and addresses, and of its key (mode 0600)."""
        key = ec.generate_private_key(ec.SECP256R1())
        names = x509.SubjectAlternativeName([_named(host) for host in hosts])
        issuer = x509.AuthorityKeyIdentifier.from_issuer_public_key(self._key.public_key())
        built = _begun(hosts[0], self.name, key).add_extension(names, False).add_extension(issuer, False)
        certificate, secret = folder / "server.crt", folder / "server.key"
        certificate.write_bytes(built.sign(self._key, hashes.SHA256()).public_bytes(Encoding.PEM))
        secret.touch(mode=0o600)
        secret.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
        return certificate, secret


def _begun(subject: str, issuer: str, key: ec.EllipticCurvePrivateKey) -> x509.CertificateBuilder:
    now = datetime.now(UTC)
    names = [x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, one)]) for one in (issuer, subject)]
    return x509.CertificateBuilder(
        *names, key.public_key(), x509.random_serial_number(), now - timedelta(hours=1), now + timedelta(1)
    )


def _named(host: str) -> x509.GeneralName:
    return x509.IPAddress(ip_address(host)) if host[0].isdigit() else x509.DNSName(host)
