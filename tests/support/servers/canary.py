"""A hundred secrets that may stand nowhere, and everything in which they could stand."""

from __future__ import annotations

import base64
import html
import json
import secrets
import socket
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from urllib.parse import quote, quote_plus, unquote, urlsplit

import redis
from sqlalchemy import Engine, MetaData, select

from flowapp.models.tenancy import SYSTEM, use_tenant


def make(count: int) -> list[str]:
    """Secrets whose forms differ: URLs, JSON, HTML and base64 write some of their characters another way."""
    return [f'cn{number:03}/+"{secrets.token_urlsafe(12)}&=' for number in range(count)]


def forms(secret: str) -> list[bytes]:
    """As it is, and as others write it."""
    plain = [secret, json.dumps(secret)[1:-1], html.escape(secret), quote(secret, safe=""), quote_plus(secret)]
    return [form.encode() for form in plain] + [core for before in range(3) for core in _cores(secret.encode(), before)]


def _cores(secret: bytes, before: int) -> Iterator[bytes]:
    """What stands in base64 wherever `before` bytes stand in front, without the characters that hold bits of others."""
    for encode in (base64.b64encode, base64.urlsafe_b64encode):
        yield encode(b"\0" * before + secret + b"\0\0")[2 if before else 0 : -4][:20]


def found(known: list[str], places: Mapping[str, bytes]) -> list[str]:
    """Which secret stands where."""
    return [
        f"{number} in {name}"
        for number, secret in enumerate(known)
        for name, content in places.items()
        if any(form in content for form in forms(secret))
    ]


def database(engine: Engine) -> bytes:
    """Every value of every row, and of SQLite the files themselves."""
    known, said = MetaData(), []
    known.reflect(engine)
    with engine.connect() as connection:
        use_tenant(connection, SYSTEM)
        for table in known.tables.values():
            for row in connection.execute(select(table)):
                said += [value if isinstance(value, bytes) else str(value).encode() for value in row]
    if engine.dialect.name == "sqlite":
        for ending in ("", "-wal"):
            with open(f"{engine.url.database}{ending}", "rb") as file:
                said.append(file.read())
    return b"\n".join(said)


@contextmanager
def listening(url: str) -> Iterator[list[bytes]]:
    """Whatever is sent to Redis meanwhile, and at the end what it keeps."""
    heard: list[bytes] = []
    with socket.socket(socket.AF_UNIX) as monitor, redis.Redis.from_url(url) as client:
        monitor.connect(unquote(urlsplit(url).path))
        monitor.sendall(b"MONITOR\r\n")
        heard.append(monitor.recv(64))

        def listen() -> None:
            while said := monitor.recv(1 << 20):
                heard.append(said)

        thread = threading.Thread(target=listen)
        thread.start()
        try:
            yield heard
        finally:
            client.ping()  # what came before it has been told by then
            monitor.shutdown(socket.SHUT_RDWR)
            thread.join()
            heard += [client.dump(key) or b"" for key in client.scan_iter()]
