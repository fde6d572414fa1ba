"""E-mails of steps, templates and people go through whichever provider is connected, by whichever name a workflow calls it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from flowapp.connectors.email.server import Server
from flowapp.engine.machine import state
from tests.api.conftest import Api
from tests.connectors.email.doubles import DOMAIN, KEY, Mailgun, SendGrid
from tests.support.servers.sink import Answer, Received, Sink
from tests.support.servers.smtp import SmtpServer
from tests.support.servers.vendor import reroute

CONNECTED = {
    "smtp": ({"host": "127.0.0.1", "security": "none"}, {}),
    "sendgrid": ({}, {"api_key": KEY}),
    "mailgun": ({"domain": DOMAIN}, {"api_key": KEY}),
    "ses": ({"aws_region": "eu-west-1", "username": "AKIA", "from_email": "ses@example.com"}, {"password": "p"}),
}


class Services:
    """Counts what came to each provider."""

    def __init__(self, sink: Sink, smtp: SmtpServer) -> None:
        self.smtp, self.sendgrid, self.mailgun = smtp, SendGrid(sink), Mailgun(sink)
        sink.ask = lambda received: (self.mailgun if DOMAIN in received.path else self.sendgrid).answer(received)

    @property
    def taken(self) -> dict[str, int]:
        ses = [mail for mail in self.smtp.inbox if mail.sender == "ses@example.com"]
        counts = {"smtp": len(self.smtp.inbox) - len(ses), "ses": len(ses)}
        counts |= {"sendgrid": len(self.sendgrid.sent), "mailgun": len(self.mailgun.sent)}
        return {name: count for name, count in counts.items() if count}


@pytest.fixture
def services(sink: Sink, smtp: SmtpServer, monkeypatch: pytest.MonkeyPatch) -> Iterator[Services]:
    reroute(monkeypatch, {"https://api.sendgrid.com": sink.url(""), "https://api.mailgun.net": sink.url("")})

    def server(_region: str, _username: str, _password: str, sender: str) -> Server:
        return Server("127.0.0.1", smtp.port, "none", sender=sender)

    monkeypatch.setattr("flowapp.connectors.email.providers.ses_server", server)
    yield Services(sink, smtp)


def connect(api: Api, smtp: SmtpServer, provider: str) -> str:
    config, credentials = CONNECTED[provider]
    config = {"provider": provider, "from_email": "desk@example.com", **config}
    body = {
        "name": f"Our {provider} account", "integration_type": "email", "credentials": credentials,
        "config": config | ({"port": smtp.port} if provider == "smtp" else {}),
    }  # fmt: skip
    return str(api.post("/integrations/", body, 201)["id"])


@pytest.mark.usefixtures("worker")
def test_each_is_found_by_its_provider(api: Api, smtp: SmtpServer, services: Services) -> None:
    for provider in CONNECTED:
        connect(api, smtp, provider)
    params = {"to": "ada@b.example", "subject": "Hi {{ input.name }}", "message": "m", "attachments": {"a.csv": "x;y"}}
    step = {"id": "mail", "action": "integration_call", "params": params}
    for count, provider in enumerate(CONNECTED, 1):
        steps = [{**step, "integration": provider}]
        made = api.post("/workflows/", {"name": "W", "trigger": {"type": "manual"}, "steps": steps}, 201)
        done = api.post(f"/workflows/{made['id']}/execute/", {"async_execution": False, "input_data": {"name": "Zoë"}})
        assert done["status"] == "completed", done
        assert services.taken == dict.fromkeys(list(CONNECTED)[:count], 1)
    keyed = [mail.message["X-Flowapp-Message-ID"] for mail in smtp.inbox if mail.sender == "ses@example.com"]
    assert len(keyed) == 1 and keyed[0].endswith("@flowapp")


@pytest.mark.usefixtures("worker")
def test_a_provider_that_has_no_time_is_asked_again(
    api: Api, smtp: SmtpServer, services: Services, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(state, "BUSY_DELAY", 0)
    connect(api, smtp, "sendgrid")
    asked, take = [], services.sendgrid.sink.ask

    def busy_at_first(received: Received) -> Answer | None:
        asked.append(received.path)
        return Answer(429, b'{"errors": [{"message": "too many requests"}]}') if len(asked) == 1 else take(received)

    services.sendgrid.sink.ask = busy_at_first
    params = {"to": "ada@b.example", "subject": "Hi", "message": "m"}
    steps = [{"step_id": "mail", "action_type": "send_email", "params": params, "on_error": "stop"}]
    made = api.post("/workflows/", {"name": "W", "steps": steps}, 201)
    done = api.post(f"/workflows/{made['id']}/execute/", {"async_execution": False})
    assert (done["status"], done["output_data"]["message_id"]) == ("completed", "sg-1"), done
    assert (len(asked), services.taken) == (2, {"sendgrid": 1})


@pytest.mark.parametrize("provider", CONNECTED)
def test_a_template_is_tried_out_and_the_connection_tested(
    api: Api, smtp: SmtpServer, services: Services, provider: str
) -> None:
    one = connect(api, smtp, provider)
    answer = api.post(f"/integrations/{one}/test/")
    assert answer["success"], answer
    template = {"name": "Welcome", "subject": "Welcome, {{ contact.first_name }}", "html": "<p>Hello</p>"}
    made = api.post("/email-templates/", template, 201)
    assert api.post(f"/email-templates/{made['id']}/test/")["caught"] is False
    assert services.taken == {provider: 1}


def test_a_simulation_sends_nothing(api: Api, smtp: SmtpServer, services: Services) -> None:
    connect(api, smtp, "sendgrid")
    params = {"to": "ada@b.example", "subject": "Hi", "message": "m", "attachments": {"a.csv": "x"}}
    steps = [{"step_id": "mail", "action_type": "send_email", "params": params}]
    made = api.post("/workflows/", {"name": "W", "steps": steps}, 201)
    report = api.post(f"/workflows/{made['id']}/simulate/", {})
    [call] = [one for one in report["calls"] if one["kind"] == "email"]
    assert (call["subject"], call["attachments"]) == ("Hi", ["a.csv"])
    assert services.taken == {} and not services.sendgrid.sink.requests


@pytest.mark.parametrize(
    ("config", "credentials", "path"),
    [
        ({"provider": "sendgrid"}, {}, "credentials.api_key"),
        ({"provider": "mailgun", "domain": DOMAIN}, {"password": "x"}, "credentials.api_key"),
        ({"provider": "mailgun"}, {"api_key": KEY}, "config.domain"),
        ({"provider": "ses", "aws_region": "eu-west-1", "username": "u"}, {"api_key": "x"}, "credentials.password"),
        ({"provider": "ses", "username": "u"}, {"password": "x"}, "config.aws_region"),
        ({"provider": "ses", "aws_region": "eu-west-1"}, {"password": "x"}, "config.username"),
        ({"provider": ["sendgrid"]}, {"api_key": KEY}, "config.provider"),
        ({"provider": "sendgrid", "from_email": ["a@b.c"]}, {"api_key": KEY}, "config.from_email"),
        ({"provider": "sendgrid", "from_name": "Ann\r\nBcc: x@y.z"}, {"api_key": KEY}, "config.from_name"),
        ({"provider": "sendgrid"}, {"api_key": ["x"]}, "credentials.api_key"),
    ],
)
def test_what_is_missing_or_of_another_kind_is_named(
    api: Api, config: dict[str, Any], credentials: dict[str, Any], path: str
) -> None:
    body = {"name": "Post", "integration_type": "email", "config": config, "credentials": credentials}
    assert [one["path"] for one in api.post("/integrations/", body, 422)["errors"]] == [path]
