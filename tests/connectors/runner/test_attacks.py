"""What somebody tries who may write steps, and is not to learn or lead away an integration's secret."""

from __future__ import annotations

from typing import Any

import pytest

from flowapp.errors import StepError
from tests.connectors.runner.conftest import Make
from tests.support.servers.sink import Answer, Sink, running_sink

SECRET = "s3cret-of-ours"
HERE = "{method: GET, path: /x}"


@pytest.mark.parametrize(
    "path",
    [
        "http://evil.example/x", "HTTP://EVIL.example", "http://127.0.0.1@evil.example/", "http://127.0.0.1:1/",
        "http://127.0.0.1\\@evil.example/", "https://127.0.0.1/", "http://127.0.0.1.evil.example/", "http://[::1]/",
        "http://{{ 1 }}/", "http://[", "javascript://x",
    ],
)  # fmt: skip
def test_a_whole_address_elsewhere_is_refused(make: Make, sink: Sink, path: str) -> None:
    with pytest.raises(StepError, match="may be used at http://127") as caught:
        make(HERE)("probe_custom_call", path=path)
    assert SECRET not in caught.value.message
    assert sink.requests == []


@pytest.mark.parametrize("path", ["/a/../b", "..", "/%2e%2e/b", "/a/.%2E/b", "/a/..\\b", "%5c..%5cb", "/a/%2e%2e%2fb"])
def test_a_path_does_not_climb_out_of_the_base_address(make: Make, sink: Sink, path: str) -> None:
    with pytest.raises(StepError, match=r"must not contain “\.\.”"):
        make(HERE)("probe_custom_call", path=path)
    assert sink.requests == []


@pytest.mark.parametrize(
    "path",
    [
        "//evil.example/x",
        "/\\evil.example/x",
        "\\\\evil.example/x",
        "@evil.example/x",
        ":1/x",
        "?a=//evil.example",
        "//[",
    ],
)
def test_what_looks_like_a_host_is_a_path(make: Make, sink: Sink, path: str) -> None:
    make(HERE)("probe_custom_call", path=path)
    [sent] = sink.requests
    assert sent.path.startswith("/v1")


@pytest.mark.parametrize(
    ("way", "name", "value"),
    [
        ("bearer", "authorization", "Bearer mine"),
        ("basic", "AUTHORIZATION", "Basic bWU6bWU="),
        ("header", "x-key", "mine"),
    ],
)
def test_a_header_of_the_caller_s_does_not_stand_beside_the_secret(
    make: Make, sink: Sink, way: str, name: str, value: str
) -> None:
    make(HERE, way=way)("probe_custom_call", path="/x", headers={name: value})
    [sent] = sink.requests
    assert [one for key, one in sent.headers.items() if key.lower() == name.lower()] != [value]
    assert sum(key.lower() == name.lower() for key in sent.headers) == 1


@pytest.mark.parametrize(
    "headers",
    [{"X-A": "1\r\nX-B: 2"}, {"X-A\r\nX-B": "2"}, {"X-A: 1\nX-B": "2"}, {"X-A": "a\0b"}, {"Host": "evil.example"},
     {"Transfer-Encoding": "chunked"}, {"Content-Length": "0"}, {"": "x"}, {"X A": "1"}],
)  # fmt: skip
def test_no_header_is_smuggled_in(make: Make, sink: Sink, headers: dict[str, str]) -> None:
    with pytest.raises(StepError) as caught:
        make(HERE)("probe_custom_call", path="/x", headers=headers)
    assert caught.value.permanent
    assert sink.requests == []


@pytest.mark.parametrize("method", ["GET\r\nX: 1", "TRACE", "CONNECT", "get /x HTTP/1.1"])
def test_no_other_method(make: Make, sink: Sink, method: str) -> None:
    with pytest.raises(StepError, match="method: "):
        make(HERE)("probe_custom_call", path="/x", method=method)
    assert sink.requests == []


@pytest.mark.parametrize("way", ["bearer", "basic", "header"])
def test_a_redirect_takes_no_secret_along(make: Make, sink: Sink, way: str) -> None:
    with running_sink() as elsewhere:
        elsewhere.default = Answer(200, b'{"id": 1}')
        sink.default = Answer(307, b"", {"Location": elsewhere.url("/steal")})
        make(HERE, way=way)("probe_act", who="a")
        [sent] = elsewhere.requests
        assert {"authorization", "x-key", "cookie"}.isdisjoint(map(str.lower, sent.headers))
        assert SECRET not in f"{sent.path}{sent.headers}"


def test_an_address_that_was_entered_wrong_is_no_place_for_a_secret(make: Make, sink: Sink) -> None:
    for address in ("https://[", "http://ann@127.0.0.1/", "127.0.0.1", "http://{{ x }}/", "file:///etc/passwd"):
        with pytest.raises(StepError, match="is no web address") as caught:
            make(HERE, address=address)("probe_act", who="a")
        assert caught.value.permanent
    assert sink.requests == []


@pytest.mark.parametrize(
    "body", ["{path: /x}", "{path: /x, body: form}", "{path: /x, body: multipart}", "{path: '/x/{who}'}", HERE]
)
def test_half_a_character_is_told(make: Make, sink: Sink, body: str) -> None:
    with pytest.raises(StepError, match=r"half a character|cannot be sent as JSON") as caught:
        make(body)("probe_act", who="\ud800")
    assert caught.value.permanent
    assert sink.requests == []


def test_an_error_of_any_length_is_cut(make: Make, sink: Sink) -> None:
    sink.default = Answer(400, b'{"message": "%s"}' % (b"x" * 1_000_000))
    with pytest.raises(StepError) as caught:
        make(HERE)("probe_act")
    assert len(caught.value.message) < 1000
    errors = 'errors: [{status: [400], message: "It says: {message}"}]\n'
    with pytest.raises(StepError) as caught:
        make(HERE, errors)("probe_act")
    assert len(caught.value.message) < 1000


def test_a_name_that_only_looks_like_a_value_is_sent_as_it_is(make: Make, sink: Sink) -> None:
    """Values are never filled again: a step's text cannot ask for the secret."""
    done: Any = make('{path: "/x", content: {note: "{who}"}}')("probe_act", who="{secret} {hook}")
    assert done.result == {"id": 7}
    assert sink.requests[0].json == {"note": "{secret} {hook}"}
