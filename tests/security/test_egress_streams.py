"""What SafeHttp sends and receives piece by piece: files, iterators, multipart forms, downloads."""

from __future__ import annotations

import email
import gzip
import io
import socket
import tempfile
import threading
import tracemalloc
from collections.abc import Iterator
from contextlib import contextmanager
from email.message import Message
from typing import Any

import pytest

from flowapp.catalog import FilePart
from flowapp.errors import StepError
from flowapp.security.egress import SafeHttp
from flowapp.security.egress.connections import TIMEOUT, Pools
from tests.support.servers.sink import Answer, Received, Sink, running_sink

LARGE = 50 * 2**20
FLAT = 4 * 2**20


@pytest.fixture
def http() -> SafeHttp:
    return SafeHttp(("127.0.0.1",))


@contextmanager
def peak_memory() -> Iterator[list[int]]:
    """The most that was allocated meanwhile, in bytes."""
    peak: list[int] = []
    tracemalloc.start()
    try:
        yield peak
        peak.append(tracemalloc.get_traced_memory()[1])
    finally:
        tracemalloc.stop()


@contextmanager
def counting() -> Iterator[tuple[str, list[int]]]:
    """A server for one request that keeps nothing of its body but the length."""
    counted: list[int] = []

    def run() -> None:
        with listener.accept()[0] as connection:
            head, _, body = connection.recv(65536).partition(b"\r\n\r\n")
            length = int(head.lower().partition(b"content-length: ")[2].split(b"\r\n")[0])
            size = len(body)
            while size < length and (chunk := connection.recv(65536)):
                size += len(chunk)
            counted.append(size)
            connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")

    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=run)
        thread.start()
        yield f"http://127.0.0.1:{listener.getsockname()[1]}/", counted
        thread.join(10)


def form_of(received: Received) -> dict[str, Message]:
    """A multipart form as the standard library's reader of e-mails takes it apart."""
    whole = b"Content-Type: " + received.headers["Content-Type"].encode() + b"\r\n\r\n" + received.body
    parts: list[Any] = email.message_from_bytes(whole).get_payload()  # type: ignore[assignment]
    return {part.get_param("name", header="content-disposition"): part for part in parts}


def test_a_download_of_50_mb_keeps_memory_flat(http: SafeHttp, sink: Sink) -> None:
    sink.default = Answer(200, bytes(LARGE), {"Content-Type": "application/octet-stream"})
    with tempfile.TemporaryFile() as file, peak_memory() as peak:
        answer = http.request("GET", sink.url(), into=file)
        assert (answer.size, file.tell(), answer.text, answer.json, answer.content) == (LARGE, LARGE, "", None, None)
    assert peak[0] < FLAT
    assert http.request("GET", sink.url("/again"), into=io.BytesIO()).size == LARGE  # the connection is in order


def test_an_upload_of_50_mb_keeps_memory_flat(http: SafeHttp) -> None:
    with counting() as (url, counted), tempfile.TemporaryFile() as file, peak_memory() as peak:
        file.truncate(LARGE)
        assert http.request("PUT", url, body=file).status == 200
    assert (counted, peak[0] < FLAT) == ([LARGE], True)


def test_a_file_in_a_form_of_50_mb_keeps_memory_flat(http: SafeHttp) -> None:
    with counting() as (url, counted), tempfile.TemporaryFile() as file, peak_memory() as peak:
        file.truncate(LARGE)
        assert http.request("POST", url, files={"file": FilePart("a.bin", file)}).status == 200
    assert LARGE < counted[0] < LARGE + 1000
    assert peak[0] < FLAT


def test_a_file_is_sent_from_where_it_stands(http: SafeHttp, sink: Sink) -> None:
    file = io.BytesIO(b"skipped, sent")
    file.seek(9)
    http.request("PUT", sink.url(), body=file, headers={"Content-Type": "text/plain"})
    [received] = sink.requests
    assert (received.body, received.headers["Content-Length"]) == (b"sent", "4")
    assert "Transfer-Encoding" not in received.headers


def test_what_has_no_length_is_sent_in_chunks(http: SafeHttp, sink: Sink) -> None:
    http.request("POST", sink.url(), body=(part for part in (b"a", b"", b"bc")))
    [received] = sink.requests
    assert (received.body, received.headers["Transfer-Encoding"]) == (b"abc", "chunked")


def test_what_cannot_be_sought_is_read_in_bounded_pieces(http: SafeHttp, sink: Sink) -> None:
    reading, writing = socket.socketpair()
    with reading, writing, reading.makefile("rb") as pipe:
        writing.sendall(b"x" * 100_000)
        writing.shutdown(socket.SHUT_WR)
        http.request("POST", sink.url(), body=pipe)
    assert sink.requests[0].body == b"x" * 100_000


def test_empty_bodies_have_a_length(http: SafeHttp, sink: Sink) -> None:
    for body in (b"", io.BytesIO()):
        http.request("POST", sink.url(), body=body)
    assert [request.headers["Content-Length"] for request in sink.requests] == ["0", "0"]


