"""Clients that send slowly, half, or nothing, against gunicorn as the launcher starts it: others are served meanwhile."""

from __future__ import annotations

import http.client
import json
import os
import re
import shutil
import signal
import socket
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import pytest

from flowapp.config import Settings
from flowapp.launcher.procfile import parse
from flowapp.models.tenancy import make_engine, prepare_engine
from flowapp.serving.peers import peer_of
from tests.conftest import ROOT, base_environ
from tests.support.cost import SOON
from tests.support.processes import free_port, server, wait_until
from tests.support.tenant import make_tenant

CROWD = 300
HEAD = b"POST /hooks/nobody/ HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
HANDSHAKE = (
    b"GET /ws/automation/monitor/?token=%s HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n"
)
ATTACKS = {
    "nothing": b"",
    "half a head": b"GET /healthz HTTP/1.1\r\nHost: x\r\nX-Slow: ",
    "half a body": HEAD + b"Content-Length: 500000\r\n\r\n" + b"x" * 100_000,
    "half a chunked body": HEAD + b"Transfer-Encoding: chunked\r\n\r\n186a0\r\n" + b"x" * 50_000,
    "an answer that is never taken": b"GET /healthz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n",
    "a body that is too large, and never comes": HEAD + b"Content-Length: 50000000\r\n\r\n",
    "half of a second request": b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\nGET /healthz HTTP/1.1\r\n",
}


@dataclass
class Site:
    """A running web process."""

    port: int
    worker: int  # its process id
    worker_class: str
    token: str  # of an owner
    other_token: str  # of another organization's

    def get(self, path: str = "/healthz", host: str = "127.0.0.9", timeout: float = SOON) -> int:
        """The status of an answer to a client at another address."""
        with closing(http.client.HTTPConnection("127.0.0.1", self.port, timeout, (host, 0))) as client:
            client.request("GET", path)
            return client.getresponse().status

    def memory(self) -> int:
        """Resident bytes of the process."""
        pages = int(Path(f"/proc/{self.worker}/statm").read_text().split()[1])
        return pages * os.sysconf("SC_PAGE_SIZE")

    def open(self, data: bytes, host: str = "127.0.0.1") -> socket.socket:
        """A client that has sent `data`."""
        client = socket.create_connection(("127.0.0.1", self.port), timeout=20, source_address=(host, 0))
        client.sendall(data)
        return client


@contextmanager
def running(worker_class: str, template: Path, redis_url: str, folder: Path, **more: str) -> Iterator[Site]:
    shutil.copyfile(template, folder / "flowapp.db")
    port = free_port()
    environ = base_environ(folder / "data") | {
        "DATABASE_URL": f"sqlite:///{folder}/flowapp.db",
        "REDIS_URL": redis_url,
        "PORT": str(port),
        "GUNICORN_CMD_ARGS": f"-k {worker_class}",
        **more,
    }
    settings = Settings.from_env(environ)
    engine = make_engine(settings)
    prepare_engine(engine, settings)
    argv = [sys.executable, "-m", *parse((ROOT / "Procfile").read_text(), environ)["web"]]
    with server(argv, folder / "log", stop_with=signal.SIGTERM, cwd=ROOT, env=environ) as master:
        wait_until(lambda: answers(port), message="gunicorn did not answer")
        site = Site(port, master.pid, worker_class, make_tenant(engine).token, make_tenant(engine, "Other").token)
        assert site.get(timeout=30) == 200
        site.worker = int(Path(f"/proc/{master.pid}/task/{master.pid}/children").read_text().split()[0])
        yield site
    engine.dispose()


