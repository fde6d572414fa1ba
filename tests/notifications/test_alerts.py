"""Failure alerts: told once when a workflow keeps failing, once when it works again."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from dramatiq import Message

from flowapp import tasks
from flowapp.models import TEST, Member, Notification, Organization, User, Workflow, new_id
from flowapp.models.tenancy import system_session
from flowapp.notifications import alerts
from flowapp.scheduler import Scheduler
from flowapp.tasks import jobs
from flowapp.texts import localized, say
from tests.engine.place import Place, _actions, place, step
from tests.support.servers.smtp import SmtpServer

__all__ = ["_actions", "place"]

CHOOSE = {
    "step_id": "a",
    "name": "A",
    "action_type": "try_pure",
    "params": {"do": "{{ input.do }}", "value": "no luck"},
}


@pytest.fixture
def scheduler(place: Place, settings: Any) -> Iterator[Scheduler]:
    runtime = tasks.Runtime.make(settings, place.engine)
    tasks.init(runtime)
    yield Scheduler(runtime, place.now)
    runtime.broker.close()


@pytest.fixture
def people(place: Place) -> dict[str, str]:
    """Ids of members by role."""
    found = {}
    with system_session(place.engine) as session:
        for role in ("owner", "editor", "operator", "viewer"):
            user = User(id=new_id(), email=f"{role}@b.example", name=role)
            session.add(user)
            session.flush()
            session.add(Member(organization_id=place.org, user_id=user.id, role=role))
            found[role] = user.id
        session.commit()
    return found


def workflow(place: Place, **config: Any) -> str:
    return place.workflow([CHOOSE], config=config)


def run(place: Place, workflow_id: str, *outcomes: str) -> None:
    for outcome in outcomes:
        place.runner.run(place.begin(workflow_id, {"do": outcome}), place.org)


def told(place: Place, user_id: str) -> list[tuple[str, str]]:
    with place.session() as session:
        rows = session.query(Notification).filter_by(user_id=user_id).order_by(Notification.id)
        return [(row.title, row.level) for row in rows]


def tick(scheduler: Scheduler, place: Place) -> list[dict[str, Any]]:
    """A round, later than the pause between two looks; what was asked of send_workflow_notification."""
    place.later(10)
    scheduler.tick()
    client = scheduler.runtime.redis
    messages = [Message.decode(raw) for raw in client.lrange("flowapp:queue:flowapp", 0, -1)]
    client.delete("flowapp:queue:flowapp")
    return [message.kwargs for message in messages if message.actor_name == "send_workflow_notification"]


FAILING = ("“W” keeps failing", "danger")
RECOVERED = ("“W” works again", "success")


def test_told_once_after_three_in_a_row_and_once_when_it_works_again(
    place: Place, scheduler: Scheduler, people: dict[str, str]
) -> None:
    workflow_id, editor = workflow(place), people["editor"]
    run(place, workflow_id, "fail", "fail")
    assert (tick(scheduler, place), told(place, editor)) == ([], [])
    run(place, workflow_id, "fail")
    mails = tick(scheduler, place)
    assert [(mail["workflow_id"], mail["kind"]) for mail in mails] == [(workflow_id, "failing")]
    assert told(place, editor) == told(place, people["owner"]) == [FAILING]
    assert told(place, people["operator"]) == told(place, people["viewer"]) == []
    run(place, workflow_id, "fail", "fail", "fail", "fail")
    assert (tick(scheduler, place), told(place, editor)) == ([], [FAILING])
    run(place, workflow_id, "done")
    assert [mail["kind"] for mail in tick(scheduler, place)] == ["recovered"]
    assert told(place, editor) == [FAILING, RECOVERED]
    assert tick(scheduler, place) == []
    run(place, workflow_id, "fail", "fail", "fail")
    tick(scheduler, place)
    assert told(place, editor) == [FAILING, RECOVERED, FAILING]


def test_a_success_in_between_starts_the_count_anew(place: Place, scheduler: Scheduler, people: dict[str, str]) -> None:
    workflow_id = workflow(place)
    run(place, workflow_id, "fail", "fail", "done", "fail", "fail")
    tick(scheduler, place)
    assert told(place, people["editor"]) == []
    assert alerts_in_a_row(place, workflow_id) == 2


def alerts_in_a_row(place: Place, workflow_id: str) -> int:
    with place.session() as session:
        return alerts.in_a_row(session, workflow_id, 10)


@pytest.mark.parametrize(("often", "failures", "alerted"), [(1, 1, True), (2, 1, False), (2, 2, True), (0, 5, False)])
def test_how_often_is_the_workflows_choice(
    place: Place, scheduler: Scheduler, people: dict[str, str], often: int, failures: int, alerted: bool
) -> None:
    workflow_id = workflow(place, alert_after=often)
    run(place, workflow_id, *["fail"] * failures)
    tick(scheduler, place)
    assert bool(told(place, people["editor"])) is alerted


def test_tests_do_not_count(place: Place, scheduler: Scheduler, people: dict[str, str]) -> None:
    workflow_id = workflow(place, alert_after=1)
    execution_id = place.begin(workflow_id, {"do": "fail"}, trigger_type=TEST)
    place.runner.run(execution_id, place.org)
    assert place.get(execution_id).status == "failed"
    tick(scheduler, place)
    assert told(place, people["editor"]) == []
    run(place, workflow_id, "done")
    tick(scheduler, place)
    assert alerts_in_a_row(place, workflow_id) == 0


def test_whoever_made_it_is_told_while_they_are_a_member(
    place: Place, scheduler: Scheduler, people: dict[str, str]
) -> None:
    workflow_id = workflow(place, alert_after=1)
    with place.session() as session:
        session.get_one(Workflow, workflow_id).created_by = people["viewer"]
        session.commit()
    run(place, workflow_id, "fail")
    tick(scheduler, place)
    assert told(place, people["viewer"]) == [FAILING]
    assert told(place, people["operator"]) == []


def test_the_e_mails_go_in_the_organizations_name(
    place: Place, scheduler: Scheduler, people: dict[str, str], smtp: SmtpServer
) -> None:
    workflow_id = workflow(place, alert_after=1)
    run(place, workflow_id, "fail")
    mail = tick(scheduler, place)[0]
    jobs.load()
    smtp.refused.add("owner@b.example")
    assert jobs.perform("send_workflow_notification", **mail) == {"sent": 1, "caught": 0, "refused": 1}
    got = smtp.wait_for(1)[0]
    assert (got.recipients, got.message["Subject"]) == (["editor@b.example"], "“W” keeps failing")
    assert got.message["From"].addresses[0].display_name == "Test"
    assert "Latest error: A: no luck" in got.text
    assert "/executions/" in got.text


@pytest.mark.parametrize("said_by", ["person", "organization"])
def test_each_reader_is_told_in_their_language(
    place: Place, scheduler: Scheduler, people: dict[str, str], smtp: SmtpServer, said_by: str
) -> None:
    with system_session(place.engine) as session:
        if said_by == "person":
            session.get_one(User, people["owner"]).locale = "fr"
        else:
            session.query(Organization).one().locale = "fr-BE"
            session.get_one(User, people["editor"]).locale = "en"
        session.commit()
    workflow_id = workflow(place, alert_after=1)
    run(place, workflow_id, "fail")
    mail = tick(scheduler, place)[0]
    jobs.load()
    jobs.perform("send_workflow_notification", **mail)
    subjects = {got.recipients[0]: got.message["Subject"] for got in smtp.wait_for(2)}
    french = localized(say("“%(name)s” keeps failing", name="W"), "fr")
    assert subjects == {"owner@b.example": french, "editor@b.example": "“W” keeps failing"}
    assert told(place, people["owner"]) == [(french, "danger")]
    assert told(place, people["editor"]) == [FAILING]


def test_an_alert_does_not_wait_for_redis_to_be_told_in_the_app(
    place: Place, scheduler: Scheduler, people: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    import redis

    def away(*_args: Any, **_options: Any) -> None:
        raise redis.ConnectionError

    workflow_id = workflow(place, alert_after=1)
    run(place, workflow_id, "fail")
    monkeypatch.setattr(scheduler.runtime.broker, "enqueue", away)
    assert tick(scheduler, place) == []
    assert told(place, people["editor"]) == [FAILING]


def test_what_was_purged_is_no_recovery(place: Place, scheduler: Scheduler, people: dict[str, str]) -> None:
    from flowapp.models import Execution

    workflow_id = workflow(place, alert_after=1)
    run(place, workflow_id, "fail")
    tick(scheduler, place)
    with place.session() as session:
        session.query(Execution).delete()
        session.commit()
    tick(scheduler, place)
    assert told(place, people["editor"]) == [FAILING]


def test_many_failures_of_one_round_are_one_alert(place: Place, scheduler: Scheduler, people: dict[str, str]) -> None:
    workflow_id, other = (
        workflow(place, alert_after=2),
        place.workflow([step("x", do="fail")], config={"alert_after": 2}),
    )
    run(place, workflow_id, *["fail"] * 6)
    run(place, other, *["fail"] * 2)
    assert len(tick(scheduler, place)) == 2
    assert told(place, people["editor"]) == [FAILING, FAILING]
