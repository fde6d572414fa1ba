"""The relay of events on real databases: a burst, several organizations, and processes that are killed in between."""

from __future__ import annotations

import signal
import subprocess
import sys
from typing import Any

import pytest
from sqlalchemy import func, insert, select
from sqlalchemy.exc import OperationalError

from flowapp import tasks
from flowapp.broker import due_length, queue_length
from flowapp.engine.store.event_matching.outbox import Outbox
from flowapp.models import Event, Execution, Signal, Subscription, Trigger, new_id, utcnow
from flowapp.models.tenancy import system_session
from flowapp.scheduler import Scheduler
from flowapp.tasks import event_relay
from tests.engine.place import Place, _actions, place, runtime, step
from tests.support.statements import noted

__all__ = ["_actions", "place", "runtime"]
pytestmark = pytest.mark.both_databases

# Hands on what waits, and is killed at a certain place of the transaction.
_DIES = """
import os, signal, sys
from flowapp import catalog, tasks
from flowapp.config import Settings
from flowapp.engine.store.event_matching.outbox import Outbox
from flowapp.models import utcnow
from flowapp.models.tenancy import make_engine, prepare_engine
from flowapp.tasks import event_relay
catalog.load()
settings = Settings.from_env()
engine = make_engine(settings, "scheduler")
prepare_engine(engine, settings)
tasks.init(tasks.Runtime.make(settings, engine))
die = lambda *_: os.kill(os.getpid(), signal.SIGKILL)
if sys.argv[1] == "before the commit":
    event_relay.commit_and_start = die
else:
    event_relay._publish = die
event_relay.hand_on(Outbox(), utcnow())
"""


def listening(place: Place, event_type: str = "order.paid", **more: Any) -> str:
    """A workflow that such events start."""
    workflow_id = place.workflow([step("a")], **more)
    with place.session() as session:
        session.add(
            Trigger(
                workflow_id=workflow_id, key="t", trigger_type="event", source=event_type,
                config={"event_type": event_type},
            )
        )  # fmt: skip
        session.commit()
    return workflow_id


def recorded(place: Place, count: int, event_type: str = "order.paid", **more: Any) -> None:
    """Events that wait to be handed on."""
    row = {"organization_id": place.org, "type": event_type, "payload": {"amount": 1}, "created_at": utcnow(), **more}
    with system_session(place.engine) as session:
        session.execute(insert(Event), [{"id": new_id(), **row} for _ in range(count)])
        session.commit()


def counted(place: Place) -> int:
    with place.session() as session:
        return session.scalar(select(func.count()).select_from(Execution))


def left(place: Place) -> int:
    with system_session(place.engine) as session:
        return session.scalar(select(func.count()).where(Event.published_at.is_(None))) or 0


def hand_all_on(place: Place) -> None:
    outbox = Outbox()
    while left(place):
        event_relay.hand_on(outbox, utcnow())


def test_a_burst_is_handed_on_whole_and_another_organization_does_not_wait_for_it(
    place: Place, runtime: tasks.Runtime
) -> None:
    other = Place(place.engine)
    listening(place)
    listening(other)
    recorded(place, 5000)
    recorded(other, 1)
    with system_session(place.engine) as session:
        first = Outbox().next(session)
        turns = session.scalars(select(Event.organization_id).where(Event.id.in_(first))).all()
    assert len(first) <= 500, "one transaction is short, however many wait"
    assert other.org in turns, "its turn is the first one"
    assert event_relay.hand_on(Outbox(), utcnow()) > 0  # what one tick of the scheduler does
    assert counted(other) == 1, "it waited behind the burst"
    with other.session() as session:
        assert session.scalars(select(Execution)).one().input_data == {"amount": 1}
    hand_all_on(place)
    assert counted(place) == 5000
    assert due_length(runtime.broker) <= 500
    assert queue_length(runtime.broker) - due_length(runtime.broker) == 1, (
        "the single one has its own place in the queue"
    )


