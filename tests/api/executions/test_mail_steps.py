"""Steps that send e-mail, from outside: whom a value can reach, what HTML shows, what is refused before anything runs."""

from __future__ import annotations

from typing import Any

import pytest

from tests.api.conftest import Api
from tests.api.waiting import ended, started
from tests.support.servers.smtp import SmtpServer


def send(**params: Any) -> dict[str, Any]:
    words = {"to": "ada@example.com", "subject": "Hello", "message": "Hi", **params}
    return {"step_id": "send", "action_type": "send_email", "params": {k: v for k, v in words.items() if v is not None}}


def sent(api: Api, smtp: SmtpServer, step: dict[str, Any], **data: Any) -> Any:
    """The one mail of a workflow of this step."""
    done = ended(api, started(api, step, input_data=data))
    assert done["status"] == "completed", done["error_message"]
    (got,) = smtp.inbox
    return got


@pytest.mark.usefixtures("worker")
@pytest.mark.parametrize(
    ("to", "name", "reached"),
    [
        ("{{ input.name }} <{{ input.email }}>", "victim@example.net, Ann", ["ann@example.com"]),
        ("{{ input.name }} <{{ input.email }}>, boss@example.com", "Müller, Jürgen", ["ann@example.com", "boss@example.com"]),
        ("{{ input.name }} <{{ input.email }}>", 'Ann" <victim@example.net>, "', ["ann@example.com"]),
        (["{{ input.name }} <{{ input.email }}>", "ANN@example.com"], "Ann", ["ann@example.com"]),
    ],
)  # fmt: skip
def test_a_value_adds_no_recipient(api: Api, smtp: SmtpServer, to: Any, name: str, reached: list[str]) -> None:
    got = sent(api, smtp, send(to=to), name=name, email="ann@example.com")
    assert got.recipients == reached
    assert got.message["To"].addresses[0].display_name == name


@pytest.mark.usefixtures("worker")
@pytest.mark.parametrize("field", ["to", "cc", "bcc", "reply_to", "sender"])
def test_one_value_is_one_address_in_every_field(api: Api, smtp: SmtpServer, field: str) -> None:
    email = {"email": "ann@example.com, victim@example.net"}
    done = ended(api, started(api, send(**{field: "{{ input.email }}"}), input_data=email))
    assert (done["status"], smtp.inbox) == ("failed", [])
    assert "more than one address" in done["error_message"]


@pytest.mark.usefixtures("worker")
def test_where_answers_go(api: Api, smtp: SmtpServer) -> None:
    step = send(
        reply_to="{{ input.name }} <{{ input.email }}>",
        sender="{{ input.name }} <flow@example.com>",
        subject="  {{ input.name }}\n",
    )
    got = sent(api, smtp, step, name="Müller, Jürgen", email="j@example.com")
    assert [(a.display_name, a.addr_spec) for a in got.message["Reply-To"].addresses] == [
        ("Müller, Jürgen", "j@example.com")
    ]
    assert (got.sender, got.message["From"].addresses[0].display_name) == ("flow@example.com", "Müller, Jürgen")
    assert got.message["Subject"] == "Müller, Jürgen"


@pytest.mark.usefixtures("worker")
@pytest.mark.parametrize("email", ["not an address", "ann@example.com bob@example.com", "ann", "ann@", 7])
def test_an_address_that_is_none_fails_the_step(api: Api, smtp: SmtpServer, email: Any) -> None:
    done = ended(api, started(api, send(to="{{ input.email }}"), input_data={"email": email}))
    assert (done["status"], smtp.inbox) == ("failed", [])
    assert "address" in done["error_message"]


@pytest.mark.usefixtures("worker")
def test_html_is_escaped_unless_marked_safe(api: Api, smtp: SmtpServer) -> None:
    html = "<p title='{{ input.text }}'>{{ input.text }}</p>{{ input.text | safe }}"
    got = sent(api, smtp, send(html=html, message="{{ input.text }}"), text="<b>A & 'B'</b>")
    assert got.text.strip() == "<b>A & 'B'</b>"
    escaped = "&lt;b&gt;A &amp; &#x27;B&#x27;&lt;/b&gt;"
    assert got.message.get_body(("html",)).get_content().strip() == f"<p title='{escaped}'>{escaped}</p><b>A & 'B'</b>"


@pytest.mark.usefixtures("worker")
def test_a_workflow_of_before_keeps_its_meaning_until_it_says_otherwise(api: Api, smtp: SmtpServer) -> None:
    step = send(to="{{ input.team }}", html="<p>{{ input.text }}</p>")
    workflow = api.post("/workflows/", {"name": "Old", "language": 2, "steps": [step]}, 201)["id"]
    body = {"input_data": {"team": "ann@example.com, bob@example.com", "text": "<b>x</b>"}}
    assert ended(api, api.post(f"/workflows/{workflow}/execute/", body, 202)["execution_id"])["status"] == "completed"
    (got,) = smtp.inbox
    assert got.recipients == ["ann@example.com", "bob@example.com"]
    assert "<b>x</b>" in got.message.get_body(("html",)).get_content()
    api.patch(f"/workflows/{workflow}/", {"language": 3})
    done = ended(api, api.post(f"/workflows/{workflow}/execute/", body, 202)["execution_id"])
    assert "more than one address" in done["error_message"]


REFUSED_AT_ONCE = [
    ({"to": "not an address"}, "to", "“not an address” is not"),
    ({"to": "{{ input.email }}, not an address"}, "to", "“not an address” is not"),
    ({"cc": "bob@@example.com"}, "cc", "is not an e-mail address"),
    ({"sender": "a@example.com, b@example.com"}, "sender", "Enter one address"),
    ({"to": "{{ input.email }}", "message": None}, "", "Enter a message"),
    ({"to": "{{ input.email }}", "subject": " "}, "", "Enter a subject"),
]


@pytest.mark.parametrize(("params", "field", "told"), REFUSED_AT_ONCE)
def test_what_can_never_be_sent_is_not_saved(api: Api, params: dict[str, Any], field: str, told: str) -> None:
    body = {"name": "Mail", "steps": [send(**params)]}
    answer = api.post("/workflows/", body, 422)
    path = "steps.0.params" + (f".{field}" if field else "")
    assert [told in problem["message"] for problem in answer["errors"] if problem["path"] == path] == [True], answer


@pytest.mark.parametrize("data", [None, {}, "", []])
def test_a_template_that_does_not_exist_is_refused_at_publish(api: Api, data: Any) -> None:
    step = send(message=None, template="welcome", data=data, to="{{ input.email }}")
    workflow = api.post("/workflows/", {"name": "Mail", "steps": [step]}, 201)["id"]
    found = api.post(f"/workflows/{workflow}/validate/")
    assert not found["valid"]
    assert [e["message"] for e in found["errors"]] == [
        "There is no e-mail template “welcome” in this project. Create it, or choose another."
    ]
    assert api("POST", f"/workflows/{workflow}/activate/").status_code in (409, 422)
    api.patch(f"/workflows/{workflow}/", {"steps": [send(to="{{ input.email }}")]})
    assert api.post(f"/workflows/{workflow}/validate/")["valid"]
    api.post(f"/workflows/{workflow}/activate/")
