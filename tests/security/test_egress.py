"""The guard with a stubbed resolver and connector, and SafeHttp against real servers on loopback."""

from __future__ import annotations

import gzip
import ipaddress
import socket
import ssl
import threading
import time
import tracemalloc
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any

import pytest

from flowapp.errors import EgressError, StepError
from flowapp.security import cutoff
from flowapp.security.addresses import Guard, connect, is_public
from flowapp.security.egress import MAX_READ, SafeHttp
from flowapp.security.responses import MAX_TEXT
from tests.support.cost import SOON
from tests.support.servers.sink import Answer, running_sink

NOT_PUBLIC = [
    "127.0.0.1", "127.8.8.8", "0.0.0.0", "10.0.0.1", "172.16.0.1", "172.31.255.255", "192.168.1.1", "169.254.169.254",
    "100.64.0.1", "168.63.129.16", "192.0.0.8", "192.0.2.1", "198.18.0.1", "198.51.100.7", "203.0.113.7", "224.0.0.1",
    "239.255.255.250", "240.0.0.1", "255.255.255.255", "192.88.99.1", "::", "::1", "fe80::1", "fc00::1", "fd00:ec2::254",
    "ff02::1", "fec0::1", "::ffff:127.0.0.1", "::ffff:8.8.8.8", "64:ff9b::7f00:1", "64:ff9b:1::1", "2002:7f00:1::",
    "2001::1", "2001:db8::1", "100::1", "3fff::1", "5f00::1", "::7f00:1", "::ffff:0:7f00:1", "64:ff9b:2::1", "4000::1",
    "2620:4f:8000::1", "169.254.170.2", "100.100.100.200", "192.0.0.192", "fd20:ce::254", "::ffff:169.254.169.254",
    "2002:a9fe:a9fe::1", "2001:0:a9fe:a9fe::1", "fe80::a9fe:a9fe", "febf::1", "ff0e::1", "100:0:0:1::1",
]  # fmt: skip


class Net:
    """A resolver that answers from a list, and a connector that leads every address to one loopback port."""

    def __init__(self, port: int = 0, **names: list[str]) -> None:
        self.port, self.names = port, {name.replace("_", "."): found for name, found in names.items()}
        self.asked: list[str] = []
        self.opened: list[tuple[str, int]] = []

    def resolve(self, host: str, port: int) -> list[str]:
        self.asked.append(host)
        if host not in self.names:
            raise socket.gaierror(-2, "Name or service not known")
        return self.names[host]

    def connect(self, address: str, port: int, timeout: float) -> socket.socket:
        self.opened.append((address, port))
        return connect("127.0.0.1", self.port, timeout)

    def guard(self, *allow: str) -> Guard:
        return Guard(allow, resolve=self.resolve, connect=self.connect)


@pytest.mark.parametrize("address", NOT_PUBLIC)
def test_addresses_that_lead_inside(address: str) -> None:
    assert not is_public(ipaddress.ip_address(address))


@pytest.mark.parametrize("address", ["8.8.8.8", "93.184.215.14", "2606:2800:21f:cb07::1", "2a00:1450:4001::1"])
def test_public_addresses(address: str) -> None:
    assert is_public(ipaddress.ip_address(address))


@pytest.mark.parametrize(
    "host", ["127.0.0.1", "127.1", "2130706433", "0x7f.1", "::1", "::ffff:127.0.0.1", "localhost", "LOCALHOST"]
)
def test_every_way_to_write_this_machine_is_refused(host: str) -> None:
    shown = f"[{host}]" if ":" in host else host
    with pytest.raises(EgressError, match="FLOWAPP_EGRESS_ALLOW") as caught:
        SafeHttp().request("GET", f"http://{shown}:1/")
    assert caught.value.permanent


@pytest.mark.parametrize(
    "host",
    [
        "0177.0.0.1", "127.0.0.1.", "0x7f000001", "017700000001", "0", "0.0.0.0", "[::]", "[::127.0.0.1]",
        "[0:0:0:0:0:ffff:7f00:1]", "[64:ff9b::127.0.0.1]", "[fe80::1%25lo]", "%31%32%37.0.0.1", "127。0。0。1",
        "①②⑦.0.0.1", "127.0.0.1%00.example", "127.0.0.1\\@8.8.8.8", "8.8.8.8@127.0.0.1", "127.0.0.1#@8.8.8.8",
    ],
)  # fmt: skip
def test_odd_ways_to_write_it_reach_nothing(host: str) -> None:
    def numeric(host: str, port: int) -> list[str]:
        """The system's reader of addresses, which sends nothing; as if every name led to this machine."""
        try:
            entries = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_NUMERICHOST)
        except (OSError, UnicodeError):
            return ["127.0.0.1"]
        return [str(entry[4][0]) for entry in entries]

    opened: list[str] = []

    def never(address: str, port: int, timeout: float) -> socket.socket:
        opened.append(address)
        raise ConnectionRefusedError

    with pytest.raises(StepError):
        SafeHttp(guard=Guard(resolve=numeric, connect=never)).request("GET", f"http://{host}/")
    assert opened == []


