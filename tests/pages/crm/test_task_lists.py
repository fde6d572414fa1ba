"""The list of tasks: tabs of when they are due, conditions, columns, sorting, views, cells, bulk actions, files."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime, timedelta
from html import unescape
from zoneinfo import ZoneInfo

import pytest

from flowapp.crm import tasks
from flowapp.models import Task, User, utcnow
from tests.pages.crm.conftest import Crm
from tests.pages.crm.test_bulk import work
from tests.pages.crm.test_views import heads, query
from tests.support.browser import Tab

pytestmark = pytest.mark.both_databases
PART = {"HX-Request": "true", "HX-Request-Type": "partial"}


def make(crm: Crm, title: str, days: int | None = None, **data: object) -> str:
    """A task of Ada's, due in so many days."""
    due = {} if days is None else {"due_date": str(utcnow().date() + timedelta(days=days))}
    with crm.session() as session:
        given = {"title": title, "assignee_id": crm.user_id, **due, **data}
        return tasks.create(session, given, cause=crm.cause).id


def titles(html: str) -> list[str]:
    return re.findall(r'<td class="main">.*?<a href="/tasks/[^"]*">([^<]*)</a>', html, re.S)


def read(crm: Crm, task_id: str) -> Task:
    with crm.session() as session:
        return session.get_one(Task, task_id)


def test_conditions_columns_and_sorting_hold_on_every_tab(crm: Crm) -> None:
    deal = crm.deal("Engine")
    make(crm, "Ask", -2, priority="high", deal_id=deal), make(crm, "Bill", -1), make(crm, "Call", 1, priority="high")
    filtered = json.dumps({"field": "priority", "operator": "==", "value": "high"})
    page = crm.ada.get("/tasks", query_string={"filter": filtered}).text
    assert titles(page) == ["Ask", "Call"] and "Priority is High" in page and f'href="/deals/{deal}"' in page
    late = crm.ada.get("/tasks", query_string={"filter": filtered, "due": "overdue"}).text
    assert titles(late) == ["Ask"] and '<span class="tab-count">1</span>' in late
    assert titles(crm.ada.get("/tasks?sort=-title").text) == ["Call", "Bill", "Ask"]
    tab = Tab(crm.ada.client, "/tasks/columns?due=overdue", "columns-form")
    location = tab.type(columns=["type", "created_at"]).send().location
    assert query(location) == {"due": "overdue", "columns": "type,created_at"}
    page = crm.ada.get(location).text
    assert heads(page) == ["Title", "Type", "Created"] and titles(page) == ["Ask", "Bill"]
    built = Tab(crm.ada.client, "/tasks/filter?due=overdue", "filter-form")
    built.send(200, _add="f-filter-items")
    built.type(**{"f-filter-items-0-field": "due_date"}).send(200, _refresh="1")
    built.type(
        **{"f-filter-items-0-operator": "before", "f-filter-items-0-value": str(utcnow().date() - timedelta(days=1))}
    )
    assert titles(crm.ada.get(built.send().location).text) == ["Ask"]


def test_a_view_keeps_its_tab_and_its_assignee(crm: Crm) -> None:
    make(crm, "Late", -1), make(crm, "Later", 1), make(crm, "Nobody's", -1, assignee_id=None)
    tab = Tab(crm.ada.client, "/tasks/views/new?due=overdue&owner=&columns=type&sort=-title", "view-form")
    view = query(tab.type(name="All late", shared="y", default="me").send().location)["view"]
    opened = crm.ada.get("/tasks", 303).location
    assert query(opened) == {"view": view, "due": "overdue"}
    page = crm.ada.get(opened).text
    assert titles(page) == ["Nobody&#39;s", "Late"] and heads(page) == ["Title", "Type"] and "Save changes" not in page
    other = crm.ada.get(f"/tasks?view={view}&due=upcoming").text
    assert titles(other) == ["Later"] and "Save changes" in other
    assert titles(crm.ada.get("/tasks?view=all").text) == ["Late", "Later"]
    eve = crm.member("viewer")
    assert titles(eve.get(f"/tasks?view={view}&due=overdue").text) == ["Nobody&#39;s", "Late"]
    eve.post(f"/tasks/views/{view}/delete", status=403)
    tab = Tab(crm.ada.client, "/tasks/views/new?owner=&due=", "view-form")
    every = tab.type(name="Everything").send().location
    assert len(titles(crm.ada.get(every).text)) == 3


def test_a_time_that_has_passed_is_overdue_where_the_reader_is(crm: Crm) -> None:
    now = datetime.now(UTC).replace(microsecond=0)
    make(crm, "Passed", due_at=(now - timedelta(minutes=5)).isoformat())
    make(crm, "Still", due_at=(now + timedelta(minutes=5)).isoformat())
    page = crm.ada.get("/tasks?due=overdue").text
    assert titles(page) == ["Passed"] and page.count("due-late") == 1
    assert "due-late" not in crm.ada.get("/tasks?due=done").text


