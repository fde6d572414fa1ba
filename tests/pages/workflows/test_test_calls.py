"""Waiting for a test call of a webhook: what comes is kept as a sample and starts nothing."""

from __future__ import annotations

import base64
import html as html_
import re
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import select

from flowapp import create_app, workflows
from flowapp.extensions import db
from flowapp.models import Execution, Member, ReceivedCall, Workflow, utcnow
from flowapp.models.tenancy import system_session, tenant_session
from flowapp.workflows import received_calls
from flowapp.workflows.publishing import activate, pause
from tests.api.public.test_service_hooks import SECRETS, SENT, slack
from tests.pages.workflows.test_steps import HX, LOG, Site
from tests.support.statements import noted
from tests.support.tenant import add_organization

pytestmark = pytest.mark.both_databases
ORDER = {"order": {"number": "A-1001", "email": "zoe@example.com"}, "password": "hunter22"}


class Hook(Site):
    """A workflow with one webhook; `call` is what another service sends, without a session."""

    def __init__(self, app: Any, status: str = "draft", kind: str = "webhook", **config: Any) -> None:
        super().__init__(app, steps=[LOG], triggers=[{"trigger_type": kind, "config": config}])
        with app.app_context(), tenant_session(db.engine, self.organization_id) as session:
            workflow = session.get_one(Workflow, self.id)
            for become in {"active": [activate], "paused": [activate, pause]}.get(status, []):
                become(session, workflow, actor_id=None)
            session.commit()
        self.trigger = self.draft["triggers"][0]
        self.hook = f"/hooks/{self.trigger['config']['key']}"

    @property
    def page(self) -> str:
        return html_.unescape(self.get(f"/triggers/{self.trigger['key']}"))

    @property
    def card(self) -> str:
        """The fragment that a waiting page asks for."""
        return html_.unescape(self.get(f"/triggers/{self.trigger['key']}/test-call", headers=HX))

    def do(self, what: str) -> Any:
        return self.post(f"/triggers/{self.trigger['key']}/test-call", do=what)

    def call(self, path: str = "", app: Any = None, **options: Any) -> Any:
        given = {"method": "POST", "json": ORDER} | options
        return (app or self.app).test_client().open(self.hook + path, **given)

    def executions(self) -> list[Execution]:
        with self.app.app_context(), system_session(db.engine) as system:
            return list(system.scalars(select(Execution).order_by(Execution.id)))

    def received(self) -> ReceivedCall | None:
        with self.app.app_context(), system_session(db.engine) as system:
            return system.scalars(select(ReceivedCall)).one_or_none()


def test_the_next_call_to_a_draft_is_kept_and_starts_nothing(app: Any) -> None:
    site = Hook(app)
    assert site.call().status_code == 404
    assert "Wait for a test call" in site.page
    assert site.do("listen").status_code == 303
    assert "Waiting ends at" in site.page
    assert 'hx-trigger="every 2s"' in site.card
    headers = {"X-Shop": "north", "Authorization": "Bearer abc", "Cookie": "a=b", "X-Api-Key": "k"}
    answer = site.call("?source=shop", headers=headers)
    assert (answer.status_code, answer.json["message"]) == (
        200,
        "This test call was kept as a sample. Nothing was started.",
    )
    assert site.executions() == []
    card = site.card
    for text in ("A-1001", "zoe@example.com", "x-shop", "north", "source", "with POST", "Use as test data"):
        assert text in card, text
    for text in ("Bearer abc", "a=b", "x-api-key", "hunter22", "every 2s"):
        assert text not in card, text
    assert site.call().status_code == 404  # only the next one
    assert site.received().input_data == ORDER


def test_the_sample_is_offered_before_the_declared_one(app: Any) -> None:
    site = Hook(app)
    step = f"/steps/{LOG['step_id']}"
    assert "order.created" in site.get("/test")
    assert "input.event" in site.get(step)
    site.do("listen")
    assert site.call().status_code == 200
    assert "A-1001" in site.get("/test")
    assert "A-1001" in site.get("/simulate")
    editor = site.get(step)
    assert 'data-value-path="input.order.number"' in editor
    assert "input.event" not in editor
    options = re.search(r'name="t-source".*?</select>', editor, re.DOTALL)[0]  # type: ignore[index]
    assert re.search(r"The test call of .*An example", options, re.DOTALL)
    assert 'data-value-path="input.order.number"' in site.page
    assert site.do("use").status_code == 303
    assert "This is the test data" in site.page
    with app.app_context(), system_session(db.engine) as system:
        assert system.scalars(select(Workflow)).one().test_data["input"] == ORDER


def test_a_real_execution_s_input_comes_before_an_example_too(app: Any) -> None:
    site = Hook(app, "active")
    assert site.call().status_code == 202
    assert "A-1001" in site.get("/test")
    assert "A-1001" in site.get("/simulate")


