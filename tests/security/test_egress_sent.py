"""Where a call comes to nothing, SafeHttp says whether the other side may have received it (details.sent)."""

from __future__ import annotations

import socket
import struct
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

import pytest

from flowapp.errors import StepError
from flowapp.security.addresses import Guard
from flowapp.security.egress import SafeHttp

Behave = Callable[[socket.socket], object]


@contextmanager
def server(behave: Behave) -> Iterator[int]:
    """The port of a server that does this with its one connection."""

    def run() -> None:
        with suppress(OSError), listener.accept()[0] as connection:
            connection.settimeout(5)
            behave(connection)

    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=run)
        thread.start()
        try:
            yield listener.getsockname()[1]
        finally:
            thread.join(10)


def closes(connection: socket.socket) -> None:
    connection.recv(65536)


def resets(connection: socket.socket) -> None:
    connection.recv(65536)
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


def says_half(connection: socket.socket) -> None:
    connection.recv(65536)
    connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 50\r\n\r\n{")


def says_nonsense(connection: socket.socket) -> None:
    connection.recv(65536)
    connection.sendall(b"220 mail.example ESMTP\r\n")


def stays_silent(connection: socket.socket) -> None:
    while connection.recv(65536):
        pass


def leads_away(connection: socket.socket) -> None:
    """The work is done, and its page lies where nobody answers."""
    connection.recv(65536)
    connection.sendall(b"HTTP/1.1 303 See Other\r\nLocation: http://127.0.0.1:1/\r\nContent-Length: 0\r\n\r\n")


def leads_on(connection: socket.socket) -> None:
    """The work is to be done elsewhere."""
    connection.recv(65536)
    connection.sendall(b"HTTP/1.1 307 Elsewhere\r\nLocation: http://127.0.0.1:1/\r\nContent-Length: 0\r\n\r\n")


def failure(address: str, http: SafeHttp | None = None) -> StepError:
    with pytest.raises(StepError) as caught:
        (http or SafeHttp(("127.0.0.1",))).request("POST", address, json={"a": 1}, timeout=0.3)
    assert not caught.value.permanent
    return caught.value


@pytest.mark.parametrize("behave", [closes, resets, says_half, says_nonsense, stays_silent, leads_away])
def test_what_broke_after_sending_may_have_been_received(behave: Behave) -> None:
    with server(behave) as port:
        assert failure(f"http://127.0.0.1:{port}/").details == {"sent": True}


@pytest.mark.parametrize("behave", [closes, resets, says_nonsense, stays_silent])
def test_without_tls_nothing_was_sent(behave: Behave) -> None:
    with server(behave) as port:
        assert failure(f"https://127.0.0.1:{port}/").details == {}


def test_without_a_connection_nothing_was_sent() -> None:
    assert failure("http://127.0.0.1:1/").details == {}
    assert failure("https://127.0.0.1:1/").details == {}
    with server(leads_on) as port:
        assert failure(f"http://127.0.0.1:{port}/").details == {}


@pytest.mark.parametrize("error", [socket.gaierror(-2, "Name or service not known"), TimeoutError("timed out")])
def test_without_an_address_or_in_time_nothing_was_sent(error: OSError) -> None:
    def connect(_address: str, _port: int, _timeout: float) -> socket.socket:
        raise error

    def resolve(_host: str, _port: int) -> list[str]:
        if isinstance(error, socket.gaierror):
            raise error
        return ["93.184.216.34"]

    http = SafeHttp(guard=Guard((), resolve=resolve, connect=connect))
    assert failure("http://api.example.com/", http).details == {}