def test_only_a_burst_hastens_the_scheduler_not_a_database_that_is_away(
    place: Place, runtime: tasks.Runtime, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else it would look again fifty times a second, in whole rounds, for as long as the outage lasts."""

    def away(*_: object) -> None:
        raise OperationalError("UPDATE events", {}, Exception("server closed the connection"))

    scheduler = Scheduler(runtime, utcnow)
    recorded(place, 3)
    with monkeypatch.context() as outage:
        outage.setattr(event_relay, "take", away)
        scheduler.tick()
    assert left(place) == 3
    assert not scheduler.outbox.more
    with monkeypatch.context() as burst:
        burst.setattr(event_relay, "SECONDS", 0)  # as if there were more than it has time for
        scheduler.tick()
    assert scheduler.outbox.more
    scheduler.tick()
    assert (left(place), scheduler.outbox.more) == (0, False)


def test_what_a_person_waits_for_comes_before_what_a_job_made(place: Place, runtime: tasks.Runtime) -> None:
    recorded(place, 600, bulk=True)
    recorded(place, 3)
    with system_session(place.engine) as session:
        chosen = Outbox().next(session)
        first = session.scalars(select(Event.bulk).where(Event.id.in_(chosen[:3]))).all()
    assert len(chosen) == 500
    assert first == [False, False, False]


def test_organizations_take_turns(place: Place, runtime: tasks.Runtime) -> None:
    others = [Place(place.engine) for _ in range(3)]
    for one in (place, *others):
        recorded(one, 200)
    outbox = Outbox()
    with system_session(place.engine) as session:
        chosen = outbox.next(session)
        counts = session.execute(
            select(Event.organization_id, func.count()).where(Event.id.in_(chosen)).group_by(Event.organization_id)
        ).all()
    assert [count for _, count in counts] == [125] * 4


def test_what_nobody_listens_for_costs_one_mark(place: Place, runtime: tasks.Runtime) -> None:
    recorded(place, 100)
    with noted(place.engine) as statements:
        event_relay.hand_on(Outbox(), utcnow())
    writes = [one for one in statements if one.lstrip().upper().startswith(("UPDATE", "INSERT"))]
    assert len(writes) == 1
    assert writes[0].upper().startswith("UPDATE EVENTS")
    assert len(statements) < 20
    assert left(place) == 0


@pytest.mark.parametrize("moment", ["before the commit", "after the commit"])
def test_a_relay_that_is_killed_has_every_event_start_exactly_one_execution(
    place: Place, runtime: tasks.Runtime, environ: dict[str, str], moment: str
) -> None:
    workflow_id = listening(place)
    recorded(place, 700)
    died = subprocess.run([sys.executable, "-c", _DIES, moment], env=environ, check=False, timeout=60)
    assert died.returncode == -signal.SIGKILL
    assert counted(place) == (0 if moment == "before the commit" else 500)
    hand_all_on(place)
    assert counted(place) == 700
    with place.session() as session:
        keys = session.scalars(select(Execution.idempotency_key).where(Execution.workflow_id == workflow_id)).all()
    assert len(set(keys)) == 700


def test_an_event_that_is_handed_on_again_starts_nothing_again(place: Place, runtime: tasks.Runtime) -> None:
    """As a mark that a restored backup has lost."""
    listening(place)
    recorded(place, 30)
    hand_all_on(place)
    with system_session(place.engine) as session:
        session.query(Event).update({"published_at": None})
        session.commit()
    hand_all_on(place)
    assert counted(place) == 30


def test_a_workflow_that_limits_its_executions_holds_them_back(place: Place, runtime: tasks.Runtime) -> None:
    listening(place, config={"concurrency": 1})
    recorded(place, 3)
    hand_all_on(place)
    with place.session() as session:
        held = session.scalars(select(Execution.held).order_by(Execution.id)).all()
    assert held == [False, True, True]


def test_many_that_wait_for_one_event_each_hear_of_it_once(place: Place, runtime: tasks.Runtime) -> None:
    waiting = [place.begin(place.workflow([step("a")])) for _ in range(3)]
    with place.session() as session:
        for execution_id in waiting:
            for kind in ("order.paid", "order.*"):
                session.add(Subscription(execution_id=execution_id, token="0", event_type=kind))
        session.commit()
    recorded(place, 2)
    hand_all_on(place)
    with place.session() as session:
        heard = session.execute(select(Signal.execution_id, func.count()).group_by(Signal.execution_id)).all()
    assert sorted(heard) == sorted((execution_id, 2) for execution_id in waiting)
