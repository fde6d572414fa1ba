"""May an execution begin now? Concurrency, debounce, re-entry: on real databases, with real starts."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from dramatiq import Message

from flowapp import tasks
from flowapp.engine.store import admission
from flowapp.engine.store.control import cancel
from flowapp.engine.store.rerun import repeat
from flowapp.engine.store.start import start
from flowapp.models import TEST, Execution, Version, Workflow, utcnow
from flowapp.models.tenancy import tenant_session
from flowapp.scheduler import Scheduler
from flowapp.tasks.endings import ended
from tests.engine.place import Place, _actions, place, step
from tests.engine.store.test_events import contact

__all__ = ["_actions", "place"]

NAP = step("nap", do="wait", until=60)


@pytest.fixture
def scheduler(place: Place, settings: Any) -> Iterator[Scheduler]:
    runtime = tasks.Runtime.make(settings, place.engine)
    tasks.init(runtime)
    yield Scheduler(runtime, place.now)
    runtime.broker.close()


def napping(place: Place, **config: Any) -> str:
    """A workflow whose executions wait a minute."""
    return place.workflow([NAP], config=config)


def begin(place: Place, workflow_id: str, input_data: Any = None, **more: Any) -> str:
    """A new execution that has run as far as it may."""
    execution_id = place.begin(workflow_id, input_data, **more)
    place.runner.run(execution_id, place.org)
    return execution_id


def end(place: Place, execution_id: str) -> None:
    """Lets it sleep its minute."""
    place.later(61)
    place.runner.run(execution_id, place.org)
    assert place.get(execution_id).status == "completed"


def release(place: Place, workflow_id: str) -> list[str]:
    with place.session() as session:
        wake_ups = admission.release(session, workflow_id, place.now())
        session.commit()
    return [execution_id for execution_id, _ in wake_ups]


def statuses(place: Place, *execution_ids: str) -> list[str]:
    return [place.get(execution_id).status for execution_id in execution_ids]


def held(place: Place, *execution_ids: str) -> list[bool]:
    return [place.get(execution_id).held for execution_id in execution_ids]


# --- concurrency


def test_one_too_many_waits_its_turn(place: Place) -> None:
    workflow_id = napping(place, concurrency=2)
    first, second, third, fourth = (begin(place, workflow_id) for _ in range(4))
    assert statuses(place, first, second, third, fourth) == ["waiting", "waiting", "pending", "pending"]
    assert held(place, first, second, third, fourth) == [False, False, True, True]
    assert release(place, workflow_id) == []
    end(place, first)
    assert release(place, workflow_id) == [third]
    place.runner.run(third, place.org)
    place.runner.run(fourth, place.org)
    assert statuses(place, third, fourth) == ["waiting", "pending"]


def republish(place: Place, workflow_id: str, **config: Any) -> None:
    """The next version, with another config."""
    with place.session() as session:
        workflow = session.get_one(Workflow, workflow_id)
        before = session.get_one(Version, workflow.published_version_id)
        new = {**before.definition, "config": {**before.definition["config"], "concurrency": None, **config}}
        version = Version(workflow_id=workflow.id, number=before.number + 1, definition=new, fingerprint="g")
        session.add(version)
        session.flush()
        workflow.published_version_id = version.id
        session.commit()


def test_a_raised_limit_lets_the_backlog_begin_and_nobody_overtakes_it(place: Place) -> None:
    workflow_id = napping(place, concurrency=1)
    first, second, third, fourth = (begin(place, workflow_id) for _ in range(4))
    republish(place, workflow_id, concurrency=3)
    fifth = begin(place, workflow_id)
    assert statuses(place, first, second, third, fourth, fifth) == ["waiting", *["pending"] * 4]
    assert release(place, workflow_id) == [second, third], "first come, first served, by the limit as it is now"
    for one in (second, third, fourth, fifth):
        place.runner.run(one, place.org)
    assert held(place, fourth, fifth) == [True, True]
    end(place, first)
    assert release(place, workflow_id) == [fourth]


def test_a_lowered_limit_holds_for_the_backlog(place: Place) -> None:
    workflow_id = napping(place, concurrency=2)
    first, second, third = (begin(place, workflow_id) for _ in range(3))
    republish(place, workflow_id, concurrency=1)
    end(place, first)
    assert release(place, workflow_id) == []
    place.runner.run(second, place.org)
    assert release(place, workflow_id) == [third]


def test_without_a_limit_the_whole_backlog_begins(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(admission, "AT_ONCE", 3)
    workflow_id = napping(place, concurrency=4)
    _, *waiting = [begin(place, workflow_id) for _ in range(9)][3:]
    republish(place, workflow_id)
    assert release(place, workflow_id) == waiting[:3], "though more than that many run already"
    assert release(place, workflow_id) == waiting[3:]


def test_what_runs_again_on_its_old_version_keeps_to_the_limit_of_now(place: Place) -> None:
    workflow_id = place.workflow([step("bad", do="fail", value="no"), NAP])
    failed = begin(place, workflow_id)
    republish(place, workflow_id, concurrency=1)
    with place.session() as session:
        old = session.get_one(Execution, failed)
        ids = [repeat(session, old, from_step="start", version="same").id for _ in range(2)]
        session.commit()
    assert held(place, *ids) == [False, True]


def test_each_value_of_the_key_has_its_own_places(place: Place) -> None:
    workflow_id = napping(place, concurrency=1, concurrency_key="{{ input.customer }}")
    ann, again, bob, nobody = (begin(place, workflow_id, data) for data in ({"customer": "ann"}, {"customer": "ann"}, {"customer": 7}, {}))  # fmt: skip
    assert statuses(place, ann, again, bob, nobody) == ["waiting", "pending", "waiting", "waiting"]
    assert [place.get(one).concurrency_key for one in (ann, bob, nobody)] == ["ann", "7", ""]
    end(place, ann)
    assert release(place, workflow_id) == [again]


def test_one_key_that_is_full_keeps_no_other_one_waiting(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(admission, "AT_ONCE", 3)
    workflow_id = napping(place, concurrency=1, concurrency_key="{{ input.k }}")
    begin(place, workflow_id, {"k": "full"})
    for _ in range(4):
        begin(place, workflow_id, {"k": "full"})
    first, second = begin(place, workflow_id, {"k": "free"}), begin(place, workflow_id, {"k": "free"})
    end(place, first)
    assert release(place, workflow_id) == [second]


def test_one_too_many_is_dropped(place: Place) -> None:
    workflow_id = napping(place, concurrency=1, concurrency_policy="drop")
    first, second = begin(place, workflow_id), begin(place, workflow_id)
    assert statuses(place, first, second) == ["waiting", "skipped"]
    assert "drops" in place.get(second).context["skipped_because"]
    assert place.get(second).completed_at is not None
    end(place, first)
    assert statuses(place, begin(place, workflow_id)) == ["waiting"]


def test_one_too_many_replaces_the_oldest(place: Place) -> None:
    workflow_id = napping(place, concurrency=2, concurrency_policy="replace", concurrency_key="{{ input.k }}")
    other = begin(place, workflow_id, {"k": "other"})
    first, second, third = (begin(place, workflow_id, {"k": "a"}) for _ in range(3))
    assert statuses(place, other, first, second, third) == ["waiting", "cancelled", "waiting", "waiting"]


def test_a_place_is_free_again_when_its_execution_is_cancelled(place: Place, scheduler: Scheduler) -> None:
    workflow_id = napping(place, concurrency=1)
    first, second = begin(place, workflow_id), begin(place, workflow_id)
    with place.session() as session:
        over = cancel(session, session.get_one(Execution, first))
        session.commit()
    tasks.announce_ends(over)
    assert held(place, second) == [False]


def test_who_waited_is_rung_by_whoever_ends(place: Place, scheduler: Scheduler) -> None:
    place.runner.ended = ended
    workflow_id = napping(place, concurrency=1)
    first, second = begin(place, workflow_id), begin(place, workflow_id)
    end(place, first)
    wake_ups = [Message.decode(raw).args[0] for raw in scheduler.runtime.redis.lrange("flowapp:queue:flowapp", 0, -1)]
    assert (wake_ups, held(place, second)) == ([second], [False])


def test_a_release_that_was_lost_is_made_up_by_the_scheduler(place: Place, scheduler: Scheduler) -> None:
    workflow_id = napping(place, concurrency=1)
    first, second, third = (begin(place, workflow_id) for _ in range(3))
    scheduler.tick()
    assert held(place, second, third) == [True, True]
    end(place, first)  # its worker died before it could release
    scheduler.tick()
    assert held(place, second, third) == [False, True]
    place.runner.run(second, place.org)
    assert statuses(place, second, third) == ["waiting", "pending"]


def test_a_held_execution_can_be_cancelled(place: Place) -> None:
    workflow_id = napping(place, concurrency=1)
    first, second = begin(place, workflow_id), begin(place, workflow_id)
    with place.session() as session:
        cancel(session, session.get_one(Execution, second))
        session.commit()
    end(place, first)
    assert release(place, workflow_id) == []
    assert statuses(place, second) == ["cancelled"]


def test_two_who_start_at_once_do_not_share_a_place(place: Place) -> None:
    workflow_id = napping(place, concurrency=1)
    ready = threading.Barrier(4)

    def one() -> None:
        with tenant_session(place.engine, place.org) as session:
            workflow = session.get_one(Workflow, workflow_id)
            version = session.get_one(Version, workflow.published_version_id)
            ready.wait()
            start(session, workflow, version)
            session.commit()

    threads = [threading.Thread(target=one) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    with place.session() as session:
        assert session.query(Execution).filter_by(workflow_id=workflow_id, held=False).count() == 1
        assert session.query(Execution).filter_by(workflow_id=workflow_id, held=True).count() == 3


def test_a_repeated_delivery_takes_no_second_place(place: Place) -> None:
    workflow_id = napping(place, concurrency=1, concurrency_policy="replace")
    first = begin(place, workflow_id, idempotency_key="d1")
    assert begin(place, workflow_id, idempotency_key="d1") == first
    assert statuses(place, first) == ["waiting"]


# --- debounce


def test_a_later_start_takes_the_place_of_one_that_still_waits(place: Place, scheduler: Scheduler) -> None:
    workflow_id = place.workflow(
        [step("a", value="{{ input.n }}")], config={"debounce_seconds": 30, "debounce_key": "{{ input.who }}"}
    )
    place.time = utcnow()
    first, other, last = (
        begin(place, workflow_id, data)
        for data in ({"who": "ann", "n": 1}, {"who": "bob", "n": 2}, {"who": "ann", "n": 3})
    )
    assert statuses(place, first, other, last) == ["skipped", "pending", "pending"]
    assert "took its place" in place.get(first).error_message
    scheduler.tick()
    assert scheduler.runtime.redis.llen("flowapp:queue:flowapp") == 0
    place.later(31)
    scheduler.tick()
    wake_ups = {
        Message.decode(raw).args[0] for raw in scheduler.runtime.redis.lrange("flowapp:queue:flowapp:due", 0, -1)
    }
    assert wake_ups == {other, last}
    for execution_id in (other, last):
        place.runner.run(execution_id, place.org)
    assert [place.get(one).output_data for one in (other, last)] == [2, 3]


def test_what_has_begun_is_not_replaced(place: Place) -> None:
    workflow_id = place.workflow([step("a")], config={"debounce_seconds": 30})
    first = place.begin(workflow_id)
    place.time = place.get(first).start_after
    with place.session() as session:  # its time was half a minute ago
        session.get_one(Execution, first).start_after = utcnow() - timedelta(seconds=1)
        session.commit()
    place.begin(workflow_id)
    place.runner.run(first, place.org)
    assert statuses(place, first) == ["completed"]


# --- re-entry


def enter(place: Place, workflow_id: str, contact_id: str | None) -> str:
    execution_id = begin(place, workflow_id, contact_id=contact_id)
    return place.get(execution_id).status


def test_always(place: Place) -> None:
    workflow_id, ann = napping(place), contact(place)
    assert [enter(place, workflow_id, ann) for _ in range(2)] == ["waiting", "waiting"]


def test_once(place: Place) -> None:
    workflow_id, ann, bob = napping(place, reentry="once"), contact(place), contact(place, "bob@b.example")
    assert [enter(place, workflow_id, who) for who in (ann, ann, bob, None, None)] == [
        "waiting", "skipped", "waiting", "waiting", "waiting",
    ]  # fmt: skip
    other = napping(place, reentry="once")
    assert enter(place, other, ann) == "waiting"


def test_being_skipped_is_no_entry(place: Place) -> None:
    workflow_id, ann = napping(place, reentry="once", concurrency=1, concurrency_policy="drop"), contact(place)
    blocking = begin(place, workflow_id)
    assert enter(place, workflow_id, ann) == "skipped"
    end(place, blocking)
    assert enter(place, workflow_id, ann) == "waiting"


def test_not_while_active(place: Place) -> None:
    workflow_id, ann = napping(place, reentry="not_while_active"), contact(place)
    first = begin(place, workflow_id, contact_id=ann)
    assert enter(place, workflow_id, ann) == "skipped"
    end(place, first)
    assert enter(place, workflow_id, ann) == "waiting"


def test_after_some_days(place: Place) -> None:
    workflow_id, ann = napping(place, reentry="after_30_days"), contact(place)
    first = begin(place, workflow_id, contact_id=ann)
    end(place, first)
    assert enter(place, workflow_id, ann) == "skipped"
    with place.session() as session:
        session.get_one(Execution, first).created_at = utcnow() - timedelta(days=30, seconds=1)
        session.commit()
    assert enter(place, workflow_id, ann) == "waiting"


def test_why_it_was_skipped_stands_with_it(place: Place) -> None:
    workflow_id, ann = napping(place, reentry="once"), contact(place)
    begin(place, workflow_id, contact_id=ann)
    skipped = place.get(begin(place, workflow_id, contact_id=ann))
    assert skipped.context["skipped_because"] == "This contact has been through the workflow, and may enter once only."


def test_two_at_once_enter_once(place: Place) -> None:
    workflow_id, ann = napping(place, reentry="once"), contact(place)
    ready = threading.Barrier(4)

    def one() -> None:
        with tenant_session(place.engine, place.org) as session:
            workflow = session.get_one(Workflow, workflow_id)
            version = session.get_one(Version, workflow.published_version_id)
            ready.wait()
            start(session, workflow, version, contact_id=ann)
            session.commit()

    threads = [threading.Thread(target=one) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    with place.session() as session:
        assert session.query(Execution).filter_by(workflow_id=workflow_id, status="pending").count() == 1


# --- who is not asked


def test_a_test_takes_no_place_and_replaces_nobody(place: Place) -> None:
    workflow_id = napping(place, concurrency=1, concurrency_policy="replace")
    real = begin(place, workflow_id)
    tried = begin(place, workflow_id, trigger_type=TEST)
    assert statuses(place, real, tried) == ["waiting", "waiting"]
    assert place.get(tried).concurrency_key is None


def test_a_sub_workflow_is_not_debounced_since_its_parent_waits_for_it(place: Place) -> None:
    workflow_id = place.workflow([step("a")], config={"debounce_seconds": 30})
    parent = begin(place, workflow_id)
    first = begin(place, workflow_id, more={"options": {"parent": [parent, "1"]}})
    begin(place, workflow_id)
    assert place.get(first).start_after is None
    assert statuses(place, parent, first) == ["skipped", "completed"]


def test_who_is_skipped_or_replaced_is_told_why(place: Place) -> None:
    dropping = napping(place, concurrency=1, concurrency_policy="drop")
    begin(place, dropping)
    assert "drops" in place.get(begin(place, dropping)).error_message
    replacing = napping(place, concurrency=1, concurrency_policy="replace")
    old = begin(place, replacing)
    begin(place, replacing)
    assert (place.get(old).status, "later" in place.get(old).error_message) == ("cancelled", True)


def test_an_execution_is_no_change_of_its_workflow(place: Place) -> None:
    """Lists sort workflows by their last change."""
    workflow_id = napping(place, concurrency=1)
    with place.session() as session:
        before = session.get_one(Workflow, workflow_id).updated_at
    begin(place, workflow_id)
    with place.session() as session:
        assert session.get_one(Workflow, workflow_id).updated_at == before
