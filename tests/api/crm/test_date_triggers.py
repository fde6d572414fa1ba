"""Triggers of dates: a day, dates that records hold, their anniversaries, and some time after something happened."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import select

from flowapp.crm import contacts, deals, fields
from flowapp.crm import tasks as todo
from flowapp.crm.due_dates.date_fields import read_day
from flowapp.events import Cause
from flowapp.models import Event, Task, Trigger, new_id
from flowapp.models.tenancy import system_session, tenant_session
from flowapp.tasks import due, jobs, records_due, runtime
from tests.api.conftest import Api
from tests.api.crm.test_event_triggers import executions, listening

pytestmark = pytest.mark.both_databases
BY = Cause(origin="test")
PARIS = "Europe/Paris"


def due_at(workflow_id: str, at: datetime | None = None) -> datetime:
    """When the workflow's trigger is due; `at` sets it."""
    with system_session(runtime().engine) as session:
        trigger = session.scalars(select(Trigger).where(Trigger.workflow_id == workflow_id)).one()
        if at is not None:
            trigger.next_fire_at = at
            session.commit()
        assert trigger.next_fire_at is not None
        return trigger.next_fire_at


def look(workflow_id: str, *, late: timedelta = timedelta(seconds=5)) -> int:
    """What the scheduler starts when the trigger's time has come."""
    return records_due.start(records_due.DATES, due_at(workflow_id) + late, only_due=True)


def error_of(workflow_id: str) -> str:
    with system_session(runtime().engine) as session:
        return session.scalars(select(Trigger.last_error).where(Trigger.workflow_id == workflow_id)).one()


def day_of(workflow_id: str, zone: str = "UTC") -> date:
    """The day on which it is due next, by the clock of a zone."""
    return due_at(workflow_id).astimezone(ZoneInfo(zone)).date()


def deal(api: Api, **data: Any) -> str:
    with tenant_session(runtime().engine, api.place.id) as session:
        made = deals.create(session, {"title": "Engine", **data}, cause=BY)
        session.commit()
        return made.id


def contact(api: Api, **data: Any) -> str:
    with tenant_session(runtime().engine, api.place.id) as session:
        made = contacts.create(session, {"email": f"{new_id()}@b.example", **data}, cause=BY)
        session.commit()
        return made.id


def define(api: Api, noun: str, key: str, kind: str) -> None:
    with tenant_session(runtime().engine, api.place.id) as session:
        fields.create(session, {"object": noun, "label": key, "key": key, "type": kind})
        session.commit()


def about(api: Api, workflow_id: str) -> list[str]:
    return [one["trigger_entity_id"] for one in executions(api, workflow_id)]


def test_a_day_starts_once_also_when_nothing_ran_at_that_time(api: Api) -> None:
    day = (datetime.now(ZoneInfo(PARIS)) + timedelta(days=10)).date()
    workflow_id = listening(api, "DATE_REACHED", {"date": day.isoformat(), "at": "08:30", "timezone": PARIS})
    moment = datetime(day.year, day.month, day.day, 8, 30, tzinfo=ZoneInfo(PARIS)).astimezone(UTC)
    assert due_at(workflow_id) == moment
    assert due.fire_clocks(moment - timedelta(seconds=1)) == 0
    assert due.fire_clocks(moment + timedelta(days=3)) == 1
    assert due.fire_clocks(moment + timedelta(days=4)) == 0
    (execution,) = executions(api, workflow_id)
    assert execution["input_data"]["scheduled_at"] == moment.isoformat()


@pytest.mark.parametrize("wrong", [{"date": "31.12."}, {}, {"date": "2030-01-01", "at": "25:00"}])
def test_a_day_that_is_none_is_refused(api: Api, wrong: Any) -> None:
    body = {"name": "W", "steps": [], "triggers": [{"trigger_type": "date_reached", "config": wrong}]}
    assert "config" in api.post("/workflows/", body, 422)["errors"][0]["path"]


@pytest.mark.parametrize(
    ("config", "distance"),
    [
        ({"days": 7}, 7),
        ({"days": 7, "when": "after"}, -7),
        ({"offset_days": 0, "date_field": "expected_close", "entity_type": "deal", "field": "expected_close"}, 0),
    ],
)
def test_a_date_starts_its_record_once(api: Api, config: Any, distance: int) -> None:
    workflow_id = listening(api, "date_field_reached", {"entity": "deal", "field": "expected_close", **config})
    wanted = day_of(workflow_id) + timedelta(days=distance)
    meant = deal(api, expected_close=wanted.isoformat())
    for other in (wanted - timedelta(days=1), wanted + timedelta(days=1)):
        deal(api, expected_close=other.isoformat())
    deal(api)
    first = due_at(workflow_id)
    assert look(workflow_id) == 1
    due_at(workflow_id, first)  # another scheduler, or one that was killed before it wrote when it is due next
    assert look(workflow_id) == 0
    (execution,) = executions(api, workflow_id)
    assert (execution["trigger_entity_type"], execution["trigger_entity_id"]) == ("deal", meant)
    given = execution["input_data"]
    assert (given["date"], given["field"], given["deal_title"]) == (wanted.isoformat(), "expected_close", "Engine")


