"""Tasks, notes, tags, lists, and the timeline that holds them together."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from flowapp.crm import contacts, deals, finding, lists, notes, tags, tasks, timeline
from flowapp.errors import InvalidError, UnsuitableError
from flowapp.events import SYSTEM, Cause
from flowapp.models import Contact, Deal, Organization, Tag, Task, User
from tests.crm.conftest import recorded, types
from tests.support.tenant import Tenant


def person(session: Session, email: str = "ann@b.example") -> Contact:
    return contacts.create(session, {"email": email}, cause=SYSTEM)


def deal(session: Session) -> Deal:
    return deals.create(session, {"title": "Engine"}, cause=SYSTEM)


def test_a_task_is_due_on_a_day_or_at_a_moment_of_its_assignee(session: Session, tenant: Tenant) -> None:
    session.get_one(User, tenant.user_id).timezone = "Asia/Tokyo"
    given = {"title": "Call", "activity_type": "call", "assignee": tenant.email}
    by_day = tasks.create(session, {**given, "due_date": "2026-01-31"}, cause=SYSTEM)
    assert (by_day.due_date, by_day.due_at, by_day.type) == (date(2026, 1, 31), None, "call")
    by_hour = tasks.create(session, {**given, "due_at": "2026-01-31T20:00:00Z"}, cause=SYSTEM)
    assert (by_hour.due_date, by_hour.due_at) == (date(2026, 2, 1), datetime(2026, 1, 31, 20, tzinfo=UTC))
    tasks.update(session, by_hour, {"due_date": None}, cause=SYSTEM)
    assert (by_hour.due_date, by_hour.due_at) == (None, None)


def test_a_time_without_a_zone_is_the_assignees(session: Session, tenant: Tenant) -> None:
    session.get_one(User, tenant.user_id).timezone = "Asia/Tokyo"
    given = {"title": "Call", "assignee": tenant.email, "due_date": "2026-01-31", "due_time": "08:30"}
    task = tasks.create(session, given, cause=SYSTEM)
    assert (task.due_date, task.due_at) == (date(2026, 1, 31), datetime(2026, 1, 30, 23, 30, tzinfo=UTC))
    assert tasks.clock_of(session, task) == "08:30"
    tasks.update(session, task, {"assignee": None}, cause=SYSTEM)
    assert (task.due_date, tasks.clock_of(session, task)) == (date(2026, 1, 30), "23:30"), "the organization's day"
    tasks.update(session, task, {"due_at": None}, cause=SYSTEM)
    assert (task.due_date, task.due_at) == (date(2026, 1, 30), None)


def test_today_begins_where_the_reader_is(session: Session, tenant: Tenant) -> None:
    session.get_one(User, tenant.user_id).timezone = "Pacific/Kiritimati"
    soon = datetime.now(ZoneInfo("Pacific/Kiritimati")).replace(hour=23, minute=59, second=59)
    for title, due in (
        ("Today", soon),
        ("Tomorrow", soon + timedelta(minutes=1)),
        ("Passed", soon - timedelta(days=1)),
    ):
        tasks.create(session, {"title": title, "due_at": due.isoformat()}, cause=SYSTEM)
    tasks.create(session, {"title": "All day", "due_date": str(soon.date())}, cause=SYSTEM)
    tasks.create(session, {"title": "Some day"}, cause=SYSTEM)
    expected = {
        "today": {"Today", "All day"},
        "upcoming": {"Tomorrow", "Some day"},
        "overdue": {"Passed"},
        "done": set(),
        "never": set(),
    }
    for due, titles in expected.items():
        search = finding.read(session, Task, {"due": due}, tenant.user_id)
        assert set(session.scalars(select(Task.title).where(*finding.conditions(Task, search)))) == titles, due
    search = finding.read(session, Contact, {"due": "open"}, tenant.user_id)
    assert session.scalars(select(Contact.id).where(*finding.conditions(Contact, search))).all() == []


def test_a_task_is_done_once(session: Session) -> None:
    ann = person(session)
    task = tasks.create(session, {"title": "Call", "contact": ann.email}, cause=SYSTEM)
    for _ in range(2):
        tasks.complete(session, task, cause=SYSTEM)
    tasks.update(session, task, {"done": False}, cause=SYSTEM)
    assert types(session)[1:] == ["task.created", "task.completed", "task.updated"]
    told = recorded(session)[2].payload
    assert (told["task_title"], told["contact_email"], told["task"]["done"]) == ("Call", "ann@b.example", True)


@pytest.mark.parametrize(
    ("data", "path"),
    [
        ({"title": ""}, "title"),
        ({"type": "dance"}, "type"),
        ({"priority": "none"}, "priority"),
        ({"due_date": "some day"}, "due_date"),
        ({"due_at": "2026-31-31T10:00"}, "due_at"),
        ({"assignee": "nobody@b.example"}, "assignee_id"),
        ({"deal": "7"}, "deal_id"),
        ({"done": "perhaps"}, "done"),
    ],
)
def test_what_a_task_cannot_be(session: Session, data: dict[str, Any], path: str) -> None:
    with pytest.raises(InvalidError) as caught:
        tasks.create(session, {"title": "Call", **data}, cause=SYSTEM)
    assert caught.value.problems[0].path == path


def test_a_note_keeps_its_formatting_and_loses_what_does_harm(session: Session, tenant: Tenant) -> None:
    html = "<p onclick='x()'>Hello <b>Ann</b></p><script>alert(1)</script><a href='javascript:x'>a</a> @owner"
    note = notes.create(session, {"body": html, "deal": deal(session).id}, cause=SYSTEM)
    assert note.html == '<p>Hello <b>Ann</b></p><a rel="noopener noreferrer nofollow">a</a> @owner'
    assert (note.text, note.mentions) == ("Hello Ann\na @owner", [tenant.user_id])
    plain = notes.create(session, {"text": "1 < 2 & so on", "deal_id": note.deal_id}, cause=SYSTEM)
    assert plain.text == "1 < 2 & so on"


@pytest.mark.parametrize(
    ("data", "path"), [({"text": ""}, "text"), ({"html": "<script>x</script>"}, "text"), ({"type": "x"}, "type")]
)
def test_a_note_says_something(session: Session, data: dict[str, Any], path: str) -> None:
    with pytest.raises(InvalidError) as caught:
        notes.create(session, {"text": "Hello", "deal": deal(session).id, **data}, cause=SYSTEM)
    assert caught.value.problems[0].path == path


def test_a_note_is_about_something(session: Session) -> None:
    with pytest.raises(InvalidError, match="about"):
        notes.create(session, {"text": "Hello"}, cause=SYSTEM)


def test_a_tag_is_one_tag_shown_as_written(session: Session) -> None:
    ann, bob = person(session), person(session, "bob@b.example")
    assert tags.add(session, ann, ["R&D", "r&d", " R&D "], cause=SYSTEM) == ["R&D"]
    assert tags.add(session, ann, ["r&D"], cause=SYSTEM) == []
    assert tags.add(session, bob, ["r&d"], cause=SYSTEM) == ["R&D"]
    assert [tag.name for tag in session.query(Tag)] == ["R&D"]
    assert types(session)[2:] == ["contact.tag_added", "contact.tag_added"]
    told = recorded(session)[-1].payload
    assert (told["tag"], told["contact_email"]) == ("R&D", "bob@b.example")
    assert tags.of_many(session, Contact, [ann.id, bob.id]) == {ann.id: ["R&D"], bob.id: ["R&D"]}


def test_a_tag_is_taken_away_once(session: Session) -> None:
    one = deal(session)
    tags.put(session, one, ["Hot", "New"], cause=SYSTEM)
    assert tags.take(session, one, ["HOT", "unknown"], cause=SYSTEM) == ["Hot"]
    assert tags.take(session, one, ["Hot"], cause=SYSTEM) == []
    tags.put(session, one, ["new", "Old"], cause=SYSTEM)
    assert tags.of(session, one) == ["New", "Old"]
    assert types(session)[1:] == ["deal.tag_added", "deal.tag_added", "deal.tag_removed", "deal.tag_added"]


def test_tags_are_renamed_and_deleted(session: Session) -> None:
    first = tags.create(session, "One")
    with pytest.raises(UnsuitableError):
        tags.create(session, "ONE")
    ann = person(session)
    tags.add(session, ann, ["one"], cause=SYSTEM)
    assert tags.rename(session, first, "Uno").name == "Uno"
    assert tags.counts(session, [first.id]) == {first.id: 1}
    tags.remove(session, first)
    session.expire_all()
    assert tags.of(session, ann) == []


def test_a_list_takes_a_contact_once(session: Session) -> None:
    ann = person(session)
    news = lists.create(session, {"name": "News"})
    assert [lists.add(session, lists.find(session, "NEWS"), ann, cause=SYSTEM) for _ in range(2)] == [True, False]
    assert (lists.count(session, news), [one.slug for one in lists.of(session, ann)]) == (1, ["news"])
    assert [lists.take(session, news, ann, cause=SYSTEM) for _ in range(2)] == [True, False]
    assert types(session)[1:] == ["contact.list_added", "contact.list_removed"]
    assert recorded(session)[-1].payload["list"] == "News"


def test_the_timeline_says_who_changed_what(session: Session, tenant: Tenant) -> None:
    one = deal(session)
    deals.move(session, one, "SIGNÉ", cause=Cause(tenant.user_id))
    tasks.create(session, {"title": "Call", "deal": one.id}, cause=Cause(origin="import:7"))
    notes.create(session, {"text": "Hello", "deal": one.id}, cause=SYSTEM)
    deal(session)  # another one's
    page = timeline.of(session, one)
    assert [(entry["type"], entry["by"]["kind"], entry["by"]["name"], entry["title"]) for entry in page.rows] == [
        ("note.created", "system", "", "Hello"),
        ("task.created", "import", "7", "Call"),
        ("deal.updated", "person", "Owner", ""),
        ("deal.created", "system", "", ""),
    ]
    assert page.rows[2]["changes"] == [{"field": "stage", "old": "PROSPECTION", "new": "SIGNÉ"}]


def test_activity_is_known(session: Session) -> None:
    ann = person(session)
    long_ago = datetime(2020, 1, 1, tzinfo=UTC)
    for act in (
        lambda: notes.create(session, {"text": "Hello", "contact": ann.id}, cause=SYSTEM),
        lambda: tags.add(session, ann, ["Hot"], cause=SYSTEM),
        lambda: contacts.update(session, ann, {"score": 1}, cause=SYSTEM),
    ):
        ann.last_activity_at = long_ago
        session.flush()
        act()
        assert ann.last_activity_at > long_ago


def test_the_organizations_zone_is_an_unassigned_tasks(session: Session) -> None:
    session.get_one(Organization, session.info["organization_id"]).timezone = "America/New_York"
    task = tasks.create(session, {"title": "Call", "due_date": "2026-02-01T02:00:00Z"}, cause=SYSTEM)
    assert task.due_date == date(2026, 1, 31)