def test_only_the_allowed_addresses_of_a_name_are_used() -> None:
    net = Net(a_example=["10.0.0.1", "8.8.8.8"], inner_example=["10.0.0.1", "192.168.0.9"])
    assert net.guard().addresses("a.example", 80) == ["8.8.8.8"]
    with pytest.raises(EgressError, match=r"10\.0\.0\.1, 192\.168\.0\.9 is not public"):
        net.guard().addresses("inner.example", 80)
    assert net.guard("192.168.0.0/16").addresses("inner.example", 80) == ["192.168.0.9"]
    assert net.guard("Inner.Example.").addresses("inner.example", 80) == ["10.0.0.1", "192.168.0.9"]
    assert net.guard("10.0.0.1").addresses("inner.example", 80) == ["10.0.0.1"]


def test_a_name_that_nobody_knows_is_a_temporary_error() -> None:
    with pytest.raises(StepError, match="was not found") as caught:
        Net().guard().connect("nobody.example", 80, 1)
    assert not caught.value.permanent
    with pytest.raises(StepError):
        Guard().addresses("a" * 64 + ".example", 80)  # too long a label to be encoded


def test_the_name_is_resolved_once_and_the_checked_address_connected(sink) -> None:
    net = Net(sink.port, shop_example=["8.8.8.8"])

    def resolve(host: str, port: int) -> list[str]:
        found = net.resolve(host, port)
        net.names[host] = ["127.0.0.1"]  # what a rebinding name would answer next
        return found

    http = SafeHttp(guard=Guard(resolve=resolve, connect=net.connect))
    http.request("GET", "http://shop.example/a")
    http.request("GET", "http://shop.example/b")  # the same connection: not resolved again
    assert (net.asked, net.opened) == (["shop.example"], [("8.8.8.8", 80)])
    assert sink.requests[0].headers["Host"] == "shop.example"


def test_the_next_address_is_tried_when_one_does_not_answer(sink) -> None:
    net = Net(sink.port, two_example=["8.8.8.8", "8.8.4.4"])

    def connect_second(address: str, port: int, timeout: float) -> socket.socket:
        if address == "8.8.8.8":
            raise ConnectionRefusedError(111, "Connection refused")
        return net.connect(address, port, timeout)

    http = SafeHttp(guard=Guard(resolve=net.resolve, connect=connect_second))
    assert http.request("GET", "http://two.example/").status == 200
    assert net.opened == [("8.8.4.4", 80)]


@pytest.fixture
def http() -> SafeHttp:
    return SafeHttp(("127.0.0.1",))


def test_json_is_sent_and_read(http: SafeHttp, sink) -> None:
    answer = http.request(
        "POST", sink.url("/a b?q=é"), json={"a": [1, None]}, headers={"X-A": "1"}, auth=("ann", "pässword")
    )
    [received] = sink.requests
    assert received.json == {"a": [1, None]}
    assert received.path == "/a%20b?q=%C3%A9"
    assert received.headers["User-Agent"] == "Flowapp"
    assert received.headers["Authorization"].startswith("Basic ")
    assert (answer.status, answer.json, answer.text) == (200, {"ok": True}, '{"ok": true}')
    assert answer.headers["content-type"] == "application/json"
    assert answer.duration_ms >= 0


@pytest.mark.parametrize(
    ("body", "kind", "text", "json"),
    [
        ("grün".encode("latin-1"), "text/plain; charset=ISO-8859-1", "grün", None),
        ("grün".encode(), "text/plain", "grün", None),
        (b"\xff", "text/plain; charset=nonsense", "ÿ", None),
        (b'{"a": 1}', "application/problem+json; charset=utf-8", '{"a": 1}', {"a": 1}),
        (b"{broken", "application/json", "{broken", None),
        (b"[1]", "text/html", "[1]", None),
        (b"", "application/json", "", None),
    ],
)
def test_answers_are_read_as_they_say_they_are(http: SafeHttp, sink, body, kind, text, json) -> None:
    sink.default = Answer(200, body, {"Content-Type": kind})
    answer = http.request("GET", sink.url())
    assert (answer.text, answer.json) == (text, json)


