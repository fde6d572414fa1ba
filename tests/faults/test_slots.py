"""Two schedulers whose clocks jump and differ, through both changes of clocks: each slot starts exactly once."""

from __future__ import annotations

import random
import threading
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from flowapp import tasks
from flowapp.models import Execution, Lease, Trigger, new_id
from flowapp.scheduler import Scheduler
from tests.engine.place import Place, _actions, place, step
from tests.faults.report import Row
from tests.faults.sizes import SIZES

__all__ = ["_actions", "place"]
pytestmark = pytest.mark.faults

PARIS, NEW_YORK = "Europe/Paris", "America/New_York"
CHANGES = [
    (PARIS, date(2026, 3, 29)),
    (PARIS, date(2026, 10, 25)),
    (NEW_YORK, date(2026, 3, 8)),
    (NEW_YORK, date(2026, 11, 1)),
]
FIXED = {"30 1 * * *": (1, 30), "30 2 * * *": (2, 30)}  # in the hours that are left out, or come twice
QUARTERS = "*/15 * * * *"
LENGTH = timedelta(hours=44)


class Pair:
    """Two schedulers on one database; each may be replaced by a fresh one, as after kill -9."""

    def __init__(self, place: Place, settings: Any, chance: random.Random) -> None:
        self.place, self.settings, self.chance, self.names = place, settings, chance, 0
        self.both = [self.fresh(), self.fresh()]

    def fresh(self) -> Scheduler:
        runtime = tasks.Runtime.make(self.settings, self.place.engine)
        self.names += 1
        runtime.name = f"scheduler {self.names}"
        tasks.init(runtime)
        return Scheduler(runtime, self.place.now)

    def tick(self) -> None:
        """One of them ticks, by a clock that is up to 20 s behind; sometimes it has just been started anew."""
        number = self.chance.randrange(2)
        if self.chance.random() < 0.02:
            self.both[number].runtime.broker.close()
            self.both[number] = self.fresh()
        true = self.place.time
        self.place.time = true - timedelta(seconds=20 * number * self.chance.random())
        self.both[number].tick()
        self.place.time = true


@pytest.fixture
def pair(place: Place, settings: Any) -> Iterator[Pair]:
    made = Pair(place, settings, random.Random(7))
    yield made
    for scheduler in made.both:
        scheduler.runtime.broker.close()
        scheduler.runtime.redis.close()


@pytest.mark.parametrize(("zone", "day"), CHANGES, ids=lambda value: str(value).rpartition("/")[2])
def test_each_slot_starts_exactly_once_through_a_change_of_clocks(
    place: Place, pair: Pair, zone: str, day: date
) -> None:
    begin = datetime(day.year, day.month, day.day, tzinfo=ZoneInfo(zone)).astimezone(UTC) - timedelta(hours=12)
    row = Row(f"two schedulers, {SIZES.ticks} ticks, {zone} {day}", place.engine.dialect.name)
    place.time = begin
    wanted = {trigger(place, cron, zone, begin): slots for cron, slots in expected(zone, begin).items()}
    pause = LENGTH / SIZES.ticks
    clock = begin
    for _ in range(SIZES.ticks):
        clock += pause
        place.time = clock + jump(pair.chance, pause)
        pair.tick()
    place.time = begin + LENGTH
    for _ in range(60):  # whoever holds the lease
        place.time += timedelta(seconds=1)
        pair.tick()
    started = {workflow_id: found(place, workflow_id) for workflow_id in wanted}
    row.executions = sum(sum(counts.values()) for counts in started.values())
    row.lost = sum(len(set(slots) - set(started[one])) for one, slots in wanted.items())
    row.doubled = sum(count - 1 for counts in started.values() for count in counts.values())
    row.done()
    for workflow_id, slots in wanted.items():
        assert started[workflow_id] == Counter(slots)


def jump(chance: random.Random, pause: timedelta) -> timedelta:
    """What a clock may do: go right, be set back by up to an hour, or be late by up to ten ticks."""
    if chance.random() < 0.9:
        return timedelta()
    return -chance.random() * (timedelta(hours=1) if chance.random() < 0.5 else 10 * pause)


def expected(zone: str, begin: datetime) -> dict[str, list[datetime]]:
    """Cron expression to its slots: of a fixed time one a day (a time left out comes an hour later), else elapsed time."""
    tz, end = ZoneInfo(zone), begin + LENGTH
    first = begin.astimezone(tz).date()
    days = [first + timedelta(days=n) for n in range(-1, 4)]
    found = {
        cron: [datetime(d.year, d.month, d.day, *at, tzinfo=tz).astimezone(UTC) for d in days]
        for cron, at in FIXED.items()
    }
    found[QUARTERS] = [begin + timedelta(minutes=15 * n) for n in range(1, 4 * 24 * 3)]
    return {cron: [slot for slot in slots if begin < slot <= end] for cron, slots in found.items()}


def trigger(place: Place, cron: str, zone: str, begin: datetime) -> str:
    """The workflow that the clock starts."""
    workflow_id = place.workflow([step("a")])
    config = {"cron": cron, "timezone": zone, "missed": "all"}
    with place.session() as session:
        first = min(expected(zone, begin)[cron])
        more = {"trigger_type": "schedule", "config": config, "next_fire_at": first}
        session.add(Trigger(id=new_id(), workflow_id=workflow_id, key="clock", **more))
        session.commit()
    return workflow_id


def found(place: Place, workflow_id: str) -> Counter[datetime]:
    """The slots that started, and how often."""
    with place.session() as session:
        rows = session.query(Execution.input_data).filter_by(workflow_id=workflow_id)
        return Counter(datetime.fromisoformat(row.input_data["scheduled_at"]) for row in rows)


def test_two_schedulers_that_both_believe_to_hold_the_lease_start_a_slot_once(place: Place, pair: Pair) -> None:
    row = Row("two schedulers without a lease", place.engine.dialect.name)
    begin = place.time
    workflow_id = trigger(place, QUARTERS, "UTC", begin)
    meet = threading.Barrier(2, timeout=30)
    rounds = 20

    def run(scheduler: Scheduler) -> None:
        for _ in range(rounds):
            if meet.wait() == 0:
                place.later(900)
            meet.wait()
            scheduler.fire_clocks(place.time)

    threads = [threading.Thread(target=run, args=(scheduler,)) for scheduler in pair.both]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    started = found(place, workflow_id)
    row.executions, row.doubled = sum(started.values()), sum(started.values()) - len(started)
    row.lost = rounds - len(started)
    row.done()
    assert started == Counter(begin + timedelta(minutes=15 * n) for n in range(1, rounds + 1))


def test_the_lease_passes_on_when_a_clock_was_set_back(place: Place, pair: Pair) -> None:
    """A scheduler whose clock ran an hour ahead took a lease and died: the other does not wait for an hour."""
    ahead, other = pair.both
    place.later(3600)
    ahead.tick()
    place.later(-3600)
    for _ in range(30):
        place.later(1)
        other.tick()
    with place.session() as session:
        assert session.get_one(Lease, "scheduler").owner == other.runtime.name
