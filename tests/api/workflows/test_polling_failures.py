"""Polls that fail: what is told of them, when they are made again, and that nothing is lost."""

from __future__ import annotations

import threading
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import select

from flowapp.extensions import db
from flowapp.models import Integration, Notification, Trigger, utcnow
from flowapp.models.tenancy import system_session
from flowapp.tasks import polling, runtime
from tests.api.workflows.test_polling import Shop, shop
from tests.support.servers.sink import Answer

__all__ = ["shop"]
BROKEN = Answer(500, b'{"error": {"message": "Out of order"}}')


def told(title: str = "cannot check") -> list[Notification]:
    with system_session(db.engine) as session:
        return [one for one in session.scalars(select(Notification)) if title in one.title]


def test_health_is_told(shop: Shop) -> None:
    workflow = shop.workflow()
    before = shop.health(workflow)
    assert (before["trigger"], before["status"], before["last_success_at"]) == ("orders", "new", None)
    shop.poll()
    good = shop.health(workflow)
    assert (good["status"], good["last_error"], good["failures"]) == ("ok", "", 0)
    assert datetime.fromisoformat(good["next_poll_at"]) == shop.time + timedelta(minutes=5)
    shop.sink.answers.append(BROKEN)
    shop.poll(minutes=5)
    bad = shop.health(workflow)
    assert (bad["status"], bad["failures"], bad["last_success_at"]) == ("failing", 1, good["last_success_at"])
    assert "Out of order" in bad["last_error"]
    shop.api.post(f"/workflows/{workflow}/pause/")
    assert shop.health(workflow)["next_poll_at"] is None


def test_after_five_failures_in_a_row_the_owner_is_told_once(shop: Shop) -> None:
    shop.orders = [{"id": 1}]
    workflow = shop.workflow()
    shop.poll()
    shop.orders += [{"id": 2}]
    shop.sink.answers.extend([BROKEN] * 7)
    for count in range(1, 8):
        shop.poll(minutes=5)
        assert bool(told()) == (count >= 5)
    alerts = told()
    assert len(alerts) == len({one.user_id for one in alerts}), "once each"
    assert shop.api.place.user_id in {one.user_id for one in alerts}
    assert "Out of order" in alerts[0].body and alerts[0].link == f"/workflows/{workflow}"
    assert "send_notification_emails" in shop.sent, "by e-mail, too"
    shop.poll(minutes=5)
    assert (shop.health(workflow)["status"], shop.health(workflow)["failures"]) == ("ok", 0)
    assert shop.fired(workflow) == [2], "nothing was lost"
    shop.sink.answers.extend([BROKEN] * 5)
    for _ in range(5):
        shop.poll(minutes=5)
    assert len(told()) == 2 * len(alerts), "the next time it is told again"


def test_a_service_that_asks_to_wait_is_left_alone(shop: Shop) -> None:
    workflow = shop.workflow()
    shop.poll()
    headers = {"Content-Type": "application/json", "Retry-After": "1200"}
    shop.sink.answers.append(Answer(429, b"{}", headers))
    shop.poll(minutes=5)
    found = shop.health(workflow)
    assert (found["status"], found["failures"]) == ("busy", 1)
    with system_session(db.engine) as session:
        (message,) = session.execute(select(Trigger.id, Trigger.organization_id).filter_by(workflow_id=workflow)).all()
    asked = len(shop.sink.requests)
    polling.poll(*message)  # one of before, which comes late
    assert len(shop.sink.requests) == asked
    assert [shop.poll(minutes=19), shop.poll(minutes=2)] == [0, 1]
    shop.sink.answers.append(Answer(503, b"{}", headers))
    shop.poll(minutes=5)
    assert shop.health(workflow)["failures"] == 1
    assert [shop.poll(minutes=19), shop.poll(minutes=2)] == [0, 1]


def test_a_service_that_asks_to_wait_for_ever_is_told_of(shop: Shop) -> None:
    """Not before an hour has passed: some minutes of that are nothing to tell of."""
    workflow = shop.workflow()
    shop.poll()
    shop.sink.answers.extend([Answer(429, b"{}", {"Content-Type": "application/json", "Retry-After": "60"})] * 12)
    for _ in range(11):
        shop.poll(minutes=5)
        assert told() == []
    shop.poll(minutes=6)
    assert told() and shop.health(workflow)["status"] == "busy"