def test_packed_answers_are_unpacked_up_to_the_limit(http: SafeHttp, sink) -> None:
    headers = {"Content-Type": "text/plain", "Content-Encoding": "gzip"}
    sink.answers.append(Answer(200, gzip.compress(b"hello"), headers))
    sink.answers.append(Answer(200, gzip.compress(b"x" * (MAX_READ * 3)), headers))
    assert http.request("GET", sink.url()).text == "hello"
    assert http.request("GET", sink.url()).text == "x" * MAX_TEXT
    assert http.request("GET", sink.url()).status == 200  # the half-read connection is not used again


def test_json_that_is_too_large_is_an_error(http: SafeHttp, sink) -> None:
    sink.default = Answer(200, b'"' + b"x" * MAX_READ + b'"')
    with pytest.raises(StepError, match="more than 10 MiB") as caught:
        http.request("GET", sink.url())
    assert caught.value.permanent


def test_connections_are_kept_and_shared(http: SafeHttp, sink) -> None:
    net = Net(sink.port, kept_example=["8.8.8.8"])
    http = SafeHttp(guard=net.guard())
    for _ in range(5):
        http.request("POST", "http://kept.example/", json={})
    assert len(net.opened) == 1


def test_a_connection_that_the_server_closed_is_not_used(sink) -> None:
    net = Net(sink.port, kept_example=["8.8.8.8"])
    http = SafeHttp(guard=net.guard())
    sink.answers.append(Answer(headers={"Connection": "close"}))
    assert [http.request("GET", "http://kept.example/").status for _ in range(3)] == [200, 200, 200]
    assert len(net.opened) == 2


@pytest.mark.parametrize(
    ("status", "method", "then", "body"),
    [
        (301, "POST", "GET", b""),
        (302, "POST", "GET", b""),
        (303, "PUT", "GET", b""),
        (303, "HEAD", "HEAD", b""),
        (307, "POST", "POST", b'{"a":1}'),
        (308, "PUT", "PUT", b'{"a":1}'),
        (302, "GET", "GET", b""),
    ],
)
def test_redirects_within_the_origin(http: SafeHttp, sink, status, method, then, body) -> None:
    sink.answers.append(Answer(status, b"moved", {"Location": "/there?x=1"}))
    payload = {"a": 1} if method not in ("GET", "HEAD") else None
    answer = http.request(method, sink.url("/here"), json=payload, headers={"Authorization": "Bearer t"})
    last = sink.requests[-1]
    assert answer.status == 200
    assert (last.method, last.path, last.body) == (then, "/there?x=1", body)
    assert last.headers["Authorization"] == "Bearer t"
    assert ("Content-Type" in last.headers) is bool(body)


def test_secrets_do_not_follow_a_redirect_to_another_origin(http: SafeHttp, sink) -> None:
    with running_sink() as other:
        sink.default = Answer(307, b"", {"Location": other.url("/x")})
        secrets = {"X-Api-Key": "k", "Cookie": "c=1", "Idempotency-Key": "i"}
        http.request("POST", sink.url(), json={}, headers=secrets, auth=("a", "b"))
        [received] = other.requests
    assert not {"Authorization", "X-Api-Key", "Cookie"} & set(received.headers)
    assert received.headers["Idempotency-Key"] == "i"
    assert {"Authorization", "X-Api-Key", "Cookie"} <= set(sink.requests[0].headers)


@pytest.mark.parametrize(
    "location", ["http://10.0.0.1/", "http://[::1]:1/", "http://169.254.169.254/latest/meta-data/"]
)
def test_a_redirect_may_not_lead_inside(http: SafeHttp, sink, location) -> None:
    sink.default = Answer(302, b"", {"Location": location})
    with pytest.raises(EgressError, match="FLOWAPP_EGRESS_ALLOW"):
        http.request("GET", sink.url())


@pytest.mark.parametrize("location", ["file:///etc/passwd", "gopher://127.0.0.1/", "http://user:pw@127.0.0.1/"])
def test_a_redirect_may_not_leave_http(http: SafeHttp, sink, location) -> None:
    sink.default = Answer(302, b"", {"Location": location})
    with pytest.raises(StepError) as caught:
        http.request("GET", sink.url())
    assert caught.value.permanent


def test_redirects_in_a_circle_end(http: SafeHttp, sink) -> None:
    sink.default = Answer(302, b"", {"Location": "/again"})
    with pytest.raises(StepError, match="more than 5 times"):
        http.request("GET", sink.url())
    assert len(sink.requests) == 6