def test_an_active_workflow_runs_what_it_is_sent_and_the_page_has_it_too(app: Any) -> None:
    site = Hook(app, "active")
    assert site.call().status_code == 202  # from now on this process knows the hook
    site.do("listen")
    assert "run as usual" in site.page
    assert f"{site.hook}/test" in site.page
    assert site.call(json={"n": 1}).status_code == 202
    assert site.call(json={"n": 2}).status_code == 202
    assert [run.input_data for run in site.executions()] == [ORDER, {"n": 1}, {"n": 2}]
    assert site.received().input_data == {"n": 1}


def test_a_trigger_that_is_not_published_yet_starts_nothing_of_an_active_workflow(app: Any) -> None:
    site = Hook(app, "active")
    site.post("/new-trigger/webhook", active="y", **{"active-there": "1"})
    site.trigger = site.draft["triggers"][1]
    site.hook = f"/hooks/{site.trigger['config']['key']}"
    site.do("listen")
    assert "run as usual" not in site.page
    assert site.call().status_code == 200
    assert site.executions() == []


@pytest.mark.parametrize("status", ["draft", "active", "paused"])
def test_the_test_url_starts_nothing_whatever_the_workflow_does(app: Any, status: str) -> None:
    site = Hook(app, status)
    assert site.call("/test").status_code == 404
    site.do("listen")
    assert site.call("/test", method="HEAD", json=None).status_code == 200
    assert site.call("/test/").status_code == 200
    assert site.executions() == []
    assert site.received().input_data == ORDER
    assert site.call("/test").status_code == 404


def test_a_paused_workflow_keeps_it_as_skipped_too(app: Any) -> None:
    site = Hook(app, "paused")
    site.do("listen")
    assert site.call().status_code == 202
    assert [run.status for run in site.executions()] == ["skipped"]
    assert site.received().input_data == ORDER


def test_who_may_call_is_asked_and_a_refusal_is_shown(app: Any) -> None:
    site = Hook(app, auth="basic", username="shop", secret="a-long-secret", methods=["PUT"])
    site.do("listen")
    assert site.call().status_code == 405
    assert "was refused" in site.card
    assert site.call(method="PUT").status_code == 401
    card = site.card
    assert "User and password are missing or wrong." in card
    assert "every 2s" in card, "it goes on waiting"
    login = base64.b64encode(b"shop:a-long-secret").decode()
    assert (
        site.call(
            method="PUT",
            data="{",
            json=None,
            content_type="application/json",
            headers={"Authorization": f"Basic {login}"},
        ).status_code
        == 400
    )
    assert "not valid JSON" in site.card
    assert site.received().received_at is None
    assert site.call(method="PUT", headers={"Authorization": f"Basic {login}"}).status_code == 200
    card = site.card
    assert "A-1001" in card
    assert "was refused" not in card
    assert "a-long-secret" not in card
    assert login not in card


def test_a_challenge_is_answered_and_is_no_sample(app: Any) -> None:
    site = Hook(app)
    site.do("listen")
    answer = site.call(json={"type": "url_verification", "challenge": "c"})
    assert answer.json == {"challenge": "c"}
    assert "Waiting ends at" in site.card


def test_what_is_too_large_is_refused_with_its_size(app: Any) -> None:
    site = Hook(app)
    site.do("listen")
    assert site.call(json={"text": "x" * received_calls.LARGEST}).status_code == 413
    assert "too large for a sample" in site.card
    assert site.received().received_at is None


def test_it_ends_by_itself_and_can_be_stopped(app: Any) -> None:
    site = Hook(app)
    site.do("listen")
    assert timedelta(minutes=9) < site.received().listens_until - utcnow() <= timedelta(minutes=10)
    site.do("end")
    assert site.call().status_code == 404
    assert "Wait for a test call" in site.page
    site.do("listen")
    with app.app_context(), system_session(db.engine) as system:
        system.scalars(select(ReceivedCall)).one().listens_until = utcnow() - timedelta(seconds=1)
        system.commit()
    assert site.call().status_code == 404
    assert "every 2s" not in site.card


def test_of_two_calls_at_once_the_first_is_kept(app: Any) -> None:
    site = Hook(app)
    site.do("listen")
    with app.app_context(), tenant_session(db.engine, site.organization_id) as session:
        for n in (1, 2):
            received_calls.keep(session, site.id, site.trigger["key"], {"n": n}, {})
        session.commit()
    assert site.received().input_data == {"n": 1}