def answers(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


@pytest.fixture(scope="module", params=["gthread", "gevent"])
def site(
    request: pytest.FixtureRequest, sqlite_template: Path, _valkey: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Site]:
    folder = tmp_path_factory.mktemp("site")
    with running(request.param, sqlite_template, _valkey, folder) as site:
        yield site


@pytest.mark.parametrize("attack", ATTACKS)
def test_others_are_served_while_a_crowd_sends_slowly(site: Site, attack: str) -> None:
    before = site.memory()
    with ExitStack() as crowd:
        for number in range(CROWD):  # from three addresses, so that no cap helps
            crowd.enter_context(site.open(ATTACKS[attack], f"127.0.0.{1 + number % 3}"))
        for _ in range(10):
            assert site.get() == 200  # the crowd has 30 seconds for its requests
        assert site.memory() - before < 150 * 2**20


def answer(client: socket.socket) -> tuple[int, bytes]:
    """The status and all that follows, until the server closes."""
    data = b""
    while piece := client.recv(65_536):
        data += piece
    return int(data[9:12] or b"0"), data


@pytest.fixture(scope="module", params=["gthread", "gevent"])
def strict(
    request: pytest.FixtureRequest, sqlite_template: Path, _valkey: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Site]:
    """One that waits a second, and takes 20 connections of an address."""
    limits = {"FLOWAPP_READ_SECONDS": "1", "FLOWAPP_PEER_CONNECTIONS": "20"}
    with running(request.param, sqlite_template, _valkey, tmp_path_factory.mktemp("strict"), **limits) as site:
        yield site


@pytest.mark.parametrize("attack", ["half a head", "half a body", "half a chunked body"])
def test_what_does_not_come_in_time_is_given_up(strict: Site, attack: str) -> None:
    began = time.monotonic()
    with strict.open(ATTACKS[attack]) as client:
        status, _ = answer(client)
    assert time.monotonic() - began < 10
    assert status == (0 if strict.worker_class == "gevent" and attack == "half a head" else 408)


def test_drop_by_drop_gains_no_time(strict: Site) -> None:
    began = time.monotonic()
    with strict.open(HEAD + b"Content-Length: 1000\r\n\r\n") as client, suppress(OSError):
        client.settimeout(0.1)
        while time.monotonic() - began < 15:
            client.sendall(b"x")
            with suppress(TimeoutError):
                if client.recv(1000):
                    break
    assert time.monotonic() - began < 10


def test_an_address_with_too_many_connections_loses_the_oldest_that_waits(strict: Site) -> None:
    with ExitStack() as crowd:
        clients = [crowd.enter_context(strict.open(b"GET / HTTP/1.1\r\n", "127.0.0.7")) for _ in range(60)]
        assert strict.get(host="127.0.0.7") == 200
        assert answer(clients[0])[0] in (0, 408)


def test_who_holds_all_its_connections_busy_is_refused(strict: Site) -> None:
    with ExitStack() as crowd:
        for _ in range(20):
            client = crowd.enter_context(strict.open(HANDSHAKE % strict.token.encode(), "127.0.0.8"))
            assert client.recv(12) == b"HTTP/1.1 101"
        with strict.open(b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n", "127.0.0.8") as one_more:
            status, text = answer(one_more)
        assert (status, b"Retry-After" in text) == (429, True)
        assert strict.get() == 200


def pieces(data: bytes, size: int) -> Iterator[bytes]:
    return (data[at : at + size] for at in range(0, len(data), size))


BODY = json.dumps({"name": "W", "description": "d" * 3000}).encode()
CHUNKED = b"".join(b"%x;a=b\r\n%s\r\n" % (len(part), part) for part in pieces(BODY, 1000)) + b"0\r\nX-Last: 1\r\n\r\n"
GET = b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n"
POST = b"POST /api/v1/automation/workflows/ HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer TOKEN\r\nContent-Type: application/json\r\n"
LARGE = b"x" * 5_000_000
IMPORT = b"/tables/00000000-0000-0000-0000-000000000000/import"
FORM = POST.replace(b"application/json", b"multipart/form-data; boundary=cut").replace(
    b"/api/v1/automation/workflows/", IMPORT
)
FILE = b'--cut\r\nContent-Disposition: form-data; name="file"; filename="x"\r\n\r\n' + LARGE + b"\r\n--cut--\r\n"
REQUESTS = {
    "no body": (GET, 200),
    "an empty line first": (b"\r\n" + GET, 200),
    "of HTTP/1.0": (b"GET /healthz HTTP/1.0\r\n\r\n", 200),
    "a body": (POST + b"Content-Length: %d\r\n\r\n%s" % (len(BODY), BODY), 201),
    "chunks": (POST + b"Transfer-Encoding: chunked\r\n\r\n" + CHUNKED, 201),
    "too large": (POST + b"Content-Length: 9000000\r\n\r\n", 413),
    "a form with a file": (FORM + b"Content-Length: %d\r\n\r\n%s" % (len(FILE), FILE), 404),
    "a file in chunks": (FORM + b"Transfer-Encoding: chunked\r\n\r\n%x\r\n%s\r\n0\r\n\r\n" % (len(FILE), FILE), 404),
    "chunks that are too large": (POST + b"Transfer-Encoding: chunked\r\n\r\n4c4b40\r\n" + LARGE, 413),
    "both lengths": (POST + b"Content-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400),
    "two lengths": (POST + b"Content-Length: 4\r\nContent-Length: 5\r\n\r\nabcde", 400),
    "a length that is none": (POST + b"Content-Length: -1\r\n\r\n", 400),
    "a chunk that is none": (POST + b"Transfer-Encoding: chunked\r\n\r\nzz\r\n\r\n", 400),
    "no request": (b"hello\r\n\r\n", 400),
    "a bare line feed": (b"GET / HTTP/1.1\nHost: x\n\n", 400),
}


@pytest.mark.parametrize("size", [1 << 20, 7])
@pytest.mark.parametrize("kind", REQUESTS)
def test_a_request_in_pieces_is_answered_as_a_whole_one(site: Site, kind: str, size: int) -> None:
    request, expected = REQUESTS[kind]
    with site.open(b"") as client:
        client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        with suppress(OSError):  # it may be refused before all was sent
            for piece in pieces(request.replace(b"TOKEN", site.token.encode()), max(size, len(request) // 1000)):
                client.sendall(piece)
        assert re.fullmatch(rb"HTTP/1.[01] %d" % expected, client.recv(12))


def test_several_requests_on_one_connection(site: Site) -> None:
    post = POST.replace(b"TOKEN", site.token.encode()) + b"Content-Length: %d\r\n\r\n%s" % (len(BODY), BODY)
    with site.open(GET + post + GET + post[:-1]) as client:
        time.sleep(0.2)
        client.sendall(post[-1:] + GET.replace(b"Host", b"Connection: close\r\nHost"))
        _, text = answer(client)
    assert re.findall(rb"HTTP/1.1 (\d+)", text) == [b"200", b"201", b"200", b"201", b"200"]


def test_a_client_that_asks_first_is_told_to_go_on(site: Site) -> None:
    ask = POST.replace(b"TOKEN", site.token.encode()) + b"Expect: 100-continue\r\nContent-Length: %d\r\n\r\n" % len(
        BODY
    )
    with site.open(ask) as client:
        assert client.recv(1000) == b"HTTP/1.1 100 Continue\r\n\r\n"
        client.sendall(BODY)
        assert client.recv(12) == b"HTTP/1.1 201"


def test_a_head_without_end_is_refused(site: Site) -> None:
    before = site.memory()
    began = time.monotonic()
    with site.open(b"GET /healthz HTTP/1.1\r\nHost: x\r\n") as client, suppress(OSError):
        while time.monotonic() - began < 15:
            client.sendall(b"X: " + b"x" * 8000 + b"\r\n")
    assert time.monotonic() - began < 10
    assert site.memory() - before < 100 * 2**20


REFUSED = {
    "a request line of 8,191 bytes": (b"GET /%s HTTP/1.1" % (b"x" * (8191 - 14)), b"", 414, "what is long in the body"),
    "one of 60,000": (b"GET /%s HTTP/1.1" % (b"x" * 60_000), b"", 414, "what is long in the body"),
    "a header of 9,000 bytes": (b"GET / HTTP/1.1", b"X: %s\r\n" % (b"x" * 9000), 431, "headers are too large"),
    "150 headers": (b"GET / HTTP/1.1", b"X: x\r\n" * 150, 431, "or too many"),
    "no request": (b"<html>", b"", 400, "Invalid Request Line"),
    "a header without a colon": (b"GET / HTTP/1.1", b"<b>\r\n", 400, "<b>"),
    "a folded header": (b"GET / HTTP/1.1", b"X: x\r\n y\r\n", 400, ""),
    "an unknown coding": (b"POST / HTTP/1.1", b"Transfer-Encoding: own, chunked\r\n", 501, ""),
}


@pytest.mark.parametrize("kind", REFUSED)
def test_what_gunicorn_refuses_is_answered_in_our_form(site: Site, kind: str) -> None:
    line, headers, status, said = REFUSED[kind]
    with site.open(line + b"\r\nHost: x\r\n" + headers + b"\r\n") as client:
        found, text = answer(client)
    head, _, body = text.partition(b"\r\n\r\n")
    assert (found, b"Content-Type: application/problem+json" in head) == (status, True), text
    problem = json.loads(body)
    assert problem["status"] == status
    assert problem["title"]
    assert said in problem["detail"]


def test_a_long_query_is_read(site: Site) -> None:
    path = f"/api/workflows/?search={'x' * 8000}"
    assert site.get(path) == 401


@pytest.mark.parametrize(
    ("client", "peer"),
    [
        (("127.0.0.1", 9), "127.0.0.1"), (("2001:db8:1:2:3::4", 9, 0, 0), "2001:db8:1:2::/64"),
        (("::ffff:10.0.0.1", 9, 0, 0), "10.0.0.1"), (("fe80::1%eth0", 9, 0, 2), "fe80::/64"), ("", ""), (b"", ""),
    ],
)  # fmt: skip
def test_whose_a_connection_is(client: object, peer: str) -> None:
    assert peer_of(client) == peer


def test_one_member_does_not_take_all_sockets(site: Site) -> None:
    before = site.memory()
    with ExitStack() as crowd:
        taken = 0
        for number in range(100):  # from several addresses
            client = crowd.enter_context(site.open(HANDSHAKE % site.token.encode(), f"127.0.0.{1 + number % 5}"))
            answered = client.recv(4096)
            assert answered.startswith(b"HTTP/1.1 101")
            taken += b"initial_stats" in (answered.partition(b"\r\n\r\n")[2] or client.recv(4096))
        assert taken == 20
        with site.open(HANDSHAKE % site.other_token.encode(), "127.0.0.9") as other:
            answered = other.recv(4096)
            assert b"initial_stats" in (answered.partition(b"\r\n\r\n")[2] or other.recv(4096))
        assert site.get() == 200
        assert site.memory() - before < 150 * 2**20


@pytest.mark.parametrize("option", ["-k gevent", "--worker-class=gevent"])
def test_several_gevent_workers_patch_before_the_application_is_loaded(
    option: str, sqlite_template: Path, _valkey: str, tmp_path: Path
) -> None:
    """Whatever was imported before would wait with its whole process, and TLS would recurse."""
    more = {"WEB_CONCURRENCY": "2", "GUNICORN_CMD_ARGS": option}
    with running("gevent", sqlite_template, _valkey, tmp_path, **more) as site:
        parent = int(Path(f"/proc/{site.worker}/stat").read_text().rpartition(")")[2].split()[1])
        assert len(Path(f"/proc/{parent}/task/{parent}/children").read_text().split()) == 2
        assert {site.get() for _ in range(20)} == {200}
    assert "MonkeyPatchWarning" not in (tmp_path / "log").read_text()