def test_another_date_starts_the_record_again(api: Api) -> None:
    workflow_id = listening(api, "date_field_reached", {"field": "expected_close"})
    meant = deal(api, expected_close=day_of(workflow_id).isoformat())
    assert look(workflow_id) == 1
    with tenant_session(runtime().engine, api.place.id) as session:
        deals.update(session, deals.get(session, meant), {"expected_close": day_of(workflow_id)}, cause=BY)
        session.commit()
    assert look(workflow_id) == 1
    assert about(api, workflow_id) == [meant, meant]


def test_what_came_while_nothing_ran_is_made_up_for_once(api: Api) -> None:
    workflow_id = listening(api, "date_field_reached", {"field": "expected_close"})
    days = [day_of(workflow_id) + timedelta(days=number) for number in range(6)]
    made = [deal(api, expected_close=day.isoformat()) for day in days]
    assert look(workflow_id, late=timedelta(days=4, hours=2)) == 5
    assert sorted(about(api, workflow_id)) == sorted(made[:5])
    assert day_of(workflow_id) == days[5]
    assert look(workflow_id) == 1


@pytest.mark.parametrize(("noun", "kind"), [("contact", "date"), ("company", "datetime"), ("deal", "date")])
def test_a_field_of_one_s_own(api: Api, noun: str, kind: str) -> None:
    define(api, noun, "renewal", kind)
    config = {"entity": noun, "field": "fields.renewal", "days": 30, "at": "07:00", "timezone": PARIS}
    workflow_id = listening(api, "date_field_reached", config)
    wanted = day_of(workflow_id, PARIS) + timedelta(days=30)
    moment = datetime(wanted.year, wanted.month, wanted.day, 0, 30, tzinfo=ZoneInfo(PARIS))  # the day before, in UTC
    value = wanted.isoformat() if kind == "date" else moment.isoformat()
    data = {"contact": {"email": "a@b.example"}, "company": {"name": "Acme"}, "deal": {"title": "Engine"}}[noun]
    path = {"contact": "contacts", "company": "companies", "deal": "deals"}[noun]
    record = api.post(f"/{path}/", {**data, "fields": {"renewal": value}}, 201)
    assert look(workflow_id) == 1
    (execution,) = executions(api, workflow_id)
    assert execution["trigger_entity_id"] == record["id"]
    assert execution["input_data"]["date"] == wanted.isoformat()


def test_tasks_and_moments_have_dates_too(api: Api) -> None:
    due_task = listening(api, "date_field_reached", {"entity": "task", "field": "due_date", "days": 1})
    new_deal = listening(api, "date_field_reached", {"field": "created_at", "days": 3, "when": "after"})
    with tenant_session(runtime().engine, api.place.id) as session:
        data = {"title": "Call", "due_date": day_of(due_task) + timedelta(days=1)}
        task_id = todo.create(session, data, cause=BY).id
        session.commit()
    deal_id = deal(api)
    assert look(due_task) >= 1
    assert about(api, due_task) == [task_id]
    assert look(new_deal, late=timedelta(days=4)) == 1
    assert about(api, new_deal) == [deal_id]


def test_a_date_field_that_was_deleted_since_is_named_on_the_trigger(api: Api) -> None:
    define(api, "deal", "renewal", "date")
    workflow_id = listening(api, "date_field_reached", {"entity": "deal", "field": "Renewal"})
    with tenant_session(runtime().engine, api.place.id) as session:
        fields.remove(session, fields.get(session, "renewal"))
        session.commit()
    assert look(workflow_id) == 0
    assert "expected_close" in error_of(workflow_id)


@pytest.mark.parametrize(
    ("born", "on", "starts"),
    [
        ("1990-05-17", "2027-05-17", True),
        ("1990-05-17", "2027-05-18", False),
        ("1992-02-29", "2027-02-28", True),
        ("1992-02-29", "2028-02-28", False),
        ("1992-02-29", "2028-02-29", True),
        ("2027-05-17", "2027-05-17", False),  # the day itself
        ("2030-05-17", "2027-05-17", False),
    ],
)
def test_an_anniversary_comes_every_year(api: Api, born: str, on: str, starts: bool) -> None:
    define(api, "contact", "birthday", "date")
    config = {"entity": "contact", "field": "birthday", "at": "09:00", "timezone": "UTC"}
    workflow_id = listening(api, "anniversary", config)
    ann = contact(api, fields={"birthday": born})
    due_at(workflow_id, datetime.fromisoformat(f"{on}T09:00:00+00:00"))
    assert look(workflow_id) == int(starts)
    if starts:
        (execution,) = executions(api, workflow_id)
        assert (execution["trigger_entity_id"], execution["contact"]) == (ann, ann)
        assert execution["input_data"]["years"] == int(on[:4]) - int(born[:4])