def test_a_limit_of_calls_puts_a_poll_off(shop: Shop) -> None:
    """The integration may be called once a minute, and somebody else did."""
    path = f"/integrations/{shop.integration['id']}/"
    shop.api.patch(path, {"config": {**shop.integration["config"], "calls_per_minute": 1}})
    workflow = shop.workflow()
    runtime().redis.flushall()
    shop.api.post(f"{path}execute/", {"action": "get", "params": {"path": "/x"}})
    assert shop.poll() == 0
    found = shop.health(workflow)
    assert (found["status"], found["failures"]) == ("busy", 0)


def test_who_is_signed_out_is_not_asked(shop: Shop) -> None:
    workflow = shop.workflow()
    shop.poll()
    with system_session(db.engine) as session:
        session.get_one(Integration, shop.integration["id"]).reconnect_reason = "“Shop” is signed out. Sign in again."
        session.commit()
    assert [shop.poll(minutes=5) for _ in range(6)] == [0] * 6
    found = shop.health(workflow)
    assert (found["status"], found["failures"], found["last_error"]) == (
        "signed_out", 0, "“Shop” is signed out. Sign in again.",
    )  # fmt: skip
    assert told() == [], "whoever connected it was told when that happened"
    path = f"/integrations/{shop.integration['id']}/"
    shop.api.patch(path, {"credentials": {"secret": "another-s3cr3t-of-the-shop"}})
    assert (shop.poll(), shop.health(workflow)["status"]) == (1, "ok"), "at once"


@pytest.mark.parametrize(
    ("answer", "message"),
    [
        (Answer(body=b"<html>"), "There is no list at “data” in the answer."),
        (Answer(body=b'{"data": {}}'), "There is no list at “data” in the answer."),
        (Answer(body=b'{"data": [{"name": "x"}]}'), "An entry of the list has no “id”"),
        (Answer(401, b'{"error": "s3cr3t-of-the-shop is no token"}'), "refused"),
    ],
)
def test_what_is_wrong_is_told_in_words(shop: Shop, answer: Answer, message: str) -> None:
    workflow = shop.workflow()
    shop.sink.answers.append(answer)
    shop.poll()
    found = shop.health(workflow)
    assert message in found["last_error"] and "s3cr3t" not in found["last_error"]


def test_services_that_are_slow_leave_threads_to_executions(shop: Shop) -> None:
    """With two threads one poll at a time: another trigger comes again a little later."""
    runtime().settings = replace(runtime().settings, threads=2)
    first, second = shop.workflow(), shop.workflow(path="/others")
    shop.time = utcnow()
    due, late = shop.woken()

    def ask(_request: Any) -> Answer:
        polling.poll(*late)
        return Answer(body=b'{"data": []}')

    shop.sink.ask = ask
    polling.poll(*due)
    assert len(shop.sink.requests) == 1
    shop.sink.ask = lambda _request: Answer(body=b'{"data": []}')
    assert shop.poll(minutes=0.1) == 1
    assert {shop.health(first)["status"], shop.health(second)["status"]} == {"ok"}


def test_a_workflow_that_is_paused_during_a_poll_starts_nothing_and_forgets_nothing(shop: Shop) -> None:
    shop.orders = [{"id": 1}]
    workflow = shop.workflow()
    shop.poll()

    def ask(_request: Any) -> Answer:
        pausing = threading.Thread(target=lambda: shop.api.post(f"/workflows/{workflow}/pause/"))
        pausing.start()
        pausing.join(5)
        return Answer(body=b'{"data": [{"id": 1}, {"id": 2}]}')

    shop.sink.ask = ask
    assert (shop.poll(minutes=5), shop.fired(workflow)) == (1, [])
    shop.sink.ask = lambda _request: Answer(body=b'{"data": [{"id": 1}, {"id": 2}]}')
    shop.api.post(f"/workflows/{workflow}/activate/")
    assert (shop.poll(), shop.fired(workflow)) == (1, [2])


def test_a_trigger_that_is_deleted_during_a_poll_starts_nothing(shop: Shop) -> None:
    """Publishing waits for nobody, and nobody waits for it."""
    shop.orders = [{"id": 1}]
    workflow = shop.workflow(start="with_existing")

    def ask(_request: Any) -> Answer:
        def publish() -> None:
            shop.api.patch(f"/workflows/{workflow}/", {"triggers": []})
            shop.api.post(f"/workflows/{workflow}/publish/")

        publishing = threading.Thread(target=publish)
        publishing.start()
        publishing.join(5)
        assert not publishing.is_alive()
        return Answer(body=b'{"data": [{"id": 1}]}')

    shop.sink.ask = ask
    assert (shop.poll(), shop.fired(workflow)) == (1, [])
    assert shop.api.get(f"/workflows/{workflow}/")["polling"] == []
    assert shop.poll(minutes=5) == 0
