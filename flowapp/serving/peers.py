"""Whose connection it is, for the cap on those that one may hold."""

from __future__ import annotations

import ipaddress
from functools import lru_cache


def peer_of(client: object) -> str:
    """The address, of IPv6 its /64, which one machine has to itself; empty for a unix socket: a proxy on this machine."""
    return _whose(client[0]) if isinstance(client, tuple) and client else ""


@lru_cache(maxsize=4096)
def _whose(host: str) -> str:
    if ":" not in host:
        return host
    address = ipaddress.IPv6Address(host.partition("%")[0])
    return str(address.ipv4_mapped or ipaddress.ip_network((int(address), 64), strict=False))
