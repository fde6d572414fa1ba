"""Why a connection failed, in words for people: “[Errno 111] Connection refused” helps nobody who does not run servers."""

from __future__ import annotations

import errno
import http.client
import smtplib
import socket
import ssl
from collections.abc import Iterator

from flowapp.texts import Text, say

_UNREACHABLE = {errno.EHOSTUNREACH, errno.ENETUNREACH, errno.EHOSTDOWN, errno.ENETDOWN, errno.EADDRNOTAVAIL}
_CLOSED = (ConnectionError, ssl.SSLEOFError, http.client.IncompleteRead, smtplib.SMTPServerDisconnected)
_KINDS: tuple[tuple[type[BaseException] | tuple[type[BaseException], ...], Text], ...] = (
    (ConnectionRefusedError, say("The server refused the connection.")),
    (TimeoutError, say("The server did not respond in time.")),
    (socket.gaierror, say("The host name was not found.")),
    (_CLOSED, say("The server closed the connection.")),
    (
        ssl.SSLError,
        say("The server did not accept an encrypted connection. Check the port and the encryption setting."),
    ),
    (http.client.HTTPException, say("The server's response is not valid HTTP.")),
)


def why_failed(error: BaseException) -> Text:
    """A sentence about the first cause of `error` that is known; what is not known keeps the words of the system."""
    for cause in causes_of(error):
        if (text := _reason(cause)) is not None:
            return text
    strerror = error.strerror if isinstance(error, OSError) else None
    return say("The connection failed (%(reason)s).", reason=strerror or str(error) or type(error).__name__)


def causes_of(error: BaseException) -> Iterator[BaseException]:
    """The error, what it was raised by, and so on."""
    cause: BaseException | None = error
    while cause is not None:
        yield cause
        cause = cause.__cause__ or cause.__context__


def _reason(error: BaseException) -> Text | None:
    if isinstance(error, ssl.SSLCertVerificationError):
        return say("The server's certificate is not valid: %(reason)s.", reason=error.verify_message)
    if isinstance(error, OSError) and error.errno in _UNREACHABLE:
        return say("The server cannot be reached from here.")
    if isinstance(error, smtplib.SMTPServerDisconnected) and error.__context__ is not None:
        return None  # what it was disconnected by says more
    return next((text for kinds, text in _KINDS if isinstance(error, kinds)), None)