def test_an_anniversary_is_told_some_days_before_and_once_a_year(api: Api) -> None:
    define(api, "contact", "signed", "date")
    workflow_id = listening(api, "anniversary", {"field": "signed", "days": 5})
    contact(api, fields={"signed": "2020-01-03"})
    first = datetime(2027, 12, 29, 9, tzinfo=UTC)
    due_at(workflow_id, first)
    assert look(workflow_id) == 1  # of 3 January, in the year that follows
    due_at(workflow_id, first)
    assert look(workflow_id, late=timedelta(days=400)) == 1  # the next year's; this one's was told
    assert [one["input_data"]["years"] for one in executions(api, workflow_id)] == [8, 9]


def test_some_time_after_a_contact_was_created(api: Api) -> None:
    workflow_id = listening(api, "time_delay", {"delay": "2 days"})
    ann, gone = contact(api, first_name="Ann"), contact(api)
    with tenant_session(runtime().engine, api.place.id) as session:
        contacts.update(session, contacts.get(session, ann), {"first_name": "Anna"}, cause=BY)
        contacts.delete(session, contacts.get(session, gone), cause=BY)
        session.commit()
    assert look(workflow_id) == 0
    first = due_at(workflow_id)
    assert look(workflow_id, late=timedelta(days=2, minutes=2)) == 1
    due_at(workflow_id, first)
    assert look(workflow_id, late=timedelta(days=2, minutes=2)) == 0
    (execution,) = executions(api, workflow_id)
    assert (execution["contact"], execution["input_data"]["contact_name"]) == (ann, "Anna")  # as it is by then


def test_some_time_after_an_event_of_another_system(api: Api) -> None:
    workflow_id = listening(api, "time_delay", {"delay": "90 minutes", "after": "order.shipped"})
    api.post("/events/", {"type": "order.shipped", "payload": {"order": "7"}}, 202)
    assert look(workflow_id, late=timedelta(minutes=92)) == 1
    (execution,) = executions(api, workflow_id)
    assert execution["input_data"]["order"] == "7"
    with system_session(runtime().engine) as session:
        event = session.scalars(select(Event).where(Event.type == "order.shipped")).one()
        assert execution["context"]["event"]["id"] == event.id


@pytest.mark.parametrize(
    "wrong", [{"delay": "soon"}, {"delay": "5 seconds"}, {"delay": "1 day", "after": "contact.no"}]
)
def test_a_delay_that_is_none_is_refused(api: Api, wrong: Any) -> None:
    body = {"name": "W", "steps": [], "triggers": [{"trigger_type": "time_delay", "config": wrong}]}
    assert "config" in api.post("/workflows/", body, 422)["errors"][0]["path"]


def test_conditions_are_judged_on_the_day(api: Api) -> None:
    rule = {"field": "deal.status", "operator": "==", "value": "open"}
    config = {"field": "expected_close"}
    workflow_id = listening(api, "date_field_reached", config, conditions={"all": [rule]})
    lost = deal(api, expected_close=day_of(workflow_id).isoformat())
    with tenant_session(runtime().engine, api.place.id) as session:
        deals.move(session, deals.get(session, lost), "PERDU", lost_reason="Too dear", cause=BY)
        session.commit()
    assert look(workflow_id) == 1
    assert [one["status"] for one in executions(api, workflow_id)] == ["skipped"]


def test_many_records_are_started_part_by_part(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("flowapp.crm.due_dates.finding.AT_ONCE", 7)
    workflow_id = listening(api, "date_field_reached", {"entity": "task", "field": "due_date"})
    with tenant_session(runtime().engine, api.place.id) as session:
        session.add_all(Task(title=str(number), due_date=day_of(workflow_id)) for number in range(20))
        session.commit()
    assert look(workflow_id) == 20
    assert len(set(about(api, workflow_id))) == 20


def test_the_job_runs_when_one_is_due_and_a_paused_workflow_is_not(api: Api) -> None:
    jobs.load()
    workflow_id = listening(api, "date_field_reached", {"entity": "deal", "field": "expected_close"})
    deal(api, expected_close=date.today().isoformat())
    spec, now = jobs.JOBS["check_date_workflows"], runtime().clock.now()
    assert not jobs.is_due(spec, now - timedelta(hours=1), now)
    due_at(workflow_id, now - timedelta(seconds=1))
    assert jobs.is_due(spec, now - timedelta(hours=1), now)
    api.post(f"/workflows/{workflow_id}/pause/")
    assert not jobs.is_due(spec, now - timedelta(hours=1), now)
    assert jobs.perform("check_date_workflows") == {"started": 0}


@pytest.mark.parametrize(
    ("moment", "zone"), [("9999-12-31T23:59:59-12:00", PARIS), ("0001-01-01T00:00:00+14:00", PARIS)]
)
def test_a_moment_at_an_end_of_the_calendar_is_no_day(moment: str, zone: str) -> None:
    """One contact with such a value stopped the dates of everybody."""
    assert read_day(moment, ZoneInfo(zone)) is None
