"""What outgoing connections may reach besides public addresses: hosts, addresses and networks."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterable

from flowapp.texts import say

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Network = ipaddress.IPv4Network | ipaddress.IPv6Network

# What an organization may open for itself: private (RFC 1918, RFC 4193) and carrier (RFC 6598) ranges.
_PRIVATE = tuple(
    ipaddress.ip_network(text)
    for text in ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "100.64.0.0/10", "fc00::/7")
)
MAX_HOST = 253  # characters (RFC 1035)
# Metadata and key services of clouds that lie in these: Alibaba; Amazon, Google, Scaleway.
_METADATA = tuple(
    ipaddress.ip_network(text) for text in ("100.100.100.200/32", "fd00:ec2::/32", "fd20:ce::/32", "fd00:42::/32")
)
_HOST = re.compile(r"([a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9])?\.)*[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9])?")


class AllowList:
    """Entries are CIDRs, addresses or host names."""

    def __init__(self, entries: Iterable[str] = ()) -> None:
        self._networks: list[Network] = []
        self._hosts: set[str] = set()
        for entry in entries:
            if (network := _network(entry)) is not None:
                self._networks.append(network)
            else:
                self._hosts.add(_plain(entry))

    def names(self, host: str) -> bool:
        """Whether the host is on it by its name."""
        return _plain(host) in self._hosts

    def holds(self, address: Address) -> bool:
        """Whether the address, or a network around it, is on it."""
        return any(address in network for network in self._networks)


def is_openable(address: Address) -> bool:
    """Whether an organization may open the address for itself: never this machine, its link, or a metadata service."""
    return _in(_PRIVATE, address) and not _in(_METADATA, address)


def read_entry(text: str) -> str:
    """An entry of an organization's list as it is kept. ValueError says why it cannot stand there."""
    network = _network(text)
    if network is not None:
        if not any(network.version == known.version and network.subnet_of(known) for known in _PRIVATE):  # type: ignore[arg-type]
            raise ValueError(
                say(
                    "“%(entry)s” is not inside a private range (10.0.0.0/8, 172.16.0.0/12, 192.168.0.0/16, 100.64.0.0/10, fc00::/7). Public addresses need no entry; others only FLOWAPP_EGRESS_ALLOW can allow.",
                    entry=text.strip()[:100],
                )
            )
        if any(network.version == known.version and network.subnet_of(known) for known in _METADATA):  # type: ignore[arg-type]
            raise ValueError(
                say(
                    "“%(entry)s” is a metadata address of a cloud, which holds its keys. It cannot be allowed here.",
                    entry=text.strip()[:100],
                )
            )
        return str(network.network_address) if network.num_addresses == 1 else str(network)
    host = _plain(text)
    if len(host) > MAX_HOST or not _HOST.fullmatch(host) or host.rpartition(".")[2].isdigit():
        raise ValueError(
            say(
                "“%(entry)s” is not a host, an address or a range. Write it like db.internal, 10.0.0.5 or 10.0.0.0/24.",
                entry=text.strip()[:100],
            )
        )
    if host == "localhost":
        raise ValueError(say("This machine itself can be allowed with FLOWAPP_EGRESS_ALLOW only."))
    return host


def _plain(host: str) -> str:
    return host.strip().lower().rstrip(".")


def _network(entry: str) -> Network | None:
    try:
        return ipaddress.ip_network(entry.strip().strip("[]"), strict=False)
    except ValueError:
        return None


def _in(networks: Iterable[Network], address: Address) -> bool:
    return any(address in network for network in networks)
