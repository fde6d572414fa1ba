"""Approvals over the API: who is asked, who may decide, and that the first decision counts."""

from __future__ import annotations

import threading
from typing import Any

import pytest

from flowapp.extensions import db
from flowapp.models import AuditEntry, Member, Notification, User
from flowapp.models.tenancy import system_session
from tests.api.conftest import Api
from tests.api.crm.people import make_place
from tests.api.waiting import ended, status_of, wait_event, waiting

pytestmark = pytest.mark.usefixtures("worker")


def ask(api: Api, *more: dict[str, Any], **params: Any) -> str:
    return waiting(api, wait_event(kind="approval", **{"role": "editor", "title": "May it go out?", **params}), *more)


@pytest.mark.parametrize(("verb", "decision"), [("approve", "approved"), ("reject", "rejected")])
def test_a_member_decides(api: Api, verb: str, decision: str) -> None:
    execution_id = ask(api, by_email=False)
    answer = api.as_("editor").post(f"/executions/{execution_id}/{verb}/", {"comment": " why not "})
    email = f"editor@{api.place.id}.example"
    assert answer == {"execution_id": execution_id, "step_id": "ask", "decision": decision, "by": email}
    done = ended(api, execution_id)
    output = done["steps"][0]["output"]
    assert (done["steps"][0]["branch"], output["decision"], output["by"], output["comment"]) == (
        decision, decision, email, "why not",
    )  # fmt: skip


def test_the_flow_follows_the_decision(api: Api) -> None:
    steps = [{"step_id": name, "action_type": "test_echo", "params": {"text": name}} for name in ("yes", "no")]
    edges = [
        {"source": "ask", "target": "yes", "branch": "approved"},
        {"source": "ask", "target": "no", "branch": "rejected"},
    ]
    execution_id = waiting(api, wait_event(kind="approval", by_email=False), *steps, edges=edges)
    api.post(f"/executions/{execution_id}/reject/")
    assert ended(api, execution_id)["execution_path"] == ["ask", "no"]


def test_everybody_with_the_role_or_a_higher_one_is_told_once(app: Any, api: Api, smtp: Any) -> None:
    execution_id = ask(api, role="admin", message="1,000 letters")
    with app.app_context(), system_session(db.engine) as system:
        told = system.query(User.name).join(Notification, Notification.user_id == User.id).all()
        assert sorted(name for (name,) in told) == ["admin", "owner"]
        assert {n.link for n in system.query(Notification)} == {f"/executions/{execution_id}#approval-ask-0"}
    mails = smtp.wait_for(2)
    assert sorted(mail.recipients[0].split("@")[0] for mail in mails) == ["admin", "owner"]
    assert all("1,000 letters" in mail.text and "Approve: http" in mail.text for mail in mails)
    assert {mail.message["From"].addresses[0].display_name for mail in mails} == {"Acme"}


def test_a_lower_role_may_not_decide(api: Api) -> None:
    execution_id = ask(api, by_email=False)
    for role in ("viewer", "operator"):
        for verb in ("approve", "reject"):
            api.as_(role).post(f"/executions/{execution_id}/{verb}/", {}, 403)
    assert status_of(api, execution_id) == "waiting"


def test_the_list_shows_what_one_may_decide(api: Api) -> None:
    execution_id = ask(api, by_email=False, message="Look", timeout="2 days")
    assert api.as_("operator").get("/approvals/")["count"] == 0
    page = api.as_("editor").get("/approvals/")
    found = page["results"][0]
    assert (page["count"], found["execution_id"], found["title"], found["message"], found["role"]) == (
        1, execution_id, "May it go out?", "Look", "editor",
    )  # fmt: skip
    assert found["until"] > found["asked_at"]
    api.post(f"/executions/{execution_id}/approve/")
    ended(api, execution_id)
    assert api.get("/approvals/")["results"] == []


