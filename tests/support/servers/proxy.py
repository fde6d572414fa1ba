"""A network that can be cut: forwards TCP connections to a server, until it is told to swallow what it gets."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from urllib.parse import urlsplit

Address = str | tuple[str, int]  # a unix socket's path, or host and port


class Proxy:
    """Listens on `port` of the loopback. While it is `cut`, packets are taken and go nowhere, in both directions."""

    def __init__(self, target: Address) -> None:
        self._target = target
        self._open = threading.Event()
        self._open.set()
        self._sockets: set[socket.socket] = set()
        self.taken = 0  # connections
        self._server = socket.create_server(("127.0.0.1", 0), backlog=256)
        self.port: int = self._server.getsockname()[1]
        self._threads = [threading.Thread(target=self._accept, daemon=True)]
        self._threads[0].start()

    def cut(self) -> None:
        """From now on nothing passes; nobody is told."""
        self._open.clear()

    def mend(self) -> None:
        """What was held back passes now, and all that follows."""
        self._open.set()

    def sever(self) -> None:
        """Ends every connection; new ones are taken."""
        for one in list(self._sockets):
            with suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        """Ends everything."""
        with suppress(OSError):
            self._server.shutdown(socket.SHUT_RDWR)
        self._threads[0].join()
        self._server.close()
        self.mend()
        self.sever()
        for thread in self._threads[1:]:
            thread.join(10)

    def _accept(self) -> None:
        with suppress(OSError):  # the server was closed
            while True:
                client, _ = self._server.accept()
                self.taken += 1
                self._sockets.add(client)
                self._threads.append(threading.Thread(target=self._connect, args=(client,), daemon=True))
                self._threads[-1].start()

    def _connect(self, client: socket.socket) -> None:
        self._open.wait()
        kind = socket.AF_UNIX if isinstance(self._target, str) else socket.AF_INET
        with client, socket.socket(kind, socket.SOCK_STREAM) as server, suppress(OSError):
            server.connect(self._target)
            self._sockets.add(server)
            back = threading.Thread(target=self._pump, args=(server, client), daemon=True)
            back.start()
            self._pump(client, server)
            back.join()
            self._sockets -= {client, server}

    def _pump(self, source: socket.socket, sink: socket.socket) -> None:
        with suppress(OSError):
            while data := source.recv(65536):
                self._open.wait()
                sink.sendall(data)
        self._open.wait()
        for one in (source, sink):
            with suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)


@contextmanager
def proxied(url: str) -> Iterator[tuple[Proxy, str]]:
    """A proxy before the server of a URL of PostgreSQL's or Redis', and the URL that leads through it."""
    parts = urlsplit(url)
    if parts.scheme == "unix":  # Redis on a socket
        target: Address = parts.path
    elif parts.query.startswith("host="):
        target = f"{parts.query.removeprefix('host=')}/.s.PGSQL.5432"
    else:
        target = (parts.hostname or "127.0.0.1", parts.port or 6379)
    proxy = Proxy(target)
    user = f"{parts.username}@" if parts.username else ""
    scheme, path = ("redis", "/0") if parts.scheme == "unix" else (parts.scheme, parts.path)
    try:
        yield proxy, f"{scheme}://{user}127.0.0.1:{proxy.port}{path}"
    finally:
        proxy.close()
