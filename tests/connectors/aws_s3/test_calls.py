"""What S3 refuses, and what reaches it: calls go where the integration says, through the guard, and nowhere else."""

from __future__ import annotations

from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from flowapp.catalog import CONNECTORS
from flowapp.errors import StepError
from flowapp.security.addresses import Guard
from flowapp.security.egress import SafeHttp
from tests.actions.conftest import Bench
from tests.connectors.aws_s3.conftest import bench
from tests.support.servers.s3 import KEYS, Storage
from tests.support.servers.sink import Answer, Sink


def test_a_bucket_and_a_key_that_are_not_there_are_told_in_the_words_of_aws(run: Bench) -> None:
    with pytest.raises(StepError, match="NoSuchBucket: The specified bucket does not exist") as caught:
        run("aws_s3_put_object", bucket="nowhere", key="a", data="x")
    assert caught.value.permanent
    with pytest.raises(StepError, match="NoSuchKey") as caught:
        run("aws_s3_get_object", key="nothing")
    assert caught.value.permanent


@pytest.mark.parametrize(
    ("params", "told"),
    [
        ({"bucket": "no bucket!", "key": "a"}, "Invalid bucket name"),
        ({"key": "a/../b"}, "cannot have “.” or “..”"),
        ({"key": "a", "data": None}, "has no value"),
    ],
)
def test_what_cannot_be_sent_reaches_nobody(sink: Sink, params: dict[str, Any], told: str) -> None:
    with pytest.raises(StepError, match=told) as caught:
        bench(sink.url(""))("aws_s3_put_object", **{"data": "x", **params})
    assert caught.value.permanent
    with pytest.raises(StepError, match="Enter a bucket"):
        bench(sink.url(""), default_bucket="")("aws_s3_list_objects")
    assert sink.requests == []


def test_the_secret_is_checked(s3_signed: Storage) -> None:
    keys = s3_signed.user()
    s3_signed.bucket("backups")
    run = bench(s3_signed.url, keys)
    run("aws_s3_put_object", key="a b/é+(1).txt", data="signed")
    read: Any = run("aws_s3_get_object", key="a b/é+(1).txt")
    listed: Any = run("aws_s3_list_objects", prefix="a b/")
    assert (read.result["data"], listed.result["count"]) == ("signed", 1)
    wrong = bench(s3_signed.url, {**keys, "secret_access_key": "wrong"})
    for name, params in (("put_object", {"key": "a", "data": "x"}), ("list_objects", {})):
        with pytest.raises(StepError, match="SignatureDoesNotMatch") as caught:
            wrong(f"aws_s3_{name}", **params)
        assert caught.value.permanent
    assert set(s3_signed.objects["backups"]) == {"a b/é+(1).txt"}
    with pytest.raises(StepError, match="InvalidAccessKeyId"):
        bench(s3_signed.url, KEYS)("aws_s3_list_objects")


@pytest.mark.parametrize(
    ("status", "code", "permanent", "busy"),
    [
        (503, "SlowDown", False, True), (500, "InternalError", False, None), (403, "AccessDenied", True, None),
        (200, "InternalError", False, None),
        (409, "OperationAborted", False, None),
    ],
)  # fmt: skip
def test_what_is_worth_a_retry(sink: Sink, status: int, code: str, permanent: bool, busy: bool | None) -> None:
    body = f"<?xml version='1.0'?><Error><Code>{code}</Code><Message>Told so.</Message></Error>".encode()
    sink.ask = lambda _received: Answer(status, body, {"Content-Type": "application/xml", "Retry-After": "7"})
    with pytest.raises(StepError, match=f"{code}: Told so.") as caught:
        bench(sink.url(""))("aws_s3_put_object", key="a", data="x")
    assert (caught.value.permanent, caught.value.details.get("busy")) == (permanent, busy)
    assert caught.value.details["retry_after"] == 7
    assert len(sink.requests) == 1, "the library tries nothing again by itself: the engine does"