def test_another_process_knows_who_listens_and_nobody_pays_when_nobody_does(app: Any, settings: Any) -> None:
    site = Hook(app, "active")
    other = create_app(settings)
    with app.app_context(), noted(db.engine) as before:
        assert [site.call(app=each).status_code for each in (other, other, app, app)] == [202] * 4
        known = len(before)
        assert site.call(app=app).status_code == 202
    assert len(before) - known == 1, "a known hook is one statement"
    site.do("listen")
    assert site.call(app=other, json={"n": 1}).status_code == 202
    assert site.received().input_data == {"n": 1}
    assert [site.call(app=each).status_code for each in (other, app)] == [202] * 2
    with app.app_context(), noted(db.engine) as after:
        assert site.call(app=app).status_code == 202
    assert len(after) == 1
    with other.app_context():
        db.engine.dispose()


def test_an_address_of_somebody_else_cannot_be_listened_to(app: Any) -> None:
    site = Hook(app, "active")
    with app.app_context():
        with system_session(db.engine) as system:
            other, _project = add_organization(system, "Other")
            system.commit()
        with tenant_session(db.engine, other) as session:
            body = {
                "name": "Ours now",
                "triggers": [{"trigger_type": "webhook", "config": {}}],
            }
            workflow = workflows.create(session, body, actor_id=None)
            key = workflow.draft["triggers"][0]["key"]
            received_calls.listen(session, workflow, key, site.trigger["config"]["key"])
            session.commit()
    assert site.call("/test").status_code == 404
    assert site.call().status_code == 202
    assert site.received().received_at is None


def test_a_deleted_trigger_or_workflow_listens_no_more(app: Any) -> None:
    site = Hook(app)
    site.do("listen")
    site.post(f"/triggers/{site.trigger['key']}/delete")
    assert site.call().status_code == 404
    assert site.do("listen").status_code == 404
    with app.app_context(), tenant_session(db.engine, site.organization_id) as session:
        session.delete(session.get_one(Workflow, site.id))
        session.commit()
    assert site.received() is None


def test_what_cannot_be_done(app: Any) -> None:
    site = Hook(app)
    assert site.do("use").status_code == 409
    for key in ("%00", "x" * 300, "nobody"):
        assert app.test_client().post(f"/hooks/{key}/test", json={}).status_code == 404
    site.do("listen")
    assert site.call(json=None, data=b"\xff\xfe\x00", content_type="application/json").status_code in (200, 400)


def test_a_viewer_may_not_listen(app: Any) -> None:
    site = Hook(app)
    with app.app_context(), system_session(db.engine) as system:
        system.scalars(select(Member)).one().role = "viewer"
        system.commit()
    assert site.do("listen").status_code == 403


def test_a_refused_call_of_an_active_workflow_is_told_once_a_minute(app: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    hook = Hook(app, "active", auth="header", secret="right-one")
    assert "was refused" not in hook.page
    assert hook.call().status_code == 401
    assert "The header X-Webhook-Secret is missing or wrong." in hook.page
    with app.app_context():
        engine = db.engine
    with noted(engine) as statements:
        assert hook.call(headers={"X-Webhook-Secret": "wrong"}).status_code == 401
    assert [text for text in statements if text.startswith(("INSERT", "UPDATE"))] == []
    monkeypatch.setattr(received_calls, "NOTED", timedelta(0))
    assert hook.call(headers={"X-Webhook-Secret": "wrong"}).status_code == 401
    assert hook.call(headers={"X-Webhook-Secret": "right-one"}).status_code == 202
    assert 'wrong"' not in hook.page


@pytest.mark.parametrize(("kind", "answer"), [("slack_event", b"kept as a sample"), ("twilio_callback", b"<Response>")])
def test_a_draft_that_waits_keeps_what_a_service_sends_and_starts_nothing(app: Any, kind: str, answer: bytes) -> None:
    hook = Hook(app, kind=kind, secret=SECRETS[kind])
    hook.do("listen")
    asked = slack({"type": "url_verification", "challenge": "c-1"})
    if kind == "slack_event":
        assert hook.app.test_client().post(hook.hook, data=asked.body, headers=asked.headers).json == {
            "challenge": "c-1"
        }
    sent = SENT[kind](hook.hook, "http://localhost")[0]
    assert answer in hook.app.test_client().post(hook.hook, data=sent.body, headers=sent.headers).data
    assert "Its values are offered" in hook.page
    assert hook.executions() == []


@pytest.mark.parametrize(
    ("kind", "words"),
    [
        ("slack_event", "Request URL"),
        ("stripe_event", "Developers, Webhooks"),
        ("twilio_callback", "A message comes in"),
        ("telegram_update", "setWebhook"),
    ],
)
def test_the_trigger_of_a_service_says_where_to_enter_its_address(app: Any, kind: str, words: str) -> None:
    site = Site(app, steps=[LOG], triggers=[{"trigger_type": kind, "config": {}}])
    trigger = site.draft["triggers"][0]
    page = html_.unescape(site.get(f"/triggers/{trigger['key']}"))
    assert words in page
    assert f"/hooks/{trigger['config']['key']}" in page
    assert "curl" not in page
    assert words in html_.unescape(site.get(f"/new-trigger/{kind}"))
