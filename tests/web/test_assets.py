"""Built files as browsers get them: compressed, each form with its own ETag, and small enough for a first visit."""

from __future__ import annotations

import gzip
import json
import re
from pathlib import Path
from typing import Any

import pytest

DIST = Path(__file__).parents[2] / "static/dist"
MOST = 120 * 1024  # bytes of a first visit: the page and all that it names


@pytest.fixture(scope="module")
def manifest() -> dict[str, str]:
    made: dict[str, str] = json.loads((DIST / "manifest.json").read_text(encoding="utf-8"))
    return made


def get(client: Any, path: str, **headers: str) -> Any:
    """The whole answer, its file closed."""
    with client.get(path, headers=headers, follow_redirects=True) as answer:
        answer.get_data()
        return answer


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_the_smallest_form_that_the_browser_takes(client: Any, manifest: dict[str, str]) -> None:
    for name, file in manifest.items():
        plain = (DIST / file).read_bytes()
        tags = set()
        for accepted, encoding, suffix in (
            ("gzip, deflate, br, zstd", "br", ".br"),
            ("gzip, deflate", "gzip", ".gz"),
            ("br;q=0, gzip", "gzip", ".gz"),
            ("identity", None, ""),
            ("", None, ""),
        ):
            got = get(client, f"/static/dist/{file}", **{"Accept-Encoding": accepted})
            assert (got.status_code, got.headers.get("Content-Encoding")) == (200, encoding), name
            assert got.data == (DIST / (file + suffix)).read_bytes()
            assert int(got.headers["Content-Length"]) == len(got.data)
            assert "Accept-Encoding" in got.headers["Vary"]
            assert "max-age=31536000" in got.headers["Cache-Control"]
            kept = {"If-None-Match": got.headers["ETag"], "Accept-Encoding": accepted}
            assert get(client, f"/static/dist/{file}", **kept).status_code == 304
            tags.add(got.headers["ETag"])
            kind = got.mimetype
        assert len(tags) == 3, "a cache never takes one form for another"
        assert kind == {"js": "text/javascript", "css": "text/css", "svg": "image/svg+xml"}[file.rpartition(".")[2]]
        assert gzip.decompress((DIST / f"{file}.gz").read_bytes()) == plain


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_what_is_no_built_file(client: Any) -> None:
    for path in (
        "/static/dist/nothing.css",
        "/static/dist/../../wsgi.py",
        "/static/dist/%2e%2e/%2e%2e/wsgi.py",
    ):
        assert get(client, path, **{"Accept-Encoding": "br"}).status_code == 404
    source = get(client, "/static/src/app.css", **{"Accept-Encoding": "br"})
    assert (source.status_code, source.headers.get("Content-Encoding")) == (200, None)


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_a_first_visit_is_small(client: Any) -> None:
    accepted = {"Accept-Encoding": "gzip, deflate, br"}
    page = get(client, "/", **accepted)
    named = {path.partition("#")[0] for path in re.findall(r'(?:src|href)="(/static/[^"]+)"', page.text)}
    assert len(named) >= 4
    answers = {path: get(client, path, **accepted) for path in named}
    assert {answer.status_code for answer in answers.values()} == {200}
    sizes = {path: len(answer.data) for path, answer in answers.items()}
    assert len(page.data) + sum(sizes.values()) <= MOST, sizes
