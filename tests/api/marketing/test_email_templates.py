"""E-mail templates: what the API does with them, and what a step sends of them."""

from __future__ import annotations

from typing import Any

import pytest

from flowapp.crm import companies, contacts, deals
from flowapp.events import SYSTEM
from flowapp.extensions import db
from flowapp.models.tenancy import tenant_session
from tests.api.conftest import Api
from tests.api.crm.people import make_place
from tests.api.waiting import ended
from tests.support.servers.smtp import Mail, SmtpServer

pytestmark = pytest.mark.both_databases
WELCOME = {
    "name": "Welcome",
    "subject": "Welcome, {{ contact.first_name }}",
    "html": "<p>Hello {{ contact.first_name }}, {{ deal.title }} is yours. {{ order_id }}</p>",
}


def step(**params: Any) -> dict[str, Any]:
    return {
        "step_id": "mail",
        "name": "Send it",
        "action_type": "send_email",
        "params": {"to": "{{ contact.email }}", **params},
    }


def problems(api: Api, **params: Any) -> list[tuple[str, str]]:
    made = api.post("/workflows/", {"name": "W", "steps": [step(**params)]}, 201)
    found = api.post(f"/workflows/{made['id']}/validate/")["errors"]
    return [(one["path"], one["message"]) for one in found]


def about_a_deal(api: Api) -> dict[str, str]:
    with api.client.application.app_context(), tenant_session(db.engine, api.place.id) as session:
        company = companies.create(session, {"nom": "Acme"}, cause=SYSTEM)
        given = {"email": "ann@b.example", "first_name": "Ann & Co", "company": company.id}
        contact = contacts.create(session, given, cause=SYSTEM)
        deal = deals.create(session, {"title": "Engine", "contact": contact.id}, cause=SYSTEM)
        session.commit()
        return {"trigger_entity_type": "deal", "trigger_entity_id": deal.id}


def html_of(mail: Mail) -> str:
    part = mail.message.get_body(("html",))
    return "" if part is None else str(part.get_content()).strip()


def test_made_read_changed_and_deleted(api: Api) -> None:
    made = api.post("/email-templates/", WELCOME, 201)
    assert (made["slug"], made["number"], made["text"]) == ("welcome", 1, "")
    assert api.post("/email-templates/", WELCOME, 201)["slug"] == "welcome_2"
    for reference in (made["id"], "1", "welcome", "WELCOME"):
        assert api.get(f"/email-templates/{reference}/")["id"] == made["id"]
    listed = api.get("/email-templates/?limit=1")
    assert listed["count"] == 2 and listed["next"] and "html" not in listed["results"][0]
    assert api.get("/email-templates/?search=WELC")["count"] == 2
    assert api.get("/email-templates/?search=%25")["count"] == 0
    changed = api.patch("/email-templates/welcome/", {"name": "Hello", "text": "Hi"})
    assert (changed["slug"], changed["name"], changed["html"]) == ("welcome", "Hello", WELCOME["html"])
    api("DELETE", "/email-templates/1/", status=204)
    api.get("/email-templates/1/", 404)


@pytest.mark.parametrize(
    ("body", "path", "told"),
    [
        ({"subject": ""}, "subject", "Enter a subject"),
        ({"html": ""}, "html", "as HTML, as text, or both"),
        ({"html": "{{ contact. }}"}, "html", ""),
        ({"subject": "a\nb"}, "subject", "Control characters"),
        ({"name": " "}, "name", "Give the template a name"),
        ({"subject": "x" * 999}, "subject", "998"),
        ({"number": 4}, "number", ""),
    ],
)
def test_what_cannot_be_used_is_said_at_its_field(api: Api, body: dict[str, Any], path: str, told: str) -> None:
    refused = api.post("/email-templates/", {**WELCOME, **body}, 422)
    assert [one["path"] for one in refused["errors"]] == [path]
    assert told in refused["errors"][0]["message"]
    assert api.get("/email-templates/")["count"] == 0


def test_who_may(api: Api) -> None:
    api.post("/email-templates/", WELCOME, 201)
    api.as_("operator").post("/email-templates/", WELCOME, 403)
    assert api.as_("viewer").get("/email-templates/1/")["name"] == "Welcome"
    api.as_("viewer").post("/email-templates/1/test/", {}, 403)


def test_a_preview_and_a_test_to_oneself(api: Api, smtp: SmtpServer) -> None:
    api.post("/email-templates/", WELCOME, 201)
    shown = api.post("/email-templates/welcome/preview/", {"data": {"order_id": "<7>"}})
    assert shown == {
        "subject": "Welcome, Ada",
        "html": "<p>Hello Ada, Engine No. 2 is yours. &lt;7&gt;</p>",
        "text": "Hello Ada, Engine No. 2 is yours. <7>",
    }
    sent = api.as_("editor").post("/email-templates/welcome/test/", {})
    assert sent == {"to": f"editor@{api.place.id}.example", "caught": False}
    assert [(mail.recipients, mail.message["Subject"]) for mail in smtp.inbox] == [([sent["to"]], "Welcome, Ada")]
    api.patch("/email-templates/welcome/", {"text": "{{ data.lines | sum }}"})
    assert (
        "Welcome"
        in api.post("/email-templates/welcome/preview/", {"data": {"lines": "x"}}, 422)["errors"][0]["message"]
    )