@pytest.mark.parametrize(
    "url", ["ftp://example.com/", "file:///etc/passwd", "example.com", "http://", "http:///x", "", "http://a b/", "http://[::1", "javascript:1", "http://u:p@a.example/", "http://a.example:99999/"]
)  # fmt: skip
def test_addresses_that_are_none(http: SafeHttp, url) -> None:
    with pytest.raises(StepError) as caught:
        http.request("GET", url)
    assert caught.value.permanent


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("X-A", "a\r\nB: c"),
        ("X A", "1"),
        ("Héader", "1"),
        ("Host", "x"),
        ("Content-Length", "5"),
        ("", "1"),
        ("X\r\nY", "1"),
    ],
)
def test_headers_that_cannot_be_sent(http: SafeHttp, sink, name, value) -> None:
    with pytest.raises(StepError) as caught:
        http.request("GET", sink.url(), headers={name: value})
    assert caught.value.permanent
    assert sink.requests == []


def test_json_that_cannot_be_written(http: SafeHttp, sink) -> None:
    with pytest.raises(StepError, match="cannot be sent as JSON") as caught:
        http.request("POST", sink.url(), json={"n": "\ud800"})
    assert caught.value.permanent
    assert sink.requests == []


def serve_once(behave: Callable[[socket.socket], None]) -> tuple[int, threading.Thread]:
    """A server for one connection that need not speak HTTP."""
    listener = socket.create_server(("127.0.0.1", 0))

    def run() -> None:
        with listener, listener.accept()[0] as connection:
            connection.recv(65536)
            behave(connection)

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    return listener.getsockname()[1], thread


def drip(head: bytes) -> Callable[[socket.socket], None]:
    def behave(connection: socket.socket) -> None:
        try:
            connection.sendall(head)
            for _ in range(1200):
                time.sleep(0.05)
                connection.sendall(b"x")
        except OSError:
            pass  # the client has had enough

    return behave


@pytest.mark.parametrize("head", [b"HTTP/1.1 200 OK\r\nX-Slow: ", b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n"])
def test_an_answer_drop_by_drop_gains_no_time(http: SafeHttp, head) -> None:
    port, thread = serve_once(drip(head))
    with pytest.raises(StepError, match="did not respond in time") as caught:
        http.request("GET", f"http://127.0.0.1:{port}/", timeout=0.3)
    thread.join(SOON)  # the server notices within two drops: had the client waited it would drip for a minute
    assert not thread.is_alive()
    assert not caught.value.permanent


@pytest.mark.parametrize("sent", [b"", b"nonsense\r\n\r\n", b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc"])
def test_broken_answers_are_temporary_errors(http: SafeHttp, sent) -> None:
    port, _ = serve_once(lambda connection: connection.sendall(sent))
    with pytest.raises(StepError, match="failed") as caught:
        http.request("GET", f"http://127.0.0.1:{port}/?key=secret")
    assert not caught.value.permanent
    assert "secret" not in caught.value.message


def test_a_port_where_nobody_listens_is_a_temporary_error(http: SafeHttp) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    with pytest.raises(
        StepError, match=r"Could not connect to 127\.0\.0\.1, port \d+\. The server refused the connection\."
    ) as caught:
        http.request("GET", f"http://127.0.0.1:{port}/")
    assert not isinstance(caught.value, EgressError)
    assert not caught.value.permanent


def self_signed(tmp_path: Any, *hosts: str) -> ssl.SSLContext:
    from datetime import UTC, datetime, timedelta

    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "localhost")])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number(), now, now + timedelta(1))
        .add_extension(
            x509.SubjectAlternativeName([x509.DNSName(host) for host in ("localhost", "shop.example", *hosts)]), False
        )
        .sign(key, hashes.SHA256())
    )
    (tmp_path / "cert.pem").write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    (tmp_path / "key.pem").write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(tmp_path / "cert.pem", tmp_path / "key.pem")
    return context


def serve_tls(context: ssl.SSLContext) -> int:
    listener = socket.create_server(("127.0.0.1", 0))

    def run() -> None:
        with listener, listener.accept()[0] as raw:
            try:
                with context.wrap_socket(raw, server_side=True) as connection:
                    connection.recv(65536)
                    connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nhi")
            except OSError:
                pass  # the client refused the certificate

    threading.Thread(target=run, daemon=True).start()
    return listener.getsockname()[1]


def test_certificates_are_checked(tmp_path) -> None:
    port = serve_tls(self_signed(tmp_path))
    with pytest.raises(StepError, match="certificate is not valid"):
        SafeHttp(("127.0.0.0/8", "::1")).request("GET", f"https://localhost:{port}/")


