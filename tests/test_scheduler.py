"""The scheduler on real databases and a real Valkey: what it wakes, and that each slot starts once."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import orjson
import pytest
from dramatiq import Message
from sqlalchemy import event

from flowapp import catalog, tasks
from flowapp.broker import due_length, queue_length
from flowapp.catalog import get_trigger
from flowapp.engine.store import timers
from flowapp.engine.store.schedules import slots
from flowapp.engine.store.work_due import QUESTION, WorkDue
from flowapp.events.types import EXECUTION_FAILED
from flowapp.models import Event, Execution, Job, Timer, Trigger, Workflow, new_id, utcnow
from flowapp.models.driver import Made
from flowapp.scheduler import Scheduler
from flowapp.tasks import due
from flowapp.tasks.bus import FEW
from tests.engine.place import Place, _actions, place, step
from tests.support.statements import noted

__all__ = ["_actions", "place"]


@pytest.fixture
def scheduler(place: Place, settings: Any) -> Iterator[Scheduler]:
    catalog.load()
    runtime = tasks.Runtime.make(settings, place.engine)
    tasks.init(runtime)
    yield Scheduler(runtime, place.now)
    runtime.broker.close()


def woken(scheduler: Scheduler) -> int:
    count = queue_length(scheduler.runtime.broker)
    scheduler.runtime.redis.flushall()
    return count


def rung(scheduler: Scheduler, name: str) -> list[str]:
    """The executions of a list's messages."""
    return [Message.decode(one).args[0] for one in scheduler.runtime.redis.lrange(name, 0, -1)]


def test_a_due_timer_rings_once_and_again_only_later(place: Place, scheduler: Scheduler) -> None:
    execution_id = place.begin(place.workflow([step("w", do="wait", until=60)]))
    place.runner.run(execution_id, place.org)
    scheduler.tick()
    assert woken(scheduler) == 0
    place.later(60)
    scheduler.tick()
    assert woken(scheduler) == 1
    scheduler.tick()
    assert woken(scheduler) == 0
    place.later(6)
    scheduler.tick()
    assert woken(scheduler) == 1


def test_executions_whose_time_has_come_are_one_message_the_first_time(place: Place, scheduler: Scheduler) -> None:
    """Once it was lost, each has its own: perhaps one of them ended the worker."""
    ids = [place.begin(place.workflow([step("w", do="wait", until=60)])) for _ in range(3)]
    for execution_id in ids:
        place.runner.run(execution_id, place.org)

    def messages() -> list[tuple[str, Any]]:
        scheduler.tick()
        queued = [Message.decode(one) for one in scheduler.runtime.redis.lrange("flowapp:queue:flowapp:due", 0, -1)]
        scheduler.runtime.redis.flushall()
        return [(one.actor_name, tuple(one.args)) for one in queued]

    place.later(60)
    assert messages() == [("run_due", (place.org, *ids))]
    place.later(6)
    assert messages() == [("run_execution", (one, place.org)) for one in ids]


def test_timers_are_woken_however_many_new_executions_wait(place: Place, scheduler: Scheduler) -> None:
    """Else nothing that waited once would end under load, and the backlog would only grow."""
    execution_id = place.begin(place.workflow([step("w", do="wait", until=1)]))
    place.runner.run(execution_id, place.org)
    place.later(2)
    scheduler.runtime.broker.wake_many("run_execution", [(f"{n}", place.org) for n in range(due.QUEUED)])
    scheduler.tick()
    assert due_length(scheduler.runtime.broker) == 1
    assert woken(scheduler) == due.QUEUED + 1


def test_timers_do_not_make_a_backlog(place: Place, scheduler: Scheduler, monkeypatch: pytest.MonkeyPatch) -> None:
    """Many executions are one message, so the length of the queue does not tell how many wait in it."""
    monkeypatch.setattr(due, "QUEUED", 5)
    now = place.time = utcnow()  # as the messages' own times
    workflow = place.workflow([step("w", do="wait", until=60)])
    ids = [place.begin(workflow) for _ in range(7)]
    for execution_id in ids:
        place.runner.run(execution_id, place.org)
    place.time = now
    place.later(61)
    monkeypatch.setattr(timers, "AT_ONCE", 3)
    scheduler.tick()
    assert woken(scheduler) == 2, "one message for three"
    scheduler.tick()
    assert woken(scheduler) == 0, "six of them are under way"
    place.runner.run_together(ids[:3], place.org)
    scheduler.tick()
    assert woken(scheduler) == 1, "the last one"


