"""What people read of a connection that failed: words, never an errno."""

from __future__ import annotations

import errno
import http.client
import smtplib
import socket
import ssl

import pytest

from flowapp.security.failures import why_failed


def caused(outer: Exception, cause: Exception) -> Exception:
    outer.__cause__ = cause
    return outer


@pytest.mark.parametrize(
    ("error", "text"),
    [
        (ConnectionRefusedError(errno.ECONNREFUSED, "Connection refused"), "The server refused the connection."),
        (TimeoutError("timed out"), "The server did not respond in time."),
        (OSError(errno.ETIMEDOUT, "Connection timed out"), "The server did not respond in time."),
        (socket.gaierror(socket.EAI_NONAME, "Name or service not known"), "The host name was not found."),
        (OSError(errno.EHOSTUNREACH, "No route to host"), "The server cannot be reached from here."),
        (OSError(errno.ENETUNREACH, "Network is unreachable"), "The server cannot be reached from here."),
        (ConnectionResetError(errno.ECONNRESET, "Connection reset by peer"), "The server closed the connection."),
        (BrokenPipeError(errno.EPIPE, "Broken pipe"), "The server closed the connection."),
        (http.client.RemoteDisconnected("closed without response"), "The server closed the connection."),
        (smtplib.SMTPServerDisconnected("Connection unexpectedly closed"), "The server closed the connection."),
        (http.client.BadStatusLine("nonsense"), "The server's response is not valid HTTP."),
        (
            ssl.SSLError(1, "[SSL: WRONG_VERSION_NUMBER] wrong version number"),
            "The server did not accept an encrypted connection. Check the port and the encryption setting.",
        ),
        (OSError(errno.EMFILE, "Too many open files"), "The connection failed (Too many open files)."),
    ],
)
def test_a_failed_connection_is_told_in_words(error: Exception, text: str) -> None:
    assert why_failed(error) == text
    assert why_failed(caused(RuntimeError("urllib3 says a lot"), error)) == text or "Too many" in text


def test_a_bad_certificate_says_what_is_wrong_with_it() -> None:
    error = ssl.SSLCertVerificationError(1, "[SSL] certificate verify failed")
    error.verify_message = "certificate has expired"
    assert why_failed(error) == "The server's certificate is not valid: certificate has expired."
