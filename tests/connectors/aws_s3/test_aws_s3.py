"""What can be done with S3: each action by AWS's own library against moto's server."""

from __future__ import annotations

import json
from base64 import b64encode
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from flowapp.catalog import CONNECTORS, integration_action
from flowapp.connectors.aws_s3 import files
from flowapp.errors import StepError
from flowapp.security.egress import SafeHttp
from tests.actions.conftest import Bench
from tests.connectors.aws_s3.conftest import CONFIG
from tests.support.servers.s3 import KEYS, Storage


def test_values_are_kept_as_json_and_read_back(run: Bench, s3: Storage) -> None:
    rows = [{"name": "Zoë", "n": 2**70}, {"name": "b", "n": 1.5}]
    done: Any = run("aws_s3_put_object", {"rows": rows}, bucket="backups", key="a/b c+é.json", data="{{ input.rows }}")
    content = s3.objects["backups"]["a/b c+é.json"]
    assert json.loads(content.body) == rows
    assert content.content_type == "application/json"
    assert (done.result["size"], done.result["uri"]) == (len(content.body), "s3://backups/a/b c+é.json")
    read: Any = run("aws_s3_get_object", key="a/b c+é.json")
    assert read.result["data"] == rows
    assert read.result["etag"] == done.result["etag"]
    assert read.result["last_modified"].endswith("+00:00")


def test_text_is_kept_as_it_is(run: Bench, s3: Storage) -> None:
    run("aws_s3_put_object", key="log", data="[info] {1.10}")
    assert s3.objects["backups"]["log"].body == b"[info] {1.10}"
    run("aws_s3_put_object", key="a.csv", data="a;b\n", content_type="text/csv; charset=utf-8")
    assert s3.objects["backups"]["a.csv"].content_type == "text/csv; charset=utf-8"
    read: Any = run("aws_s3_get_object", key="log")
    assert read.result["data"] == "[info] {1.10}"


def test_a_file_of_an_earlier_step_is_kept_byte_by_byte(run: Bench, s3: Storage) -> None:
    file = {"base64": b64encode(b"\x89PNG\x00\xff").decode(), "content_type": "image/png", "filename": "a.png"}
    run("aws_s3_put_object", {"file": file}, key="pictures/a.png", data="{{ input.file }}")
    assert s3.objects["backups"]["pictures/a.png"].body == b"\x89PNG\x00\xff"
    read: Any = run("aws_s3_get_object", key="pictures/a.png")
    assert read.result["data"] == file
    with pytest.raises(StepError, match="is not text"):
        run("aws_s3_get_object", key="pictures/a.png", format="text")
    with pytest.raises(StepError, match="is not JSON"):
        run("aws_s3_get_object", key="pictures/a.png", format="json")


def test_an_empty_object(run: Bench) -> None:
    run("aws_s3_put_object", key="empty", data="")
    read: Any = run("aws_s3_get_object", key="empty", format="text")
    assert (read.result["data"], read.result["size"]) == ("", 0)


def test_an_object_that_is_too_large_is_refused(run: Bench, s3: Storage) -> None:
    s3.put("backups", "large", b"x" * (10 * 2**20 + 1))
    with pytest.raises(StepError, match="larger than 10 MiB") as caught:
        run("aws_s3_get_object", key="large")
    assert caught.value.permanent


def test_a_list_goes_on_over_pages_and_warns_at_its_maximum(
    run: Bench, s3: Storage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(files, "PAGE", 2)
    for at in range(5):
        s3.put("backups", f"day/{at}", b"12")
    s3.put("backups", "other", b"")
    done: Any = run("aws_s3_list_objects", prefix="day/")
    assert [(one["key"], one["size"]) for one in done.result["objects"]] == [(f"day/{at}", 2) for at in range(5)]
    assert (done.result["count"], done.result["more"], run.lines) == (5, False, [])
    first: Any = run("aws_s3_list_objects", prefix="day/", limit=3)
    assert (first.result["count"], first.result["more"]) == (3, True)
    assert "There are more than 3 entries" in str(run.lines)


def test_an_object_is_copied_and_looked_up_without_being_read(run: Bench, s3: Storage) -> None:
    s3.bucket("archive")
    s3.put("backups", "a b/é+.json", b"[1]")
    done: Any = run("aws_s3_copy_object", source_key="a b/é+.json", bucket="archive", key="kept.json")
    assert s3.objects["archive"]["kept.json"].body == b"[1]"
    assert (done.result["uri"], done.result["etag"]) == ("s3://archive/kept.json", s3.etag("archive", "kept.json"))
    found: Any = run("aws_s3_head_object", bucket="archive", key="kept.json")
    assert (found.result["found"], found.result["size"], found.result["etag"]) == (True, 3, done.result["etag"])
    assert found.result["last_modified"].endswith("+00:00")
    none: Any = run("aws_s3_head_object", key="nothing")
    assert (none.result["found"], none.result["size"]) == (False, None)
    with pytest.raises(StepError, match="NoSuchKey") as caught:
        run("aws_s3_copy_object", source_key="nothing", key="x")
    assert caught.value.permanent


def test_an_object_is_deleted_also_twice(run: Bench, s3: Storage) -> None:
    s3.put("backups", "a", b"1")
    for _ in range(2):
        done: Any = run("aws_s3_delete_object", key="a")
        assert done.result == {"bucket": "backups", "key": "a"}
    assert s3.objects["backups"] == {}


def test_a_presigned_url_is_made_without_a_call_and_can_be_fetched(run: Bench, s3: Storage) -> None:
    s3.put("backups", "a b", b"content")
    calls = Bench(integrations=run.integrations, http=None)  # nobody can be called
    done: Any = calls("aws_s3_presign_url", key="a b", minutes=5)
    assert parse_qs(urlsplit(done.result["url"]).query)["X-Amz-Expires"] == ["300"]
    assert SafeHttp(("127.0.0.1",)).request("GET", done.result["url"]).text == "content"
    place: Any = calls("aws_s3_presign_url", key="new", use="upload")
    assert SafeHttp(("127.0.0.1",)).request("PUT", place.result["url"], body=b"sent").status == 200
    assert s3.objects["backups"]["new"].body == b"sent"


@pytest.fixture
def tried(s3: Storage) -> Callable[..., str]:
    def attempt(**config: str) -> str:
        spec = CONNECTORS["aws_s3"]
        read, secrets = spec.read({**CONFIG, "endpoint": s3.url, **config}, KEYS)
        return spec.test(read, secrets, SimpleNamespace(http=SafeHttp(("127.0.0.1",))))

    return attempt


def test_the_test_reads_the_bucket_or_the_names_of_all(tried: Callable[..., str], s3: Storage) -> None:
    s3.bucket("backups")
    assert tried() == "The bucket “backups” can be read."
    assert tried(default_bucket="") == "The keys are accepted."
    with pytest.raises(StepError, match="NoSuchBucket"):
        tried(default_bucket="nowhere")


@pytest.mark.parametrize("name", ["", "upload", "put_object", "aws_s3_upload"])
def test_to_upload_is_what_it_is_mostly_used_for(name: str) -> None:
    assert integration_action(CONNECTORS["aws_s3"], name).type == "aws_s3_put_object"
