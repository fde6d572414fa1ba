"""Which headers a workflow may put into its answer to a webhook.

The answer comes from Flowapp's own origin, and some headers speak for the whole of it: Set-Cookie, Clear-Site-Data,
Strict-Transport-Security, Alt-Svc, Service-Worker-Allowed, Report-To, and whatever browsers learn next; others give
orders to a proxy in front (X-Accel-Redirect). So the list says what may be sent, not what may not.
"""

from __future__ import annotations

import re

_STANDARD = frozenset(
    {"allow", "cache-control", "content-digest", "content-disposition", "content-language", "content-location",
     "content-type", "deprecation", "digest", "etag", "expires", "idempotency-key", "last-modified", "link", "location",
     "pragma", "preference-applied", "ratelimit", "ratelimit-limit", "ratelimit-policy", "ratelimit-remaining",
     "ratelimit-reset", "repr-digest", "request-id", "retry-after", "signature", "signature-input", "sunset",
     "traceparent", "tracestate", "vary", "warning", "access-control-allow-headers", "access-control-allow-methods",
     "access-control-allow-origin", "access-control-expose-headers", "access-control-max-age"}
)  # fmt: skip
_OWN = ("x-", "webhook-")  # names that people make up
_NOT_OWN = re.compile(  # of those, what browsers and proxies obey
    r"x-(accel-|sendfile|lighttpd-|litespeed-|reproxy-|content-type-options|content-security|webkit-|frame-options"
    r"|xss-protection|dns-prefetch|permitted-cross-domain|download-options|ua-compatible|sourcemap|forwarded|original-)"
)
_TARGET = re.compile(r"https?://|[^:]*(?:[/?#]|$)", re.IGNORECASE)
# What a browser would run, or apply to a page, that names this address: the script types of the WHATWG, and the rest.
_ACTIVE = re.compile(
    r"(?:text|application)/(?:x-)?(?:java|ecma|live|j)script[0-9.]*|text/(?:x-)?css|application/wasm"
    r"|multipart/x-mixed-replace|text/cache-manifest",
)
PLAIN = "text/plain; charset=utf-8"


def may_set(name: str) -> bool:
    """Whether a workflow may set this header."""
    lower = name.lower()
    return lower in _STANDARD or (lower.startswith(_OWN) and _NOT_OWN.match(lower) is None)


def settled(name: str, value: str) -> str | None:
    """The value as it is sent; None where it is not: a script's type, or a target that is no address of the web."""
    lower, text = name.lower(), value.strip()
    if lower == "content-type" and any(_ACTIVE.fullmatch(part.strip().lower()) for part in re.split("[,;]", text)):
        return PLAIN  # a browser takes the last of several types
    return None if lower in ("location", "content-location") and _TARGET.match(text) is None else value