def test_the_step_for_every_kind_of_wait_asks_too(api: Api) -> None:
    params = {"kind": "approval", "role": "editor", "title": "Really?", "by_email": False}
    execution_id = waiting(api, {"step_id": "w", "action_type": "wait", "params": params})
    assert [row["title"] for row in api.get("/approvals/")["results"]] == ["Really?"]
    api.as_("operator").post(f"/executions/{execution_id}/approve/", {}, 403)
    api.post(f"/executions/{execution_id}/approve/")
    assert ended(api, execution_id)["steps"][0]["branch"] == "approved"


def test_waits_of_other_kinds_are_no_approvals(api: Api) -> None:
    execution_id = waiting(api, {"step_id": "w", "action_type": "wait", "params": {"duration": "1 hour"}})
    api.post(f"/executions/{execution_id}/approve/", {}, 409)
    assert api.get("/approvals/")["count"] == 0


def test_of_two_at_once_the_first_counts(app: Any, api: Api) -> None:
    execution_id = ask(api, by_email=False)
    answers: list[tuple[str, int]] = []
    ready = threading.Barrier(2)

    def decide(role: str, verb: str) -> None:
        client = Api(app.test_client(), api.place, role)
        ready.wait()
        answers.append((verb, client("POST", f"/executions/{execution_id}/{verb}/", {}).status_code))

    threads = [threading.Thread(target=decide, args=two) for two in (("editor", "approve"), ("admin", "reject"))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(status for _, status in answers) == [200, 409]
    won = {"approve": "approved", "reject": "rejected"}[next(verb for verb, status in answers if status == 200)]
    assert ended(api, execution_id)["steps"][0]["output"]["decision"] == won
    with app.app_context(), system_session(db.engine) as system:
        entries = system.query(AuditEntry).filter(AuditEntry.action.like("approval.%")).all()
    assert [(entry.action, entry.object_id) for entry in entries] == [(f"approval.{won}", execution_id)]


def test_of_several_approvals_the_step_must_be_named(api: Api) -> None:
    start = {"step_id": "start", "action_type": "test_echo", "params": {}}
    edges = [{"source": "start", "target": step_id} for step_id in ("one", "two")]
    asks = [wait_event(step_id, kind="approval", by_email=False) for step_id in ("one", "two")]
    execution_id = waiting(api, start, *asks, edges=edges)
    refused = api.post(f"/executions/{execution_id}/approve/", {}, 422)
    assert (refused["errors"][0]["path"], refused["errors"][0]["message"]) == (
        "step_id",
        "Specify the step: one, two.",
    )
    api.post(f"/executions/{execution_id}/approve/", {"step_id": "two"})
    api.post(f"/executions/{execution_id}/reject/", {"step_id": "one"})
    branches = {run["step_id"]: run["branch"] for run in ended(api, execution_id)["steps"]}
    assert (branches["one"], branches["two"]) == ("rejected", "approved")


def test_what_is_not_open_cannot_be_decided(api: Api) -> None:
    execution_id = waiting(api, wait_event(kind="url"))
    api.post(f"/executions/{execution_id}/approve/", {}, 409)
    decided = ask(api, by_email=False)
    api.post(f"/executions/{decided}/cancel/")
    api.post(f"/executions/{decided}/approve/", {}, 409)


def test_somebody_elses_execution_is_not_found(app: Any, api: Api) -> None:
    execution_id = ask(api, by_email=False)
    with app.app_context():
        other = make_place("Other")
    Api(app.test_client(), other).post(f"/executions/{execution_id}/approve/", {}, 404)
    api.post("/executions/nonsense/approve/", {}, 404)
    assert Api(app.test_client(), other).get("/approvals/")["count"] == 0


def test_where_nobody_could_decide_the_step_fails(app: Any, api: Api) -> None:
    with app.app_context(), system_session(db.engine) as system:
        owners = system.query(Member).filter_by(organization_id=api.place.id, role="owner").all()
        for member in owners:
            member.role = "viewer"
        system.commit()
    workflow = api.as_("editor").post(
        "/workflows/", {"name": "W", "steps": [wait_event(kind="approval", role="owner")]}, 201
    )
    started = api.as_("editor").post(f"/workflows/{workflow['id']}/execute/", {}, 202)
    done = ended(api.as_("editor"), started["execution_id"])
    assert (done["status"], "nobody could decide" in done["error_message"]) == ("failed", True)
