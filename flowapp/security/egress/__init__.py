"""Outgoing HTTP: the service `ctx.http`. Pools of kept connections, every socket opened by the guard."""

from flowapp.security.egress.client import SafeHttp
from flowapp.security.egress.headers import MAX_REDIRECTS
from flowapp.security.egress.reading import MAX_HEADERS, MAX_READ

__all__ = ["MAX_HEADERS", "MAX_READ", "MAX_REDIRECTS", "SafeHttp"]
