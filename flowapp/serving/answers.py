"""Answers that no application gives: it was not asked. problem+json (RFC 9457), as the application's own."""

from __future__ import annotations

import json
from http import HTTPStatus
from socket import socket

from gunicorn.util import write_nonblock

RETRY_AFTER = 5  # seconds


def refusal(status: int, detail: str) -> bytes:
    """A whole response; the connection closes after it."""
    title = HTTPStatus(status).phrase
    body = json.dumps({"type": "about:blank", "title": title, "status": status, "detail": detail}).encode()
    again = f"Retry-After: {RETRY_AFTER}\r\n" if status in (429, 503) else ""
    head = (
        f"HTTP/1.1 {status} {title}\r\nContent-Type: application/problem+json\r\nContent-Length: {len(body)}\r\n"
        f"{again}Connection: close\r\n\r\n"
    )
    return head.encode() + body


def write_error(sock: socket, status: int, _reason: str, message: str) -> None:
    """gunicorn's answer to what its parser refuses, in our form. It stands in for gunicorn.util.write_error."""
    write_nonblock(sock, refusal(status, _DETAILS.get(status) or message or HTTPStatus(status).description))


_DETAILS = {
    414: "The request line is too long: send what is long in the body of a POST.",
    431: "The headers are too large, or too many.",
}
LATE = refusal(408, "The request did not arrive in time: send all of it at once, or through a proxy that buffers it.")
CROWD = refusal(429, "Too many connections are open from your address.")
CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"