def test_a_cell_changes_day_and_time_of_the_assignee(crm: Crm) -> None:
    with crm.session() as session:
        session.get_one(User, crm.user_id).timezone = "Asia/Tokyo"
    task = make(crm, "Call", due_date="2031-05-06")
    form = crm.ada.get(f"/tasks/{task}/cell?column=due_date", headers=PART).text
    assert 'value="2031-05-06"' in form and 'type="time"' in form
    seen = unescape(re.findall(r'name="_seen" value="([^"]*)"', form)[0])
    typed = {"due_date": "2031-05-07", "due_time": "08:30", "_seen": seen}
    shown = crm.ada.post(f"/tasks/{task}/cell?column=due_date", typed, 200, headers=PART).text
    assert "May 7, 2031" in shown and "8:30" in shown and "form" not in shown
    due = read(crm, task)
    assert (
        due.due_at == datetime(2031, 5, 7, 8, 30, tzinfo=ZoneInfo("Asia/Tokyo")) and str(due.due_date) == "2031-05-07"
    )
    again = crm.ada.get(f"/tasks/{task}/cell?column=due_date", headers=PART).text
    assert 'value="08:30"' in again
    seen = unescape(re.findall(r'name="_seen" value="([^"]*)"', again)[0])
    wrong = crm.ada.post(
        f"/tasks/{task}/cell?column=due_date", {"due_date": "", "due_time": "8", "_seen": seen}, 422, headers=PART
    ).text
    assert "due_date-error" in wrong
    page = crm.member("viewer").get(f"/tasks/{task}").text  # in the zone of the organization
    assert 'value="08:30"' in page and "Time zone: Asia/Tokyo" in page
    assert "Time zone" not in crm.ada.get(f"/tasks/{task}").text
    for column in ("priority", "assignee_id", "deal_id", "contact_id", "company_id", "type", "done"):
        assert "<form" in crm.ada.get(f"/tasks/{task}/cell?column={column}", headers=PART).text
    crm.ada.get(f"/tasks/{task}/cell?column=created_at", 404)


def test_what_is_ticked_is_done_at_once(crm: Crm) -> None:
    some, other = [make(crm, "Ask", -1), make(crm, "Bill", -1)], make(crm, "Call", -1)
    listed = crm.ada.get("/tasks?due=overdue").text
    assert "Mark as done" in listed and "Add a tag" not in listed
    assert "2 tasks" in crm.ada.post("/tasks/bulk", {"action": "complete", "id": some}, 200).text
    crm.ada.post("/tasks/bulk", {"action": "complete", "id": some, "count": "2", "go": "1"})
    assert "Mark as done: 2 tasks" in work(crm)
    assert titles(crm.ada.get("/tasks?due=overdue").text) == ["Call"]
    search = unescape(re.findall(r'name="search" value="([^"]*)"', crm.ada.get("/tasks?due=overdue").text)[0])
    fields = {"action": "change", "all": "1", "search": search, "row": "due_date", "count": "1", "go": "1"}
    assert "due_date-error" in crm.ada.post("/tasks/bulk", {**fields, "due_date": "soon"}, 422).text
    crm.ada.post("/tasks/bulk", {**fields, "due_date": "2031-05-06", "due_time": ""})
    work(crm)
    assert str(read(crm, other).due_date) == "2031-05-06"
    crm.ada.post("/tasks/bulk", {"action": "reopen", "id": some, "count": "2", "go": "1"})
    work(crm)
    crm.ada.post("/tasks/bulk", {"action": "delete", "id": some, "count": "2", "go": "1"})
    assert 'href="/tasks"' in work(crm)
    trash = crm.ada.get("/tasks?trash=1").text
    assert sorted(titles(trash)) == ["Ask", "Bill"] and "Restore" in trash
    assert "In the trash" in crm.ada.get(f"/tasks/{some[0]}").text
    crm.member("viewer").post("/tasks/bulk", {"action": "complete", "id": some}, 403)


def test_a_file_has_what_the_list_shows(crm: Crm) -> None:
    make(crm, "Late", -1), make(crm, "Soon", 1)
    page = crm.ada.get("/tasks?due=overdue&columns=priority,done").text
    links = [unescape(link) for link in re.findall(r'href="(/exports/task\.csv[^"]*)"', page)]
    text = crm.ada.get(links[0]).text
    assert text.lstrip("\ufeff").splitlines() == ["Title,Priority,Done", "Late,normal,"]
    assert "Import" not in page.partition("<main")[2].partition("bulk")[0]