def test_what_waits_long_in_the_queue_is_still_under_way(
    place: Place, scheduler: Scheduler, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(due, "QUEUED", 2)
    monkeypatch.setattr(timers, "AT_ONCE", 2)
    workflow = place.workflow([step("w", do="wait", until=1)])
    for execution_id in [place.begin(workflow) for _ in range(4)]:
        place.runner.run(execution_id, place.org)
    place.time = utcnow() + timedelta(seconds=2)  # the messages are of about now
    scheduler.tick()
    assert due_length(scheduler.runtime.broker) == 1
    place.later(60)
    scheduler.tick()
    assert due_length(scheduler.runtime.broker) == 1


def test_a_tick_walks_over_no_execution_that_waits(place: Place, scheduler: Scheduler) -> None:
    """A hundred thousand of them must cost nothing. PostgreSQL reads small tables whole, so SQLite's plans are looked at."""
    asked: list[tuple[str, Any]] = []

    def note(_c: Any, _cursor: Any, statement: str, values: Any, *_more: Any) -> None:
        if statement.startswith("SELECT"):
            asked.append((statement, values))

    everything = WorkDue(*(True for _ in WorkDue._fields))
    event.listen(place.engine, "before_cursor_execute", note)
    for job in scheduler.jobs(everything):
        job(place.time)
    event.remove(place.engine, "before_cursor_execute", note)
    assert len(asked) >= 8
    if place.engine.dialect.name == "sqlite":
        question = Made(QUESTION, place.engine.dialect)
        asked.append((question.text, question.values(dict.fromkeys(("now", "again", "signal_again"), place.time))))
        with place.engine.connect() as connection:
            plans = [connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {s}", tuple(v)).all() for s, v in asked]
        steps = [str(row[3]) for plan in plans for row in plan]
        large = ("SCAN executions", "SCAN timers", "SCAN events", "SCAN step_runs")
        assert [s for s in steps if s.startswith(large) and "INDEX ix_" not in s] == []


def test_a_tick_with_nothing_to_do_asks_once(place: Place, scheduler: Scheduler) -> None:
    """Two ticks a second, day and night, though an execution waits for its time, and one for its start."""
    place.runner.run(place.begin(place.workflow([step("w", do="wait", until=600)])), place.org)
    later = place.begin(place.workflow([step("a")]))
    with place.session() as session:
        execution = session.get_one(Execution, later)
        execution.rung_at, execution.start_after = place.time, place.time + timedelta(minutes=5)
        session.commit()
    for _ in range(6):  # the lease is taken, and what is looked at less often, or until it is done, is looked at
        scheduler.tick()
    with noted(place.engine) as asked:
        scheduler.tick()
    assert len([text for text in asked if "set_config" not in text]) == 1
    place.later(600)
    scheduler.tick()
    assert woken(scheduler) == 2


def test_emptied_redis_loses_nothing(place: Place, scheduler: Scheduler) -> None:
    with place.session() as session:
        session.query(Execution).delete()
        session.commit()
    for _ in range(3):
        place.begin(place.workflow([step("a")]))
    with place.session() as session:
        session.query(Execution).update({"rung_at": place.time})
        session.commit()
    scheduler.runtime.redis.flushall()
    scheduler.tick()
    assert woken(scheduler) == 0
    place.later(6)
    scheduler.tick()
    assert woken(scheduler) == 3


def test_a_bell_is_rung_again_only_if_it_is_not_queued(place: Place, scheduler: Scheduler) -> None:
    now = place.time = utcnow()  # as the messages' own times
    lost, queued = (place.begin(place.workflow([step("a")])) for _ in range(2))
    with place.session() as session:
        session.get_one(Execution, lost).rung_at = now - timedelta(seconds=10)
        session.get_one(Execution, queued).rung_at = now
        session.commit()
    tasks.runtime().bus.wake(queued, place.org)
    place.later(6)
    scheduler.tick()
    new, again = (rung(scheduler, name) for name in ("flowapp:queue:flowapp", "flowapp:queue:flowapp:due"))
    assert (new, again) == ([queued], [lost])
    place.later(6)
    scheduler.tick()
    assert rung(scheduler, "flowapp:queue:flowapp:due") == [lost]


def test_while_a_burst_is_written_few_of_what_it_starts_run(place: Place, scheduler: Scheduler) -> None:
    """Else a hundred thousand executions would take the processors from the job that writes what starts them."""
    workflow_id = place.workflow([step("a")])
    begun = {place.begin(workflow_id) for _ in range(30)}
    with place.session() as session:
        session.query(Execution).update({"rung_at": place.time - timedelta(seconds=10)})
        job = Job(kind="bulk", title="Tag all", status="running", start_workflows=True)
        session.add(job)
        session.commit()
        scheduler.tick()
        first = rung(scheduler, "flowapp:queue:flowapp:due")
        assert woken(scheduler) == len(first) == FEW
        job.status = "completed"
        session.commit()
    scheduler.tick()
    assert {*first, *rung(scheduler, "flowapp:queue:flowapp:due")} == begun


def test_a_dead_workers_execution_is_rung(place: Place, scheduler: Scheduler) -> None:
    execution_id = place.begin(place.workflow([step("a")]))
    with place.session() as session:
        session.query(Execution).filter_by(id=execution_id).update(
            {"status": "running", "lease_until": place.time + timedelta(seconds=10), "rung_at": place.time}
        )
        session.commit()
    place.later(9)
    scheduler.tick()
    assert woken(scheduler) == 0
    place.later(2)
    scheduler.tick()
    assert woken(scheduler) == 1


def test_of_executions_whose_worker_died_twice_each_is_tried_alone(place: Place, scheduler: Scheduler) -> None:
    suspects = [place.begin(place.workflow([step("a")])) for _ in range(3)]
    lease = timedelta(seconds=10)
    with place.session() as session:
        died = {"status": "running", "crashes": 1, "lease_until": place.time, "rung_at": place.time - lease}
        session.query(Execution).filter(Execution.id.in_(suspects)).update(died)
        session.commit()
    order = []
    for _ in suspects:
        place.later(6)
        scheduler.tick()
        (wake_up,) = scheduler.runtime.redis.lrange("flowapp:queue:flowapp:due", 0, -1)
        scheduler.runtime.redis.flushall()
        order.append(Message.decode(wake_up).args[0])
        place.later(1)
        scheduler.tick()
        assert woken(scheduler) == 0, "one was woken before the last was tried"
        place.runner.run(order[-1], place.org)
        assert place.get(order[-1]).status == "completed"
    assert order == suspects


def test_of_two_schedulers_one_works_until_its_lease_is_over(place: Place, scheduler: Scheduler) -> None:
    other = Scheduler(scheduler.runtime, place.now)
    other.runtime.name = scheduler.runtime.name
    execution_id = place.begin(place.workflow([step("w", do="wait", until=1)]))
    place.runner.run(execution_id, place.org)
    scheduler.tick()
    scheduler.runtime.name = "another process"
    place.later(1)
    other.tick()
    assert woken(scheduler) == 0
    place.later(7)
    other.tick()
    assert woken(scheduler) == 1


def clock_trigger(place: Place, due: datetime, **config: Any) -> str:
    workflow_id = place.workflow([step("a")])
    with place.session() as session:
        trigger = Trigger(
            id=new_id(),
            workflow_id=workflow_id,
            key="clock",
            trigger_type="schedule",
            next_fire_at=due,
            config={"cron": "*/10 * * * *", "timezone": "UTC", **config},
        )
        session.add(trigger)
        session.commit()
        return workflow_id


def test_each_slot_starts_exactly_once(place: Place, scheduler: Scheduler) -> None:
    clock_trigger(place, place.time + timedelta(minutes=10))
    for _ in range(35):
        place.later(60)
        scheduler.tick()
        scheduler.tick()
    with place.session() as session:
        keys = [e.input_data["scheduled_at"][11:16] for e in session.query(Execution).order_by(Execution.id)]
        (trigger,) = session.query(Trigger)
    assert keys == ["12:10", "12:20", "12:30"]
    assert trigger.next_fire_at == datetime(2026, 3, 1, 12, 40, tzinfo=UTC)


def test_a_paused_workflow_does_not_fire(place: Place, scheduler: Scheduler) -> None:
    workflow_id = clock_trigger(place, place.time)
    with place.session() as session:
        session.query(Workflow).filter_by(id=workflow_id).update({"status": "paused"})
        session.commit()
    scheduler.tick()
    assert woken(scheduler) == 0


@pytest.mark.parametrize(("policy", "expected"), [("skip", []), ("once", ["13:50"]), ("all", 11)])
def test_missed_slots(policy: str, expected: Any) -> None:
    catalog.load()
    config = {"cron": "*/10 * * * *", "timezone": "UTC", "missed": policy}
    first, now = datetime(2026, 3, 1, 12, 10, tzinfo=UTC), datetime(2026, 3, 1, 13, 55, tzinfo=UTC)
    found = slots(get_trigger("schedule"), config, first, now)
    assert (len(found) if isinstance(expected, int) else [f"{s:%H:%M}" for s in found]) == expected


@pytest.mark.parametrize(
    ("policy", "expected"), [("skip", []), ("once", ["13:15"]), ("all", ["10:15", "11:45", "13:15"])]
)
def test_missed_slots_of_an_interval(policy: str, expected: list[str]) -> None:
    catalog.load()
    config = {"every": "minutes", "minutes": 90, "start": "2026-02-01T07:15:00Z", "missed": policy}
    first, now = datetime(2026, 3, 1, 10, 15, tzinfo=UTC), datetime(2026, 3, 1, 13, 55, tzinfo=UTC)
    assert [f"{s:%H:%M}" for s in slots(get_trigger("schedule"), config, first, now)] == expected


def test_a_slot_on_time_runs_whatever_was_missed() -> None:
    catalog.load()
    config = {"cron": "*/10 * * * *", "timezone": "UTC", "missed": "skip"}
    first, now = datetime(2026, 3, 1, 12, 10, tzinfo=UTC), datetime(2026, 3, 1, 13, 50, 30, tzinfo=UTC)
    assert [f"{s:%H:%M}" for s in slots(get_trigger("schedule"), config, first, now)] == ["13:50"]


def test_timers_of_ended_executions_are_gone(place: Place, scheduler: Scheduler) -> None:
    execution_id = place.begin(place.workflow([step("w", do="wait", until=5)]))
    place.runner.run(execution_id, place.org)
    place.later(5)
    place.runner.run(execution_id, place.org)
    with place.session() as session:
        assert session.query(Timer).count() == 0
    scheduler.tick()
    assert woken(scheduler) == 0


def test_of_many_missed_slots_the_last_runs_and_the_one_on_time_is_never_left_out() -> None:
    catalog.load()
    spec, first = get_trigger("schedule"), datetime(2026, 3, 1, 0, 0, tzinfo=UTC)
    minutely = {"cron": "* * * * *", "timezone": "UTC"}
    on_time = first + timedelta(days=2, seconds=10)
    assert slots(spec, {**minutely, "missed": "skip"}, first, on_time) == [on_time - timedelta(seconds=10)]
    assert slots(spec, {**minutely, "missed": "once"}, first, on_time) == [on_time - timedelta(seconds=10)]
    assert slots(spec, {**minutely, "missed": "all"}, first, on_time)[-1] == on_time - timedelta(seconds=10)
    daily = {"cron": "0 9 * * *", "timezone": "UTC", "missed": "once"}
    assert slots(spec, daily, first, first + timedelta(days=400, hours=1)) == [first + timedelta(days=399, hours=9)]


def test_a_schedule_that_cannot_be_read_keeps_no_other_from_firing(place: Place, scheduler: Scheduler) -> None:
    broken = clock_trigger(place, place.time - timedelta(minutes=1), timezone="Mars/Base")
    clock_trigger(place, place.time)
    scheduler.tick()
    assert woken(scheduler) == 1
    with place.session() as session:
        trigger = session.query(Trigger).filter_by(workflow_id=broken).one()
    assert trigger.next_fire_at is None
    assert trigger.last_error


def test_a_job_that_fails_keeps_no_other_from_its_work(
    place: Place, scheduler: Scheduler, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(_now: datetime) -> None:
        raise LookupError("as a bug would")

    monkeypatch.setattr(scheduler, "wake_timers", fails)
    clock_trigger(place, place.time)
    scheduler.tick()
    assert woken(scheduler) == 1


def test_an_event_that_cannot_be_handed_on_holds_up_no_other(place: Place, scheduler: Scheduler) -> None:
    with place.session() as session:
        for kind, payload in (
            ("shop.opened", {}),
            (EXECUTION_FAILED, {"execution_id": ["no id"]}),
            ("shop.closed", {}),
        ):
            session.add(Event(type=kind, payload=payload))
        session.commit()
    heard = scheduler.runtime.redis.pubsub()
    heard.subscribe(f"events:{place.org}")
    scheduler.tick()
    with place.session() as session:
        assert session.query(Event).filter(Event.published_at.is_(None)).count() == 0
    said: list[str] = []
    while "shop.closed" not in said:
        message = heard.get_message(timeout=60)
        assert message, said
        said += [orjson.loads(message["data"])["type"]] if message["type"] == "message" else []


def test_a_lease_that_a_clock_running_ahead_has_written_is_nobodys(place: Place, scheduler: Scheduler) -> None:
    scheduler.runtime.name = "died since"
    place.later(3600)
    scheduler.tick()
    place.later(-3600)
    other = Scheduler(scheduler.runtime, place.now)
    other.runtime.name = "goes on"
    clock_trigger(place, place.time)
    other.tick()
    assert woken(scheduler) == 1
