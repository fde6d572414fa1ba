"""HTML that others wrote, for a frame of its own: no script, no form, nothing loaded from anywhere."""

from __future__ import annotations

from flask import Response

_POLICY = "sandbox; default-src 'none'; style-src 'unsafe-inline'; img-src data:; frame-ancestors 'self'"


def framed(response: Response) -> Response:
    """The response with what keeps its HTML inside the frame."""
    response.headers["Content-Security-Policy"] = _POLICY
    response.headers["X-Frame-Options"] = "SAMEORIGIN"
    return response
