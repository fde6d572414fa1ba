"""Where outgoing connections may go: public addresses, and what the installation and the organization allow.

A name is resolved once, every address found is judged, and the socket is opened to an address that passed: a name that
answers differently the second time (DNS rebinding) gains nothing. HTTP (security.egress) and SMTP (connectors.email)
open their sockets here.
"""

from __future__ import annotations

import ipaddress
import re
import socket
from collections.abc import Callable, Iterable, Mapping
from time import monotonic
from typing import Any
from urllib.parse import urljoin

from urllib3.exceptions import LocationParseError
from urllib3.util import parse_url

from flowapp.errors import EgressError, StepError
from flowapp.security.allow_list import MAX_HOST, Address, AllowList, is_openable
from flowapp.security.database_files import DatabaseFiles
from flowapp.security.failures import why_failed
from flowapp.texts import say

Resolve = Callable[[str, int], list[str]]
Connect = Callable[[str, int, float], socket.socket]


# All of the public Internet's IPv6 (RFC 4291, IANA): what else is written as an IPv6 address leads inside, or nowhere.
_GLOBAL_UNICAST = ipaddress.ip_network("2000::/3")
# Global by the registry, yet they lead inside: to the cloud host (Azure's wire server) or, wrapped, to any IPv4 address
# (6to4 and its relay, Teredo); older Pythons also take some of these for global.
_INSIDE = tuple(
    ipaddress.ip_network(text)
    for text in (
        "168.63.129.16/32", "192.0.0.0/24", "192.88.99.0/24", "2001::/23", "2002::/16", "2620:4f:8000::/48", "3fff::/20",
    )
)  # fmt: skip


_AFTER_HOST = re.compile(r"[/?#]")
_PORTS = {"http": 80, "https": 443}


def is_public(address: Address) -> bool:
    """Whether `address` is an ordinary one of the public Internet. An IPv4 address inside an IPv6 one is never."""
    if isinstance(address, ipaddress.IPv6Address) and address not in _GLOBAL_UNICAST:
        return False
    if not address.is_global or address.is_multicast or address.is_reserved or address.is_unspecified:
        return False
    return not any(address in network for network in _INSIDE)


def resolve(host: str, port: int) -> list[str]:
    """The addresses of `host`, in the order of the system's resolver. OSError where there is none."""
    entries = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(entry[4][0]) for entry in entries))


def connect(address: str, port: int, timeout: float) -> socket.socket:
    """A TCP connection to a literal address; `timeout` in seconds."""
    made = socket.create_connection((address, port), timeout)
    made.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return made


