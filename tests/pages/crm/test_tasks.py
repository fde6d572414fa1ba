"""Tasks in the browser, without script."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest

from flowapp.crm import tasks
from flowapp.models import Task, new_id, utcnow
from tests.pages.crm.conftest import Crm
from tests.support.browser import Tab

TODAY = utcnow().date()
DAYS = {"Late": -1, "Now": 0, "Soon": 1}


@pytest.fixture
def ids(crm: Crm) -> dict[str, str]:
    """Three of Ada's, one of nobody, one without a day."""
    with crm.session() as session:
        made = {
            title: tasks.create(
                session, {"title": title, "due_date": str(TODAY + timedelta(days=days)), "assignee_id": crm.user_id},
                cause=crm.cause,
            ).id
            for title, days in DAYS.items()
        }  # fmt: skip
        made["Theirs"] = tasks.create(session, {"title": "Theirs", "due_date": str(TODAY)}, cause=crm.cause).id
        made["Someday"] = tasks.create(session, {"title": "Someday", "assignee_id": crm.user_id}, cause=crm.cause).id
    return made


def titles(page: str) -> list[str]:
    return re.findall(r'<a href="/tasks/[0-9a-f-]{36}">([^<]+)</a>', page)


def test_lists(crm: Crm, ids: dict[str, str]) -> None:
    page = crm.ada.get("/tasks").text
    assert titles(page) == ["Late", "Now", "Soon", "Someday"] and "due-late" in page and "due-today" in page
    assert titles(crm.ada.get("/tasks?due=overdue").text) == ["Late"]
    assert titles(crm.ada.get("/tasks?due=today").text) == ["Now"]
    assert titles(crm.ada.get("/tasks?due=upcoming").text) == ["Soon", "Someday"]
    assert titles(crm.ada.get("/tasks?due=today&owner=").text) == ["Now", "Theirs"]
    assert "Nothing is done yet" in crm.ada.get("/tasks?due=done").text
    for odd in ("due=x", "owner=x", "cursor=x", f"owner={new_id()}"):
        crm.ada.get(f"/tasks?{odd}")


def test_a_task_is_done_and_done_again(crm: Crm, ids: dict[str, str]) -> None:
    path = f"/tasks/{ids['Late']}/done"
    assert crm.ada.post(path, {"done": "yes", "next": "/tasks?due=overdue"}).location == "/tasks?due=overdue"
    assert titles(crm.ada.get("/tasks?due=done").text) == ["Late"]
    answer = crm.ada.post(path, {"done": ""}, 204, headers={"HX-Request": "true"})
    assert answer.headers["HX-Trigger"] == "changed" and "Late" in titles(crm.ada.get("/tasks").text)
    assert crm.ada.post(path, {"done": "yes", "next": "//evil.example"}).location == "/"
    viewer = crm.member("viewer")
    viewer.post(path, {"done": ""}, 403)
    assert "New task" not in viewer.get("/tasks").text


def test_a_task_is_made_changed_and_deleted(crm: Crm) -> None:
    deal = crm.deal("Engine")
    assert f'value="{TODAY}"' in crm.ada.get("/tasks/new").text
    typed = {"title": "Call", "due_date": "2026-12-03", "due_time": "14:30", "assignee_id": crm.user_id, "type": "call",
             "priority": "high", "description": "Ask about it", "deal_id": "1"}  # fmt: skip
    for name, bad in {"title": "", "due_date": "x", "assignee_id": new_id(), "type": "x", "deal_id": "99"}.items():
        wrong = crm.ada.post(
            "/tasks/new", {**typed, name: bad, "due_time": "" if name == "due_date" else "14:30"}, 422
        ).text
        assert f'id="{name}-error"' in wrong and "Ask about it" in wrong, name
    crm.ada.post("/tasks/new", typed)
    with crm.session() as session:
        task = session.query(Task).one()
        assert (task.due_at.isoformat(), task.deal_id, task.made_by) == (
            "2026-12-03T14:30:00+00:00",
            deal,
            {"actor_id": crm.user_id},
        )
    page = crm.ada.get("/tasks").text
    assert "2:30" in page and f'href="/deals/{deal}"' in page and 'data-label="Priority">High' in page
    tab = Tab(crm.ada.client, f"/tasks/{task.id}", "task-page")
    assert tab.values["due_time"] == ["14:30"]
    tab.send(422, title="")
    assert 'id="title-error"' in tab.html
    tab.type(title="Call Ann", due_time="").send()
    with crm.session() as session:
        changed = session.get_one(Task, task.id)
        assert (changed.title, changed.due_at, str(changed.due_date)) == ("Call Ann", None, "2026-12-03")
    crm.ada.post(f"/tasks/{task.id}/delete")
    assert "In the trash" in crm.ada.get(f"/tasks/{task.id}").text
    crm.ada.get(f"/tasks/{new_id()}", 404)
