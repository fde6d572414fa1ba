"""Approvals that name people: they are asked, they decide, and admins where they have left."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import select

from flowapp.extensions import db
from flowapp.models import Member, Notification, User
from flowapp.models.tenancy import system_session
from tests.api.conftest import Api
from tests.api.waiting import ended, status_of, wait_event, waiting
from tests.support.servers.smtp import SmtpServer

pytestmark = [pytest.mark.usefixtures("worker"), pytest.mark.both_databases]
ROLES = ("owner", "admin", "editor", "operator", "viewer")


def email(api: Api, role: str) -> str:
    return f"{role}@{api.place.id}.example"


def ask(api: Api, *members: str, **params: Any) -> str:
    question = {
        "role": "owner",
        "title": "May it go out?",
        "by_email": False,
        **({"members": list(members)} if members else {}),
        **params,
    }
    return waiting(api, wait_event(kind="approval", **question), input_data={"who": email(api, "viewer").upper()})


def leave(app: Any, api: Api, role: str) -> None:
    with app.app_context(), system_session(db.engine) as system:
        system.delete(system.scalars(select(Member).filter_by(organization_id=api.place.id, role=role)).one())
        system.commit()


def told(app: Any) -> list[str]:
    with app.app_context(), system_session(db.engine) as system:
        return sorted(system.scalars(select(User.name).join(Notification, Notification.user_id == User.id)))


def lines(api: Api, execution_id: str) -> str:
    return "\n".join(line["message"] for line in api.get(f"/executions/{execution_id}/")["execution_logs"])


def listed(api: Api, role: str, **query: str) -> int:
    return int(api.as_(role).get("/approvals/", query_string=query)["count"])


def test_they_are_asked_and_nobody_else(app: Any, api: Api, smtp: SmtpServer) -> None:
    execution_id = ask(api, email(api, "viewer").upper(), email(api, "operator"), by_email=True)
    assert told(app) == ["operator", "viewer"]
    assert sorted(mail.recipients[0] for mail in smtp.wait_for(2)) == [email(api, "operator"), email(api, "viewer")]
    assert "Asked 2 people to decide: “May it go out?”." in lines(api, execution_id)


def test_they_decide_and_admins_and_owners(app: Any, api: Api) -> None:
    for role, status in (("editor", 403), ("operator", 403), ("viewer", 200), ("admin", 200), ("owner", 200)):
        execution_id = ask(api, email(api, "viewer"))
        said = api.as_(role).post(f"/executions/{execution_id}/approve/", {}, status)
        if status == 403:
            assert f"This approval is for {email(api, 'viewer')}" in said["detail"]
            assert status_of(api, execution_id) == "waiting"
        else:
            assert ended(api, execution_id)["steps"][0]["output"]["by"] == email(api, role)


def test_the_lists_of_mine_and_of_all(api: Api) -> None:
    ask(api, email(api, "viewer"))
    ask(api, role="editor")
    assert {role: (listed(api, role), listed(api, role, scope="all")) for role in ROLES} == {
        "owner": (1, 2), "admin": (1, 2), "editor": (1, 2), "operator": (0, 2), "viewer": (1, 2),
    }  # fmt: skip
    (mine,) = api.as_("viewer").get("/approvals/")["results"]
    assert (mine["members"], mine["role"]) == ([email(api, "viewer")], "owner")
    api.get("/approvals/", 422, query_string={"scope": "theirs"})


@pytest.mark.parametrize("kind", ["expression", "id", "one text", "approver"])
def test_ways_to_name_them(app: Any, api: Api, kind: str) -> None:
    with app.app_context(), system_session(db.engine) as system:
        viewer = system.scalars(select(User.id).where(User.email == email(api, "viewer"))).one()
    named = {"expression": "{{ input.who }}", "id": viewer, "one text": f"{email(api, 'viewer')}, {viewer}"}
    given = {"approver": email(api, "viewer")} if kind == "approver" else {"members": named[kind]}
    execution_id = ask(api, **given)
    assert (told(app), listed(api, "viewer")) == (["viewer"], 2 if kind == "one text" else 1)
    api.as_("viewer").post(f"/executions/{execution_id}/reject/")
    assert ended(api, execution_id)["steps"][0]["branch"] == "rejected"


def test_who_is_no_member_is_named_in_the_log(app: Any, api: Api) -> None:
    gone = "{{ 'gone@example.com' }}"
    execution_id = ask(api, email(api, "viewer"), gone)
    assert told(app) == ["viewer"]
    assert "Not a member of the organization: gone@example.com." in lines(api, execution_id)
    assert "admins and owners were asked" not in lines(api, execution_id)


def test_where_none_of_them_is_a_member_admins_are_asked(app: Any, api: Api) -> None:
    execution_id = ask(api, "{{ 'gone@example.com' }}")
    assert told(app) == ["admin", "owner"]
    assert "is a member, so admins and owners were asked." in lines(api, execution_id)
    assert {role: listed(api, role) for role in ROLES} == dict.fromkeys(ROLES, 0) | {"owner": 1, "admin": 1}
    api.as_("editor").post(f"/executions/{execution_id}/approve/", {}, 403)
    api.as_("admin").post(f"/executions/{execution_id}/approve/")
    assert ended(api, execution_id)["status"] == "completed"


def test_who_has_left_leaves_it_to_admins(app: Any, api: Api) -> None:
    execution_id = ask(api, email(api, "viewer"))
    both = ask(api, email(api, "viewer"), email(api, "editor"))
    assert listed(api, "admin") == 0
    leave(app, api, "viewer")
    assert (listed(api, "admin"), listed(api, "editor")) == (1, 1)
    api.as_("viewer").post(f"/executions/{both}/approve/", {}, 401)
    api.as_("admin").post(f"/executions/{execution_id}/approve/")
    assert ended(api, execution_id)["status"] == "completed"


def test_a_member_that_is_none_is_refused_when_published(api: Api) -> None:
    steps = [wait_event(kind="approval", members=[email(api, "viewer").replace("viewer", "viewr"), "{{ input.who }}"])]
    workflow = api.post("/workflows/", {"name": "Asks", "steps": steps}, 201)
    found = api.post(f"/workflows/{workflow['id']}/validate/")
    (error,) = found["errors"]
    assert error["path"] == "steps.0.params.members"
    assert "There is no member “viewr@" in error["message"] and "Did you mean “viewer@" in error["message"]
    api.post(f"/workflows/{workflow['id']}/publish/", {}, 422)


def test_a_role_that_nobody_has_is_said(app: Any, api: Api) -> None:
    steps = [wait_event(kind="approval", role="editor")]
    workflow = api.post("/workflows/", {"name": "Asks", "steps": steps}, 201)["id"]
    assert api.post(f"/workflows/{workflow}/validate/")["valid"]
    leave(app, api, "editor")
    warnings = {one["path"]: one["message"] for one in api.post(f"/workflows/{workflow}/validate/")["warnings"]}
    assert "Nobody has the role editor now" in warnings["steps.0.params.role"]
    assert api.post(f"/workflows/{workflow}/validate/")["valid"], "members with a higher role are asked"


def test_a_simulation_tells_whom_it_would_ask(api: Api) -> None:
    steps = [wait_event(kind="approval", members=[email(api, "viewer")], title="Pay?")]
    workflow = api.post("/workflows/", {"name": "Asks", "steps": steps}, 201)
    report = api.post(f"/workflows/{workflow['id']}/simulate/", {})
    assert [call["members"] for call in report["calls"] if call["kind"] == "approval"] == [[email(api, "viewer")]]
