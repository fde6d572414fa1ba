"""Polls of a trigger written by hand: pages, what is there at the first one, and a service without an end."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import select

from flowapp import tasks, workflows
from flowapp.catalog import TRIGGERS, Item, PollContext, Polled, TriggerSpec
from flowapp.catalog.polling import PollParams
from flowapp.models import Execution, Trigger, TriggerPoll, utcnow
from flowapp.models.tenancy import tenant_session
from flowapp.tasks import polling
from tests.integrations.conftest import runtime, tenant
from tests.support.tenant import Tenant

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
            workflows.create(session, body, actor_id=None)
            session.commit()
            return session.scalars(select(Trigger)).one()  # type: ignore[no-any-return]

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
    polling.poll(trigger.id, pages.tenant.organization_id)
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
    polling.poll(trigger.id, pages.tenant.organization_id)
    assert pages.fired() == ["0a", "0b"]
