"""Nothing is lost in a draft: changes are undone or discarded, a version is looked at and made the draft again."""

from __future__ import annotations

import re
from typing import Any

import pytest

from tests.pages.workflows.test_steps import LOG, Site

CALL = {"step_id": "call", "name": "Call", "action_type": "send_webhook", "params": {"url": "https://a.example/"}}
pytestmark = pytest.mark.both_databases


@pytest.fixture
def site(app: Any) -> Site:
    return Site(app, steps=[CALL, LOG])


def steps(site: Site) -> list[str]:
    return [step["step_id"] for step in site.draft["steps"]]


def undo(site: Site, status: int = 303) -> None:
    assert site.post("/undo", revision=str(site.workflow.revision)).status_code == status


def test_deletions_and_moves_are_undone_one_after_the_other(site: Site) -> None:
    before = site.draft
    assert "Undo last change" not in site.get("/steps")
    site.post("/steps/note/move", to="up")
    site.post("/steps/call/delete")
    assert steps(site) == ["note"]
    assert "Undo last change" in site.get("/steps")
    undo(site)
    assert steps(site) == ["note", "call"]
    undo(site)
    assert site.draft == before
    undo(site, 409)


def test_what_somebody_else_did_meanwhile_is_not_undone(site: Site) -> None:
    site.post("/steps/note/move", to="up")
    old = site.workflow.revision
    site.post("/steps/call", name="Theirs", p__url="https://a.example/")
    assert site.post("/undo", revision=str(old)).status_code == 412
    assert "Theirs" in [step["name"] for step in site.draft["steps"]]


def test_a_deleted_step_comes_back_with_its_secret(app: Any) -> None:
    signed = {"step_id": "code", "name": "Sign", "action_type": "send_webhook",
              "params": {"url": "https://a.example/", "headers": {"Authorization": "Bearer abc-secret"}}}  # fmt: skip
    site = Site(app, steps=[signed, LOG])
    before = site.draft["steps"][0]["params"]
    site.post("/steps/code/delete")
    undo(site)
    assert site.draft["steps"][0]["params"] == before


def test_a_version_is_opened_and_restored_and_changes_are_discarded(site: Site) -> None:
    site.post("/publish")
    published = site.draft
    site.post("/steps/note/delete")
    for tab in ("", "/steps", "/executions", "/test", "/settings"):
        html = site.get(tab)
        assert "Run and triggers use version 1." in html, tab
        assert "Publish changes" in html, tab
    version = site.get("/versions/1")
    assert "Note" in version
    assert "Restore version" in version
    site.post("/versions/1/restore")
    assert site.draft == published
    assert "Same as the draft" in site.get("/versions/1")
    site.post("/steps/call/delete")
    site.post("/discard")
    assert site.draft == published
    undo(site)
    assert steps(site) == ["note"]
    assert site.client.get(site.url("/versions/9")).status_code == 404


def test_nothing_to_discard_without_a_version(site: Site) -> None:
    assert site.post("/discard").status_code == 404


def test_run_says_what_it_runs(site: Site) -> None:
    site.post("/steps/note", name="Note", p__message="{{ input.name }}")
    assert "Runs the draft" in site.get("/run")
    site.post("/publish")
    assert "Runs version 1." in site.get("/run")


def test_a_branch_for_errors_is_made_from_a_card_and_drawn_at_its_side(site: Site) -> None:
    html = site.get("/steps")
    assert re.search(r'href="/workflows/[^"]+/new-step\?after=call&amp;branch=error"', html)
    site.post("/new-step/log", name="Tell", p__message="failed", after="call", branch="error")
    site.post("/new-step/log", name="Last words", p__message="failed", after="note", branch="error")
    html = site.get("/steps")
    lanes = re.findall(r'<div role="group" class="flow-lane[^"]*flow-lane-error" aria-label="([^"]+)"', html)
    assert len(lanes) == 2
    main = html.index('id="step-call"'), html.index('id="step-tell"'), html.index('id="step-note"')
    assert list(main) == sorted(main)
    assert "branch=error" not in html.split('id="step-note"')[0].split('id="step-call"')[1].split("flow-lanes")[0]
    edges = {(edge["source"], edge["target"], edge["branch"]) for edge in site.draft["edges"]}
    assert edges == {("call", "note", "next"), ("call", "tell", "error"), ("note", "last_words", "error")}


def test_steps_that_others_go_to_when_they_fail_are_reached(app: Any) -> None:
    going = {**CALL, "on_error": "goto", "goto_step": "note"}
    stop = {"step_id": "end", "name": "End", "action_type": "stop", "params": {}}
    edges = [{"source": "call", "target": "end", "branch": "next"}]
    html = Site(app, steps=[going, stop, LOG], edges=edges).get("/steps")
    assert "If a step fails" in html
    assert "Nothing leads to these steps" not in html