def test_nothing_but_the_integration_says_where_and_how(
    sink: Sink, monkeypatch: pytest.MonkeyPatch, tmp_path: Any
) -> None:
    """Neither the environment nor files; and all goes out by the guard, which refuses what is not allowed."""
    (tmp_path / "config").write_text(
        "[default]\nregion = mars-1\nendpoint_url = http://127.0.0.1:9\ns3 =\n  addressing_style = virtual\n"
    )
    foreign = {
        "AWS_PROFILE": "nobody", "AWS_ENDPOINT_URL": "http://127.0.0.1:9", "AWS_CONFIG_FILE": str(tmp_path / "config"),
        "AWS_REGION": "mars-1", "AWS_ACCESS_KEY_ID": "FOREIGN", "HTTP_PROXY": "http://127.0.0.1:9", "AWS_CA_BUNDLE": "/x",
    }  # fmt: skip
    for name, value in foreign.items():
        monkeypatch.setenv(name, value)
    sink.ask = lambda _received: Answer(200, b"")
    bench(sink.url(""))("aws_s3_put_object", key="a", data="x")
    [sent] = sink.requests
    assert (sent.method, sent.path, sent.body) == ("PUT", "/backups/a", b"x")
    assert f"{KEYS['access_key_id']}/" in sent.headers["Authorization"]
    assert "/eu-west-3/s3/aws4_request" in sent.headers["Authorization"]
    assert KEYS["secret_access_key"] not in str(sent.headers)
    refused = bench(sink.url(""))
    refused.http = SafeHttp()
    with pytest.raises(StepError, match=r"127\.0\.0\.1"):
        refused("aws_s3_put_object", key="a", data="x")
    assert len(sink.requests) == 1


def test_temporary_keys_go_with_their_token(s3_signed: Storage) -> None:
    keys = s3_signed.role()
    s3_signed.bucket("backups")
    run = bench(s3_signed.url, keys)
    run("aws_s3_put_object", key="a", data="signed")
    read: Any = run("aws_s3_get_object", key="a")
    assert read.result["data"] == "signed"
    with pytest.raises(StepError, match=r"InvalidAccessKeyId|InvalidToken|SignatureDoesNotMatch"):
        bench(s3_signed.url, {**keys, "session_token": "another"})("aws_s3_get_object", key="a")
    place: Any = run("aws_s3_presign_url", key="a")
    assert parse_qs(urlsplit(place.result["url"]).query)["X-Amz-Security-Token"] == [keys["session_token"]]


def test_what_its_keys_are() -> None:
    spec = CONNECTORS["aws_s3"]
    assert spec.credential_type(spec.config()) == "aws"


def test_a_bucket_in_the_host_is_called_there(s3: Storage) -> None:
    s3.bucket("backups")
    run = bench(f"http://s3.amazonaws.com:{urlsplit(s3.url).port}", addressing="virtual")
    asked: list[str] = []

    def named(host: str, _port: int) -> list[str]:
        asked.append(host)
        return ["127.0.0.1"]

    run.http = SafeHttp(guard=Guard(("127.0.0.1",), resolve=named))
    run("aws_s3_put_object", key="a b/é", data="kept")
    assert s3.objects["backups"]["a b/é"].body == b"kept"
    read: Any = run("aws_s3_get_object", key="a b/é")
    assert (read.result["data"], set(asked)) == ("kept", {"backups.s3.amazonaws.com"})


@pytest.mark.parametrize(
    ("config", "host"),
    [
        ({"endpoint": ""}, "https://backups.s3.eu-west-3.amazonaws.com/k?"),
        ({"endpoint": "", "addressing": "path"}, "https://s3.eu-west-3.amazonaws.com/backups/k?"),
        ({"endpoint": "https://s3.b.example"}, "https://s3.b.example/backups/k?"),
        ({"endpoint": "https://s3.b.example", "addressing": "virtual"}, "https://backups.s3.b.example/k?"),
    ],
)
def test_where_a_bucket_is(config: dict[str, Any], host: str) -> None:
    done: Any = bench(**{"endpoint": "", **config})("aws_s3_presign_url", key="k")
    assert done.result["url"].startswith(host)


def test_another_host_asks_for_the_keys_again() -> None:
    """Saved keys go along with an endpoint: who changes that must know them."""
    spec = CONNECTORS["aws_s3"]
    assert spec.destination is not None
    places = [
        spec.destination(spec.config(endpoint=one)) for one in ("", "https://s3.b.example", "https://evil.example")
    ]
    assert len(set(places)) == 3
