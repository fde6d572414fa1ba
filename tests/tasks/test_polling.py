"""Polls of a trigger written by hand: pages, what is there at the first one, and a service without an end."""

from __future__ import annotations

import threading
from contextlib import AbstractContextManager
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import select, update

from flowapp import tasks, workflows
from flowapp.catalog import TRIGGERS, Item, PollContext, Polled, TriggerSpec
from flowapp.catalog.polling import PollParams
from flowapp.engine.store import polls
from flowapp.engine.store.polls import Found
from flowapp.models import Execution, Trigger, TriggerPoll, utcnow
from flowapp.models.tenancy import system_session, tenant_session
from flowapp.tasks import polling
from flowapp.tasks.polling.places import Places
from tests.integrations.conftest import runtime, tenant
from tests.support.tenant import Tenant, make_tenant

__all__ = ["runtime", "tenant"]


class Pages:
    """A service whose list has two entries a page; `last` is its last page. `asked`: the cursors of the polls."""

    def __init__(self, runtime: tasks.Runtime, tenant: Tenant, monkeypatch: pytest.MonkeyPatch) -> None:
        self.runtime, self.tenant, self.last = runtime, tenant, 2
        self.asked: list[object] = []
        spec = TriggerSpec("pages_new", "New", "", "Pages", "bolt", "poll", PollParams, poll=self.poll)
        monkeypatch.setitem(TRIGGERS, "pages_new", spec)

    def poll(self, _ctx: PollContext, _params: Any, cursor: object) -> Polled:
        self.asked.append(cursor)
        page = cursor + 1 if isinstance(cursor, int) else 0
        if page > self.last:
            return Polled([], cursor)
        items = [Item(f"{page}{one}", {"number": f"{page}{one}"}) for one in "ab"]
        return Polled(items, page, more=page < self.last)

    def activate(self, start: str) -> Trigger:
        trigger = {"trigger_type": "pages_new", "config": {"start": start}}
        step = {"step_id": "a", "action_type": "log", "params": {"message": "x"}}
        body = {"name": "W", "status": "active", "steps": [step], "triggers": [trigger]}
        with self.session() as session:
            made = workflows.create(session, body, actor_id=None)
            session.commit()
            return session.scalars(select(Trigger).filter_by(workflow_id=made.id)).one()  # type: ignore[no-any-return]

    def poll_due(self, trigger: Trigger) -> None:
        """Its interval is over, and a worker polls."""
        with self.session() as session:
            session.execute(update(Trigger).values(next_fire_at=utcnow()))
            session.commit()
        polling.poll(trigger.id, self.tenant.organization_id)

    def session(self) -> Any:
        return tenant_session(self.runtime.engine, self.tenant.organization_id)

    def fired(self) -> list[str]:
        with self.session() as session:
            return sorted(one["number"] for one in session.scalars(select(Execution.input_data)))


@pytest.fixture
def pages(runtime: tasks.Runtime, tenant: Tenant, monkeypatch: pytest.MonkeyPatch) -> Pages:
    return Pages(runtime, tenant, monkeypatch)


@pytest.mark.parametrize(
    ("start", "first", "then"),
    [
        ("from_now", [], ["3a", "3b"]),
        ("with_existing", ["0a", "0b", "1a", "1b", "2a", "2b"], ["0a", "0b", "1a", "1b", "2a", "2b", "3a", "3b"]),
    ],
)
def test_all_pages_of_what_is_there_belong_to_the_first_poll(
    pages: Pages, start: str, first: list[str], then: list[str]
) -> None:
    trigger = pages.activate(start)
    polling.poll(trigger.id, pages.tenant.organization_id)
    assert (pages.asked, pages.fired()) == ([None, 0, 1], first)
    pages.last = 3
    pages.poll_due(trigger)
    assert pages.fired() == then


def test_a_list_without_an_end_lets_others_have_the_thread(pages: Pages) -> None:
    """It goes on a little later, from where it was."""
    pages.last = 10_000
    trigger = pages.activate("from_now")
    polling.poll(trigger.id, pages.tenant.organization_id)
    assert len(pages.asked) == polling.PAGES
    with pages.session() as session:
        row, poll = session.get_one(Trigger, trigger.id), session.get_one(TriggerPoll, trigger.id)
        assert row.next_fire_at <= utcnow() + timedelta(seconds=5)
        assert (poll.cursor, poll.begun) == (polling.PAGES - 1, False)


