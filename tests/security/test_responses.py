"""What a step sees of other servers' answers: bodies in every encoding, repeated headers, cookies on the way."""

from __future__ import annotations

import json

import pytest
from urllib3.util import parse_url

from flowapp.errors import StepError
from flowapp.security.charsets import decoded
from flowapp.security.cookies import Cookies
from flowapp.security.egress import MAX_READ, SafeHttp
from tests.corpus import entries
from tests.support.servers.sink import Answer, running_sink

ROWS = entries("answers")


@pytest.fixture
def http() -> SafeHttp:
    return SafeHttp(("127.0.0.1", "localhost"))


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row["from"][:40])
def test_bodies(http: SafeHttp, sink, row) -> None:
    data = bytes.fromhex(row["hex"]) if "hex" in row else row["text"].encode(row["as"])
    sink.default = Answer(200, data, {"Content-Type": row["type"]} if row["type"] else {})
    answer = http.request("GET", sink.url())
    if row.get("binary"):
        assert (answer.content, answer.text, answer.json) == (data, "", None)
    else:
        assert (answer.content, answer.text) == (None, row["text"])
        assert answer.json == (json.loads(row["text"]) if row.get("json") else None)


@pytest.mark.parametrize("encoding", ["utf-8", "cp1252", "shift_jis", "utf-16", "gb18030", "euc_jp", "cp1250"])
def test_no_byte_becomes_a_replacement(encoding) -> None:
    for data in (bytes(range(256)), bytes(range(255, -1, -1)), b"\xff" * 9, "é".encode()[:1]):
        assert "\ufffd" not in decoded(data, encoding)


def test_a_character_that_is_cut_does_not_change_the_others() -> None:
    assert decoded("é€🎉".encode()[:-1], whole=False) == "é€"
    assert decoded("é€🎉".encode()[:-1]) != "é€"


def test_headers_that_came_several_times_are_a_list(http: SafeHttp, sink) -> None:
    sink.default = Answer(
        200,
        b"",
        {"X-One": "1"},
        repeated=[("Set-Cookie", "a=1; Path=/"), ("Set-Cookie", "b=2"), ("Link", "<a>"), ("link", "<b>")],
    )
    headers = http.request("GET", sink.url()).headers
    assert headers["x-one"] == "1"
    assert (headers["set-cookie"], headers["link"]) == (["a=1; Path=/", "b=2"], ["<a>", "<b>"])


def test_a_header_in_utf_8_is_read_as_such(http: SafeHttp, sink) -> None:
    sink.default = Answer(200, b"", {"X-Name": "Zoé".encode().decode("latin-1"), "X-Old": "Zoé"})
    headers = http.request("GET", sink.url()).headers
    assert (headers["x-name"], headers["x-old"]) == ("Zoé", "Zoé")


@pytest.mark.parametrize(
    "location", ["/café?q=é".encode().decode("latin-1"), "/caf%C3%A9?q=%C3%A9", "/caf%c3%a9?q=%c3%a9"]
)
def test_a_location_is_encoded_once(http: SafeHttp, sink, location) -> None:
    sink.answers.append(Answer(302, b"", {"Location": location}))
    http.request("GET", sink.url())
    assert sink.requests[-1].path == "/caf%C3%A9?q=%C3%A9"


def test_cookies_of_a_redirect_are_kept_for_it(http: SafeHttp, sink) -> None:
    cookies = [
        ("Set-Cookie", "session=s1; Path=/; HttpOnly"),
        ("Set-Cookie", "deep=1; Path=/deep"),
        ("Set-Cookie", "safe=1; Secure"),
    ]
    sink.answers.append(Answer(302, b"", {"Location": "/in"}, repeated=cookies))
    sink.answers.append(Answer(302, b"", {"Location": "/in", "Set-Cookie": "session=s2; Path=/"}))
    http.request("GET", sink.url("/login"), headers={"Cookie": "mine=1; session=old"})
    http.request("GET", sink.url("/other"))
    login, first, second, other = (received.headers.get("Cookie") for received in sink.requests)
    assert (login, first, second, other) == ("mine=1; session=old", "mine=1; session=s1", "mine=1; session=s2", None)


def test_cookies_do_not_reach_another_host(http: SafeHttp, sink) -> None:
    with running_sink() as other:
        where = other.url("/x").replace("127.0.0.1", "localhost")
        sink.default = Answer(
            302,
            b"",
            {"Location": where},
            repeated=[("Set-Cookie", "a=1; Path=/"), ("Set-Cookie", "b=1; Domain=localhost")],
        )
        http.request("GET", sink.url(), headers={"Cookie": "mine=1"})
        assert other.requests[0].headers.get("Cookie") is None


@pytest.mark.parametrize(
    ("set_cookie", "target", "sent"),
    [
        ("a=1", "https://www.example.com/p/q", "a=1"),
        ("a=1", "https://www.example.com/", ""),
        ("a=1; Path=/", "https://www.example.com/", "a=1"),
        ("a=1; Path=/p", "https://www.example.com/pq", ""),
        ("a=1; Path=/; Domain=example.com", "https://app.example.com/", "a=1"),
        ("a=1; Path=/; Domain=.example.com", "https://example.com/", "a=1"),
        ("a=1; Path=/; Domain=other.example", "https://other.example/", ""),
        ("a=1; Path=/; Domain=com", "https://evil.com/", ""),
        ("a=1; Path=/", "https://app.example.com/", ""),
        ("a=1; Path=/; Secure", "http://www.example.com/", ""),
        ("a=1; Path=/; Max-Age=0", "https://www.example.com/", ""),
        ("a=1; Path=/; Max-Age=-5", "https://www.example.com/", ""),
        ("a=1; Path=/; Max-Age=60", "https://www.example.com/", "a=1"),
        ("broken", "https://www.example.com/", ""),
        ("=1; Path=/", "https://www.example.com/", ""),
    ],
)
def test_where_a_cookie_goes(set_cookie, target, sent) -> None:
    """RFC 6265, 5.1.3, 5.1.4, 5.3."""
    cookies = Cookies()
    cookies.keep(parse_url("https://www.example.com/p/page"), [set_cookie])
    assert cookies.header(parse_url(target)) == sent


def test_bytes_that_are_too_many_are_an_error(http: SafeHttp, sink) -> None:
    sink.default = Answer(200, b"\x89PNG\0" * (MAX_READ // 4), {"Content-Type": "image/png"})
    with pytest.raises(StepError, match="more than 10 MiB") as caught:
        http.request("GET", sink.url())
    assert caught.value.permanent