class Guard:
    """Judges addresses. `allow` (FLOWAPP_EGRESS_ALLOW) and `own`, of the organization, list what may be reached besides
    public ones; an organization opens private ranges only (see allow_list). `settable`: it may say so itself. `files`: the
    databases that are files here.
    """

    def __init__(
        self,
        allow: Iterable[str] = (),
        *,
        own: Iterable[str] = (),
        settable: bool = False,
        resolve: Resolve = resolve,
        connect: Connect = connect,
        files: DatabaseFiles | None = None,
    ) -> None:
        self._allow, self._own, self._settable = AllowList(allow), AllowList(own), settable
        self._resolve = resolve
        self._connect = connect
        self.database_file = (files or DatabaseFiles()).path

    def connect(self, host: str, port: int, timeout: float) -> socket.socket:
        """A connection to `host`, within `timeout` seconds in all.

        EgressError where no address of it is allowed, StepError (temporary) where it has none or none answers.
        """
        deadline = monotonic() + timeout
        last: OSError = TimeoutError()
        for address in self.addresses(host, port):
            try:
                return self._connect(address, port, max(deadline - monotonic(), 0.001))
            except OSError as error:
                last = error
        message = say(
            "Could not connect to %(host)s, port %(port)s. %(reason)s",
            host=host,
            port=str(port),
            reason=why_failed(last),
        )
        raise StepError(message) from last

    def addresses(self, host: str, port: int) -> list[str]:
        """The allowed addresses of `host`; EgressError where there is none, StepError where the name is unknown."""
        if len(host) > MAX_HOST:
            raise StepError(
                say("The host “%(host)s…” has more than %(most)s characters.", host=host[:60], most=MAX_HOST),
                permanent=True,
            )
        try:
            resolved = self._resolve(host, port)
        except (OSError, UnicodeError) as error:
            raise StepError(
                say("The host “%(host)s” was not found. Check the address, or try again later.", host=host)
            ) from error
        if self._allow.names(host):
            return resolved
        named = self._own.names(host)
        allowed = [address for address in resolved if self._allows(address, named=named)]
        if not allowed:
            raise self._refusal(host, resolved)
        return allowed

    def _refusal(self, host: str, resolved: list[str]) -> EgressError:
        where = {"host": host, "shown": ", ".join(resolved) if resolved != [host] else say("this address")}
        read = [address for text in resolved if (address := _read(text)) is not None]
        if self._settable and any(is_openable(address) for address in read):
            return EgressError(
                say(
                    "“%(host)s” cannot be called: %(shown)s is not public. An administrator can allow it under Settings, Outgoing connections.",
                    **where,
                )
            )
        return EgressError(
            say(
                "“%(host)s” cannot be called: %(shown)s is not public. An administrator can permit it with FLOWAPP_EGRESS_ALLOW.",
                **where,
            )
        )

    def refuse_written(self, host: str, port: int) -> None:
        """EgressError where the host is written as an address that is not allowed. A name is not looked up."""
        try:
            socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_NUMERICHOST)
        except (OSError, UnicodeError):
            if host.lower().rstrip(".") != "localhost":
                return
        self.addresses(host, port)

    def _allows(self, text: str, *, named: bool) -> bool:
        address = _read(text)
        if address is None:
            return False
        if is_public(address) or self._allow.holds(address):
            return True
        return (named or self._own.holds(address)) and is_openable(address)


def _read(text: str) -> Address | None:
    try:
        return ipaddress.ip_address(text)
    except ValueError:
        return None


def origin_of(url: str) -> str:
    """`https://example.com:443` of a web address, as the egress guard reads it: where its secrets go.

    Empty where it is none, and where an expression may decide on the host.
    """
    scheme, _, rest = url.strip().partition("://")
    authority = _AFTER_HOST.split(rest, maxsplit=1)[0]
    if "{{" in scheme or "{{" in authority:
        return ""
    try:
        parsed = parse_url(f"{scheme}://{authority}")
    except LocationParseError:
        return ""
    if parsed.scheme not in _PORTS or not parsed.host or parsed.auth:
        return ""
    return f"{parsed.scheme}://{parsed.host.lower()}:{parsed.port or _PORTS[parsed.scheme]}"


def absolute(base: str, reference: str) -> str:
    """The address that a reference means at `base`. What means none stays as it is, and is refused where it is called."""
    try:
        return urljoin(base, reference)
    except ValueError:  # an IPv6 address that is none
        return reference


def credentials_of(
    config: Mapping[str, Any], credentials: Mapping[str, Any]
) -> tuple[dict[str, str], tuple[str, str] | None]:
    """(headers, basic) by which a call signs in as an integration of type `webhook` (see connectors.http).

    `config` has auth (none, bearer, basic, header), username and header_name; `credentials` has secret. All of them:
    a default of its own here once signed in nowhere.
    """
    secret, auth = credentials["secret"], config["auth"]
    if auth == "none":
        return {}, None
    if not secret:
        raise StepError(say("The integration has no secret. Open it and save one."), permanent=True)
    if auth == "basic":
        return {}, (config["username"], secret)
    if auth == "bearer":
        return {"Authorization": f"Bearer {secret}"}, None
    return {config["header_name"]: secret}, None
