"""A workflow goes out as a file and comes in again."""

from __future__ import annotations

import io
import json
import re
from typing import Any

import pytest

from flowapp import workflows
from flowapp.extensions import db
from flowapp.models.tenancy import tenant_session
from tests.pages.workflows.test_steps import LOG, Site

pytestmark = pytest.mark.both_databases


@pytest.fixture
def site(app: Any) -> Site:
    made = Site(app, steps=[LOG], triggers=[{"trigger_type": "webhook", "config": {}}])
    made.post("/activate")
    return made


def send(site: Site, content: bytes | str = b"", **fields: str) -> Any:
    data: dict[str, Any] = {"csrf_token": site.csrf, **fields}
    if content:
        data["file"] = (io.BytesIO(content.encode() if isinstance(content, str) else content), "workflow.json")
    return site.client.post("/workflows/import", data=data, content_type="multipart/form-data")


def names(site: Site) -> list[str]:
    with site.app.app_context(), tenant_session(db.engine, site.organization_id) as session:
        return sorted(row.name for row in workflows.find(session).rows)


def chosen(site: Site, mode: str) -> Any:
    """Sends the page's own download, then the answer to what the page asks."""
    asked = send(site, site.get("/export"))
    assert asked.status_code == 422
    assert "Already here" in asked.text
    assert "Nothing has been imported yet" in asked.text
    text = re.search(r'name="text" value="([^"]*)"', asked.text)
    assert text
    return send(site, text=text[1].replace("&#34;", '"'), mode=mode)


def test_a_copy_says_its_new_address(site: Site) -> None:
    answer = chosen(site, "copy")
    assert answer.status_code == 303
    page = site.client.get(answer.location).text
    key = site.draft["triggers"][0]["config"]["key"]
    new = re.search(r"New webhook URL: http://localhost/hooks/([\w-]+)", page)
    assert new
    assert new[1] != key
    assert names(site) == ["Welcome", "Welcome (copy)"]


def test_a_replaced_draft_keeps_address_and_version_and_can_be_undone(site: Site) -> None:
    before = site.draft
    site.post("/steps/note", name="Other", p__message="x")
    changed = site.draft
    file = json.loads(site.get("/export"))
    file["workflows"][0] |= {key: before[key] for key in ("steps", "name")}
    asked = send(site, json.dumps(file))
    assert 'value="replace"' in asked.text
    answer = send(site, text=json.dumps(file), mode="replace")
    assert answer.location == site.url("")
    assert site.draft == before
    assert site.workflow.status == "active"
    site.post("/undo", revision=str(site.workflow.revision))
    assert site.draft == changed


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (b"", "Choose a file."), (b"{", "not valid JSON"), (b"[1]", "a JSON object is expected"), (b"\xff\xfe{", "not valid JSON"),
        (b'{"workflows": [{"name": ""}]}', "workflows.0.name"),
    ],
)  # fmt: skip
def test_what_cannot_be_read_is_said_and_imports_nothing(site: Site, content: bytes, told: str) -> None:
    answer = send(site, content)
    assert answer.status_code == 422
    assert told in answer.text
    assert names(site) == ["Welcome"]


def test_the_list_of_workflows_leads_to_it(site: Site) -> None:
    assert 'href="/workflows/import"' in site.client.get("/workflows").text
    assert 'type="file"' in site.client.get("/workflows/import").text