def test_a_multipart_form_has_fields_and_files(http: SafeHttp, sink: Sink) -> None:
    files = {
        "photo": FilePart('a "b"\r\nX: é.png', b"\x89PNG\r\n", "image/png"),
        "notes": [FilePart("1.txt", io.BytesIO(b"one"), "text/plain"), FilePart("2.txt", [b"tw", b"o"], "text/plain")],
    }
    http.request(
        "POST", sink.url(), form={"title": "Grün", "tag": ["a", "b"]}, files=files, headers={"content-type": "x/y"}
    )
    [received] = sink.requests
    form = form_of(received)
    assert form["title"].get_payload(decode=True) == "Grün".encode()
    assert form["photo"].get_content_type() == "image/png"
    assert form["photo"].get_payload(decode=True) == b"\x89PNG\r\n"
    assert b'filename="a %22b%22%0D%0AX: \xc3\xa9.png"' in received.body
    assert received.body.count(b'name="tag"') == received.body.count(b'name="notes"') == 2
    assert b"two\r\n--" in received.body
    assert received.headers["Transfer-Encoding"] == "chunked"  # one of the files says no length


def test_a_form_whose_files_are_known_has_a_length(http: SafeHttp, sink: Sink) -> None:
    http.request("POST", sink.url(), files={"file": FilePart("a.txt", io.BytesIO(b"x" * 70_000))})
    [received] = sink.requests
    assert received.headers["Content-Length"] == str(len(received.body))
    assert form_of(received)["file"].get_payload(decode=True) == b"x" * 70_000


def test_a_download_is_bounded(sink: Sink) -> None:
    http = SafeHttp(("127.0.0.1",), max_download=2**20)
    sink.default = Answer(200, gzip.compress(b"x" * 3 * 2**20), {"Content-Encoding": "gzip"})  # 3 MiB, once unpacked
    file = io.BytesIO()
    with pytest.raises(StepError, match="more than 1 MiB") as caught:
        http.request("GET", sink.url(), into=file)
    assert caught.value.permanent
    assert len(file.getvalue()) <= 2**20
    sink.default = Answer(200, bytes(2**20 + 1))
    with pytest.raises(StepError, match="more than 1 MiB"):  # it says so itself, and nothing is read
        http.request("GET", sink.url(), into=file)


def test_what_a_service_refuses_is_read_as_text(http: SafeHttp, sink: Sink) -> None:
    sink.default = Answer(403, b'{"error": "no such bucket"}')
    file = io.BytesIO()
    answer = http.request("GET", sink.url(), into=file)
    assert (answer.status, answer.json, file.getvalue()) == (403, {"error": "no such bucket"}, b"")


def test_a_download_follows_redirects_and_keeps_repeated_headers(http: SafeHttp, sink: Sink) -> None:
    sink.answers.append(Answer(302, b"moved", {"Location": "/there"}))
    sink.default = Answer(200, b"data", {}, repeated=[("X-Part", "1"), ("X-Part", "2")])
    file = io.BytesIO()
    answer = http.request("GET", sink.url(), into=file)
    assert (file.getvalue(), answer.headers["x-part"]) == (b"data", ["1", "2"])


def test_a_download_that_breaks_off_is_a_temporary_error(http: SafeHttp) -> None:
    def run() -> None:
        with listener.accept()[0] as connection:
            connection.recv(65536)
            connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc")

    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=run)
        thread.start()
        with pytest.raises(StepError, match="closed the connection") as caught:
            http.request("GET", f"http://127.0.0.1:{listener.getsockname()[1]}/", into=io.BytesIO())
        thread.join(10)
    assert not caught.value.permanent


def test_a_file_is_sent_again_where_a_redirect_asks_for_it(http: SafeHttp, sink: Sink) -> None:
    sink.answers.append(Answer(307, b"", {"Location": "/there"}))
    http.request("PUT", sink.url(), body=io.BytesIO(b"data"))
    assert [(request.path, request.body) for request in sink.requests] == [("/", b"data"), ("/there", b"data")]


def test_what_streams_once_is_not_sent_again(http: SafeHttp, sink: Sink) -> None:
    sink.answers.append(Answer(307, b"", {"Location": "/there"}))
    with pytest.raises(StepError, match="can be sent only once"):
        http.request("PUT", sink.url(), body=iter([b"data"]))
    assert len(sink.requests) == 1


def test_a_file_does_not_follow_a_redirect_to_another_service(http: SafeHttp, sink: Sink) -> None:
    with running_sink() as other:
        sink.default = Answer(307, b"", {"Location": other.url()})
        with pytest.raises(StepError, match="would receive a secret"):
            http.request("PUT", sink.url(), body=io.BytesIO(b"data"))
        assert other.requests == []


def test_a_file_that_becomes_shorter_is_an_error(http: SafeHttp, sink: Sink) -> None:
    class Shrinking(io.BytesIO):
        def read(self, _size: int | None = -1, /) -> bytes:
            return b""

    with pytest.raises(StepError, match="became shorter"):
        http.request("PUT", sink.url(), body=Shrinking(b"data"))
    assert http.request("GET", sink.url()).status == 200  # the connection that was left half way is not used again


def test_an_iterator_that_fails_leaves_no_connection_behind(http: SafeHttp, sink: Sink) -> None:
    def broken() -> Iterator[bytes]:
        yield b"a"
        raise StepError("The source is gone.")

    with pytest.raises(StepError, match="The source is gone"):
        http.request("PUT", sink.url(), body=broken())
    assert http.request("GET", sink.url()).status == 200


def test_the_pools_have_a_timeout_of_their_own(http: SafeHttp, sink: Sink) -> None:
    pool = Pools(http.guard).connection_from_host("127.0.0.1", sink.port, "http")
    assert pool.timeout.total == TIMEOUT
    assert pool.urlopen("GET", "/").status == 200