def test_a_fault_of_ours_is_told_and_is_tried_again(pages: Pages, monkeypatch: pytest.MonkeyPatch) -> None:
    trigger = pages.activate("with_existing")
    good, pages.last = TRIGGERS["pages_new"], 0
    broken = TriggerSpec("pages_new", "New", "", "Pages", "bolt", "poll", PollParams, poll=lambda *_: 1 / 0)  # type: ignore[arg-type, return-value]
    monkeypatch.setitem(TRIGGERS, "pages_new", broken)
    polling.poll(trigger.id, pages.tenant.organization_id)
    with pages.session() as session:
        poll = session.get_one(TriggerPoll, trigger.id)
        assert (poll.status, poll.failures, poll.error) == ("failing", 1, "Something went wrong: ZeroDivisionError.")
    monkeypatch.setitem(TRIGGERS, "pages_new", good)
    pages.poll_due(trigger)
    assert pages.fired() == ["0a", "0b"]


def test_one_organization_leaves_places_to_others() -> None:
    places = Places(4)
    with places.taken("a") as one, places.taken("a") as two, places.taken("a") as three, places.taken("b") as other:
        assert (one, two, three, other) == (True, True, False, True)
    with places.taken("b") as one, places.taken("b") as two, places.taken("a") as other, Places(1).taken("a") as only:
        assert one and two and other and only


def test_services_that_do_not_answer_hold_up_their_organization_only(
    pages: Pages, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With four threads two polls at a time, one of each organization."""
    monkeypatch.setattr(pages.runtime, "settings", replace(pages.runtime.settings, threads=4))
    other = Pages(pages.runtime, make_tenant(pages.runtime.engine, "Other"), monkeypatch)
    slow, late, quick = pages.activate("from_now"), pages.activate("from_now"), other.activate("from_now")
    asked: list[object] = []

    def ask(_ctx: PollContext, _params: Any, cursor: object) -> Polled:
        asked.append(cursor)
        if len(asked) == 1:
            polling.poll(late.id, pages.tenant.organization_id)
            polling.poll(quick.id, other.tenant.organization_id)
        return Polled([], 1)

    spec = TriggerSpec("pages_new", "New", "", "Pages", "bolt", "poll", PollParams, poll=ask)
    monkeypatch.setitem(TRIGGERS, "pages_new", spec)
    polling.poll(slow.id, pages.tenant.organization_id)
    with system_session(pages.runtime.engine) as session:
        assert set(session.scalars(select(TriggerPoll.trigger_id))) == {slow.id, quick.id}


def test_a_place_is_given_back_between_pages(pages: Pages, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pages.runtime, "settings", replace(pages.runtime.settings, threads=2))
    taken: list[str] = []

    class Watched(Places):
        def taken(self, organization_id: str) -> AbstractContextManager[bool]:
            taken.append(organization_id)
            return super().taken(organization_id)

    places = Watched(1)
    monkeypatch.setattr(polling, "_places", lambda _count: places)
    polling.poll(pages.activate("from_now").id, pages.tenant.organization_id)
    assert len(taken) == len(pages.asked) == 3


@pytest.mark.both_databases
def test_half_a_character_in_an_item_stops_nothing(pages: Pages, monkeypatch: pytest.MonkeyPatch) -> None:
    def polled(_ctx: PollContext, _params: Any, _cursor: object) -> Polled:
        ids = ["a", "half \ud83d", "half \ud83e", "\ud83d\0" * 99, "half "]
        return Polled([Item(one, {"number": one}) for one in ids], {"last": ids[1]})

    spec = TriggerSpec("pages_new", "New", "", "Pages", "bolt", "poll", PollParams, poll=polled)
    monkeypatch.setitem(TRIGGERS, "pages_new", spec)
    trigger = pages.activate("with_existing")
    for _ in range(2):
        pages.poll_due(trigger)
        assert pages.fired() == sorted(["a", "half \ufffd", "half \ufffd", "\ufffd" * 99, "half "])


@pytest.mark.both_databases
def test_a_message_that_comes_while_a_poll_ends_asks_nothing(pages: Pages) -> None:
    trigger = pages.activate("from_now")
    organization_id, found = pages.tenant.organization_id, Found([], "x", 1, begun=True)
    turn = polling._claim(pages.runtime, trigger.id, organization_id)
    assert turn is not None
    late = threading.Thread(target=polling.poll, args=(trigger.id, organization_id))
    with pages.session() as session:
        now = utcnow()
        assert polls.accept(session, turn, found, now, now + timedelta(minutes=5)) == []
        late.start()
        late.join(0.2)
        assert late.is_alive(), "it waits for what is being written"
        session.commit()
    late.join(10)
    assert pages.asked == [] and not late.is_alive()
