"""Security headers of every answer: a CSP with a nonce for each response, no framing, no sniffing."""

from __future__ import annotations

import secrets

from flask import Flask, Response, g, request

from flowapp.web.fast_path import fast

_ALWAYS = (
    ("X-Content-Type-Options", "nosniff"),
    ("X-Frame-Options", "DENY"),
    ("Referrer-Policy", "same-origin"),
    ("Cross-Origin-Opener-Policy", "same-origin"),
    ("Permissions-Policy", "camera=(), microphone=(), geolocation=()"),
)
# Whatever is not one of our pages: a browser that is led to open it as a page runs nothing, as nobody's.
_HSTS = "max-age=31536000"  # not of subdomains: they may be somebody else's
_OF_DATA = "sandbox; default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"


def csp_nonce() -> str:
    """The nonce of this response; scripts and styles in templates carry it."""
    if "csp_nonce" not in g:
        g.csp_nonce = secrets.token_urlsafe(16)
    return str(g.csp_nonce)


def _policy() -> str:
    nonce = f"'nonce-{csp_nonce()}'"
    return "; ".join(
        (
            "default-src 'self'",
            f"script-src 'self' {nonce}",
            f"style-src 'self' {nonce}",
            "img-src 'self' data:",
            "object-src 'none'",
            "base-uri 'none'",
            "form-action 'self'",
            "frame-ancestors 'none'",
        )
    )


def of_data(*, is_secure: bool) -> list[tuple[str, str]]:
    """The headers of an answer that is no page, where no view has set any of them."""
    sent = [("Content-Security-Policy", _OF_DATA), *_ALWAYS]
    return [*sent, ("Strict-Transport-Security", _HSTS)] if is_secure else sent


@fast
def _set_headers(response: Response) -> Response:
    headers = response.headers
    if "Content-Security-Policy" not in headers:
        headers["Content-Security-Policy"] = _policy() if response.mimetype == "text/html" else _OF_DATA
    for name, value in _ALWAYS:
        headers.setdefault(name, value)
    if request.is_secure:
        headers.setdefault("Strict-Transport-Security", _HSTS)
    if response.mimetype == "text/html":
        headers.setdefault("Cache-Control", "no-store")
    return response


def init_app(app: Flask) -> None:
    """Installs the headers."""
    app.after_request(_set_headers)
    app.jinja_env.globals["csp_nonce"] = csp_nonce