def test_the_certificate_is_of_the_name_though_the_address_was_connected(tmp_path, monkeypatch) -> None:
    port = serve_tls(self_signed(tmp_path))
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "cert.pem"))
    net = Net(port, shop_example=["8.8.8.8"])
    assert SafeHttp(guard=net.guard()).request("GET", "https://shop.example/").text == "hi"
    assert net.opened == [("8.8.8.8", 443)]


@contextmanager
def hostile(*said: bytes, endless: bytes = b"", pause: float = 0.05) -> Iterator[str]:
    """A server that says something to each connection, then something for ever; it reads nothing."""
    stop, threads = threading.Event(), []

    def serve(client: socket.socket) -> None:
        with client, suppress(OSError):
            client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            for part in said:
                client.sendall(part)
            while not stop.wait(pause):
                client.sendall(endless)

    def accept(listener: socket.socket) -> None:
        with suppress(OSError):
            while True:
                threads.append(threading.Thread(target=serve, args=(listener.accept()[0],)))
                threads[-1].start()

    with socket.create_server(("127.0.0.1", 0)) as listener:
        acceptor = threading.Thread(target=accept, args=(listener,))
        acceptor.start()
        try:
            yield f"127.0.0.1:{listener.getsockname()[1]}"
        finally:
            stop.set()
            listener.shutdown(socket.SHUT_RDWR)
            acceptor.join()
            for thread in threads:
                thread.join()


@pytest.mark.parametrize(
    ("scheme", "said", "endless"),
    [
        ("https", b"\x16\x03\x03\x40\x00\x02\x00\x3f\xfc", b"\0"),  # a handshake that comes in drops
        ("http", b"", b"HTTP/1.1 100 Continue\r\n\r\n"),
        ("http", b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", b"1"),
        ("http", b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n", b"X: y\r\n"),
        ("http", b"HTTP/1.1 302 Found\r\nLocation: /x\r\nContent-Length: 60000\r\n\r\n", b"x"),
    ],
    ids=["handshake", "continue", "chunk", "trailer", "redirect"],
)
def test_a_server_that_never_comes_to_an_end_gains_no_time(
    http: SafeHttp, scheme: str, said: bytes, endless: bytes
) -> None:
    began = time.monotonic()
    with hostile(said, endless=endless) as place, pytest.raises(StepError, match=r"in time|failed|redirects"):
        http.request("GET", f"{scheme}://{place}/", timeout=1)
    assert time.monotonic() - began < 10


def test_a_server_that_takes_nothing_gains_no_time(http: SafeHttp) -> None:
    began = time.monotonic()
    with hostile() as place, pytest.raises(StepError, match=r"in time|failed"):
        http.request("POST", f"http://{place}/", body=b"x" * 30_000_000, timeout=1)
    assert time.monotonic() - began < 10


@pytest.mark.parametrize(
    "charset", ["punycode", "idna", "undefined", "unicode_escape", "utf-7", "rot13", "zip", "x" * 500]
)
def test_no_encoding_is_slow_or_raises(http: SafeHttp, sink, charset: str) -> None:
    body = b"=?a-" * (MAX_TEXT // 4)
    sink.default = Answer(200, body, {"Content-Type": f"text/plain; charset={charset}"})
    began = time.process_time()
    assert http.request("GET", sink.url()).text == body.decode()[:MAX_TEXT]
    assert time.process_time() - began < 2


def test_many_headers_are_refused(http: SafeHttp, sink) -> None:
    sink.default = Answer(200, b"", {f"X-{number}": "x" * 10_000 for number in range(50)})
    with pytest.raises(StepError, match="64 KiB of headers"):
        http.request("GET", sink.url())


def test_what_is_packed_is_unpacked_within_bounds(http: SafeHttp, sink) -> None:
    bomb = gzip.compress(b" " * (200 * 2**20), 9)
    headers = {"Content-Type": "text/plain", "Content-Encoding": "gzip"}
    sink.default = Answer(200, bomb, headers)
    tracemalloc.start()
    assert len(http.request("GET", sink.url()).text) == MAX_TEXT
    assert tracemalloc.get_traced_memory()[1] < 100 * 2**20
    tracemalloc.stop()


def test_what_is_watched_is_forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cutoff, "MANY", 10)
    monkeypatch.setattr(cutoff, "_clock", cutoff._Clock())
    one, other = socket.socketpair()
    with one, other:
        for _ in range(1000):
            cutoff.CutOff(one, 1000).done()
        assert len(cutoff._clock._due) <= 20
        cut_off = cutoff.CutOff(one, 0.05)
        other.settimeout(10)
        assert other.recv(1) == b""
        assert cut_off.expired
