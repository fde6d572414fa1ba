"""/integrations/: what can be connected, connected, tested, run and counted by the API."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import select

from flowapp.extensions import db
from flowapp.models import AuditEntry, Event, Integration
from flowapp.models.tenancy import system_session
from flowapp.tasks import jobs, runtime
from tests.api.conftest import Api
from tests.support.servers.sink import Answer, Sink
from tests.support.servers.vendor import reroute

SECRET = "s3cr3t-token-of-the-service"


def connected(api: Api, sink: Sink, **changes: Any) -> Any:
    body = {
        "name": "Shop",
        "integration_type": "webhook",
        "config": {"base_url": sink.url("/"), "auth": "bearer"},
        "credentials": {"secret": SECRET},
        **changes,
    }
    return api.post("/integrations/configure/", body, 201)


def opened(app: Any, integration_id: str) -> Any:
    from flowapp.integrations import service

    with app.app_context(), system_session(db.engine) as session:
        return service.opened(runtime().vault, session.get_one(Integration, integration_id))


def test_what_can_be_connected(api: Api) -> None:
    known = {one["type"]: one for one in api.as_("viewer").get("/integrations/available/")["integrations"]}
    mail = known["email"]
    assert {"type", "name", "description", "icon", "config_fields"} <= set(mail)
    assert (mail["type"], mail["icon"]) == ("email", "mail")
    assert {"provider", "smtp_host", "smtp_port"} <= set(mail["config_fields"])
    assert "api_key" in mail["credential_fields"]
    assert "send_webhook" in known["webhook"]["actions"]


def test_a_service_is_configured_as_the_documents_write_it(app: Any, api: Api) -> None:
    body = {
        "name": "SendGrid Email",
        "integration_type": "email",
        "organization": 1,
        "config": {"provider": "sendgrid", "from_email": "noreply@example.com"},
        "credentials": {"credential_type": "api_key", "credentials_data": {"api_key": "SG.xxx"}},
    }
    made = api.post("/integrations/configure/", body, 201)
    assert (made["name"], made["integration_type"], made["provider"]) == ("SendGrid Email", "email", "sendgrid")
    assert made["config"] == body["config"]
    assert made["organization"] == api.place.id
    assert (made["credential_type"], made["expires_at"], made["reconnect_reason"]) == ("api_key", None, "")
    assert "SG.xxx" not in str(made)
    assert opened(app, made["id"]) == {"api_key": "SG.xxx"}


def test_credentials_may_expire(api: Api, sink: Sink) -> None:
    credentials = {"credentials_data": {"secret": SECRET}, "expires_at": "2031-05-01T12:00:00+02:00"}
    made = connected(api, sink, credentials=credentials)
    one = f"/integrations/{made['id']}/"
    assert made["expires_at"] == "2031-05-01T10:00:00+00:00"
    assert api.patch(one, {"name": "Store"})["expires_at"] == made["expires_at"]
    assert api.patch(one, {"credentials": {"expires_at": None}})["expires_at"] is None


def test_another_organization_is_refused(api: Api, sink: Sink) -> None:
    body = {"name": "Shop", "integration_type": "email", "organization": "0198c0de-0000-7000-8000-000000000000"}
    api.post("/integrations/configure/", body, 404)


@pytest.mark.parametrize(
    ("changes", "path"),
    [
        ({"integration_type": "pigeon"}, "integration_type"),
        ({"name": ""}, "name"),
        ({"config": {"base_url": "ftp://a"}}, "config.base_url"),
        ({"config": {"base_url": "https://a.example", "colour": "red"}}, "config.colour"),
        ({"credentials": {"password": "x"}}, "credentials.password"),
        ({"credentials": {"credential_type": "api_key", "credentials_data": "x"}}, "credentials.credentials_data"),
        ({"credentials": {"credential_type": "magic"}}, "credentials.credential_type"),
        ({"credentials": {"credentials_data": {}, "expires_at": "soon"}}, "credentials.expires_at"),
        ({"credentials": {"credentials_data": {}, "secret": "x"}}, "credentials.secret"),
        ({"credentials": "x"}, "credentials"),
        ({"shade": 1}, "shade"),
    ],
)
def test_what_is_wrong_is_named(app: Any, api: Api, sink: Sink, changes: dict[str, Any], path: str) -> None:
    body = {"name": "Shop", "integration_type": "webhook", "config": {"base_url": sink.url()}, **changes}
    answer = api.post("/integrations/configure/", body, 422)
    assert path in [problem["path"] for problem in answer["errors"]]
    assert api.get("/integrations/")["count"] == 0


def test_it_is_read_changed_and_deleted(app: Any, api: Api, sink: Sink) -> None:
    made = connected(api, sink)
    one = f"/integrations/{made['id']}/"
    assert api.get(one) == made
    assert api.get("/integrations/")["results"] == [made]
    assert api.get("/integrations/?integration_type=email")["results"] == []
    assert api.get("/integrations/?search=ho")["count"] == 1
    changed = api.patch(one, {"name": "Store", "is_active": False})
    assert (changed["name"], changed["is_active"], changed["config"]) == ("Store", False, made["config"])
    assert opened(app, made["id"]) == {"secret": SECRET}
    api("PUT", one, {"credentials": {"credentials_data": {"secret": "another-secret"}}}, 200)
    assert opened(app, made["id"]) == {"secret": "another-secret"}
    api("DELETE", one, status=204)
    api.get(one, 404)
    with app.app_context(), system_session(db.engine) as session:
        actions = [
            entry.action
            for entry in session.scalars(select(AuditEntry).order_by(AuditEntry.id))
            if entry.object_type == "integration"
        ]
        told = session.scalars(select(Event.type).where(Event.type.startswith("automation.integration."))).all()
        stored = str(session.execute(select(AuditEntry.__table__)).all())
    assert actions == ["integration.created", "integration.updated", "integration.updated", "integration.deleted"]
    assert sorted(one.rpartition(".")[2] for one in told) == ["created", "deleted", "updated", "updated"]
    assert SECRET not in stored


def test_a_secret_does_not_follow_to_another_address(api: Api, sink: Sink) -> None:
    made = connected(api, sink)
    one = f"/integrations/{made['id']}/"
    config = {"base_url": "https://elsewhere.example", "auth": "bearer"}
    answer = api.patch(one, {"config": config}, 422)
    assert [problem["path"] for problem in answer["errors"]] == ["credentials.secret"]
    assert api.patch(one, {"config": config, "credentials": {"secret": SECRET}})["config"] == config


def test_secrets_never_come_back(api: Api, sink: Sink) -> None:
    sink.default = Answer(401, f"wrong: {SECRET}".encode(), {"Content-Type": "text/plain", "X-Echo": SECRET})
    made = connected(api, sink)
    one = f"/integrations/{made['id']}/"
    answers = [
        made,
        api.get(one),
        api.get("/integrations/"),
        api.post(f"{one}test/"),
        api.post(f"{one}execute/", {"params": {"url": "/"}}),
        api.post(f"{one}execute/", {"params": {"url": "/", "expect": "any"}}),
        api.get(one),
        api.get(f"{one}usage/"),
    ]
    assert [request.headers["Authorization"] for request in sink.requests] == [f"Bearer {SECRET}"] * 3
    assert SECRET not in str(answers)


def test_it_is_tested(api: Api, sink: Sink) -> None:
    made = connected(api, sink)
    path = f"/integrations/{made['id']}/test/"
    assert api.as_("editor").post(path) == {"success": True, "message": f"{sink.url('/')} returned 200."}
    sink.default = Answer(403)
    refused = api.post(path)
    assert (refused["success"], "refused the credentials" in refused["message"]) == (False, True)
    assert api.get(f"/integrations/{made['id']}/")["last_test_ok"] is False


def test_a_secret_in_an_address_does_not_show_when_it_is_tested(
    api: Api, sink: Sink, monkeypatch: pytest.MonkeyPatch
) -> None:
    reroute(monkeypatch, {"https://api.telegram.org": sink.url("")})
    sink.default = Answer(200, b"{", {"Content-Length": "100"})
    token = "123456:ABC-never-shown"
    body = {"name": "Bot", "integration_type": "telegram", "credentials": {"token": token}}
    path = f"/integrations/{api.post('/integrations/', body, 201)['id']}/test/"
    answer = api.post(path)
    assert not answer["success"]
    assert token in sink.requests[0].path, "it stands in the address"
    assert token not in str(answer)


def test_an_action_is_run(app: Any, api: Api, sink: Sink) -> None:
    made = connected(api, sink)
    path = f"/integrations/{made['id']}/execute/"
    params = {"url": "/orders", "json": {"at": "{{ now }}", "n": 1}}
    ran = api.as_("editor").post(path, {"action": "send_webhook", "params": params})
    assert (ran["success"], ran["message"], ran["result"]["status"]) == (True, "", 200)
    assert ran["logs"][0]["message"].endswith("/orders returned 200.")
    [request] = sink.requests
    assert (request.path, request.json["n"], request.json["at"][:2]) == ("/orders", 1, "20")
    sink.default = Answer(500, b"out of order")
    failed = api.post(path, {"params": {"url": "/orders"}})
    assert (failed["success"], "out of order" in failed["message"], failed["result"]) == (False, True, None)
    with app.app_context():
        jobs.load()
        jobs.perform("update_integration_stats")
    usage = api.as_("editor").get(f"/integrations/{made['id']}/usage/")
    assert (usage["calls"], usage["errors"]) == (len(sink.requests), 1)
    assert usage["days"][-1] == {"date": usage["period_end"], "calls": 2, "errors": 1}
    assert "out of order" in usage["last_error"]
    assert api.get(f"/integrations/{made['id']}/")["calls"] == 2


@pytest.mark.parametrize(
    ("body", "path"),
    [
        ({"action": "fly"}, "action"),
        ({"params": {"url": "/", "method": "BREW"}}, "params.method"),
        ({"params": {"url": "/", "wings": 2}}, "params.wings"),
        ({"params": 3}, "params"),
    ],
)
def test_what_cannot_be_run_is_named(api: Api, sink: Sink, body: dict[str, Any], path: str) -> None:
    made = connected(api, sink)
    answer = api.post(f"/integrations/{made['id']}/execute/", body, 422)
    assert [problem["path"] for problem in answer["errors"]] == [path]
    assert sink.requests == []


def test_admins_connect_editors_use_and_others_do_neither(api: Api, sink: Sink) -> None:
    made = connected(api.as_("admin"), sink)
    one = f"/integrations/{made['id']}/"
    editor, operator = api.as_("editor"), api.as_("operator")
    assert editor.get("/integrations/")["count"] == 1
    editor.get(one)
    editor.patch(one, {"name": "Mine"}, 403)
    editor("DELETE", one, status=403)
    editor.post("/integrations/configure/", {"name": "Mine", "integration_type": "email"}, 403)
    for path in ("/integrations/", one, f"{one}usage/"):
        operator.get(path, 403)
    operator.post(f"{one}execute/", {"params": {"url": "/"}}, 403)
    operator.post(f"{one}test/", status=403)


def test_unknown_ones_are_not_found(api: Api) -> None:
    for one in ("7", "0198c0de-0000-7000-8000-000000000000"):
        api.get(f"/integrations/{one}/", 404)
        api.post(f"/integrations/{one}/test/", status=404)
        api.post(f"/integrations/{one}/execute/", {}, 404)
        api.get(f"/integrations/{one}/usage/", 404)