@pytest.mark.usefixtures("worker")
@pytest.mark.parametrize("name", ["welcome", "WELCOME", 1])
def test_a_step_sends_a_template(api: Api, smtp: SmtpServer, name: object) -> None:
    api.post("/email-templates/", WELCOME, 201)
    params = step(template_id=name, data={"order_id": "A-17"})
    workflow = api.post("/workflows/", {"name": "W", "steps": [params]}, 201)
    started = api.post(f"/workflows/{workflow['id']}/execute/", about_a_deal(api), 202)
    done = ended(api, started["execution_id"])
    assert done["status"] == "completed", done
    (mail,) = smtp.inbox
    assert (mail.recipients, mail.message["Subject"]) == (["ann@b.example"], "Welcome, Ann & Co")
    assert html_of(mail) == "<p>Hello Ann &amp; Co, Engine is yours. A-17</p>"
    assert mail.text.strip() == "Hello Ann & Co, Engine is yours. A-17"


@pytest.mark.usefixtures("worker")
def test_what_is_missing_is_named_with_its_template(api: Api, smtp: SmtpServer) -> None:
    api.post("/email-templates/", WELCOME, 201)
    workflow = api.post("/workflows/", {"name": "W", "steps": [step(template="welcome")]}, 201)
    done = ended(api, api.post(f"/workflows/{workflow['id']}/execute/", about_a_deal(api), 202)["execution_id"])
    assert done["status"] == "failed"
    assert "“Welcome”" in done["error_message"] and "order_id" in done["error_message"]
    assert smtp.inbox == []


def test_a_simulation_shows_the_mail_as_it_would_go_out(api: Api, smtp: SmtpServer) -> None:
    api.post("/email-templates/", WELCOME, 201)
    workflow = api.post(
        "/workflows/", {"name": "W", "steps": [step(to="a@b.example", template="welcome", data="{{ input }}")]}, 201
    )
    given = {"order_id": 9, "contact": {"first_name": "Zoe"}, "deal": {"title": "Mill"}}
    found = api.post(f"/workflows/{workflow['id']}/simulate/", {"input_data": given})
    call = found["calls"][0]
    assert (call["subject"], call["html"]) == ("Welcome, Zoe", "<p>Hello Zoe, Mill is yours. 9</p>")
    assert smtp.inbox == []


def test_a_name_that_no_template_has_is_refused_with_the_nearest(api: Api) -> None:
    api.post("/email-templates/", WELCOME, 201)
    assert problems(api, template="welcome") == []
    assert problems(api, template=1) == []
    assert problems(api, template="{{ input.which }}") == []
    path, told = problems(api, template="welcom", data={"a": 1})[0]
    assert path == "steps.0.params.template"
    assert "no e-mail template “welcom”" in told and "welcome" in told.split("”", 1)[1]
    assert problems(api, template=2)


def test_one_that_is_used_is_not_deleted(api: Api) -> None:
    api.post("/email-templates/", WELCOME, 201)
    workflow = api.post("/workflows/", {"name": "Greets", "steps": [step(template_id=1)]}, 201)
    assert "“Greets”" in api("DELETE", "/email-templates/1/", status=409).json["detail"]
    api("DELETE", f"/workflows/{workflow['id']}/", status=204)
    api("DELETE", "/email-templates/1/", status=204)


def test_others_have_their_own(api: Api, app: Any) -> None:
    api.post("/email-templates/", WELCOME, 201)
    with app.app_context():
        other = Api(app.test_client(), make_place("Other"))
    other.get("/email-templates/1/", 404)
    assert other.post("/email-templates/", WELCOME, 201)["number"] == 1


def test_a_template_goes_along_with_its_workflow(api: Api, app: Any) -> None:
    api.post("/email-templates/", WELCOME, 201)
    api.post("/email-templates/", {**WELCOME, "name": "Unused"}, 201)
    workflow = api.post("/workflows/", {"name": "Greets", "steps": [step(template_id=1)]}, 201)
    file = api.get(f"/workflows/{workflow['id']}/export/")
    assert file["email_templates"] == [{**WELCOME, "slug": "welcome", "text": ""}]
    with app.app_context():
        other = Api(app.test_client(), make_place("Other"))
    other.post("/email-templates/", {**WELCOME, "name": "Ours"}, 201)
    assert other.post("/import/", file)["email_templates"] == ["Welcome"]
    assert other.get("/email-templates/welcome/")["html"] == WELCOME["html"]
    assert other.post("/import/?mode=replace", file)["email_templates"] == []
    refused = other.post("/import/?mode=replace", {**file, "email_templates": [{"name": "Odd"}]}, 422)
    assert [one["path"] for one in refused["errors"]] == ["email_templates.0.subject", "email_templates.0.html"]
