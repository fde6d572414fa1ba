"""New mails start workflows: from the mailbox to the execution, also where the connection was dropped and nobody said so."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from flowapp.connectors.imap import client
from tests.api.conftest import Api
from tests.api.workflows.test_polling import Shop, log
from tests.connectors.imap.test_imap import mail, source
from tests.support.servers.imap import ImapServer, running_imap
from tests.support.servers.sink import Sink

pytestmark = pytest.mark.both_databases


class Inbox(Shop):
    """A mailbox, a workflow that looks at it, and the time."""

    def __init__(self, api: Api, sink: Sink, monkeypatch: pytest.MonkeyPatch, server: ImapServer) -> None:
        super().__init__(api, sink, monkeypatch)
        self.server = server
        config = {"host": "127.0.0.1", "port": server.port, "security": "none", "username": server.user}
        body = {"name": "Inbox", "integration_type": "imap", "config": config, "credentials": {"password": server.password}}  # fmt: skip
        self.inbox = api.post("/integrations/configure/", body, 201)["id"]

    def watched(self, **config: Any) -> str:
        trigger = {"key": "mail", "trigger_type": "imap_new_mail", "config": {"integration": self.inbox, **config}}
        made = self.api.post("/workflows/", {"name": "Mail", "triggers": [trigger], "steps": [log("a")]}, 201)
        self.api.post(f"/workflows/{made['id']}/activate/")
        return str(made["id"])

    def deliver(self, *subjects: str) -> None:
        for subject in subjects:
            self.server.deliver(source(mail(subject)))

    def subjects(self, workflow: str) -> list[str]:
        found = self.api.get(f"/executions/?workflow={workflow}&limit=100")["results"]
        return sorted(self.api.get(f"/executions/{one['id']}/")["input_data"]["subject"] for one in found)


@pytest.fixture
def inbox(app: Any, api: Api, sink: Sink, monkeypatch: pytest.MonkeyPatch) -> Iterator[Inbox]:
    with running_imap() as server, app.app_context():
        yield Inbox(api, sink, monkeypatch, server)


def test_a_new_mail_starts_the_workflow_once(inbox: Inbox) -> None:
    inbox.deliver("Old")
    workflow = inbox.watched()
    inbox.poll()
    inbox.deliver("One", "Two")
    inbox.poll(minutes=5)
    inbox.poll(minutes=5)
    assert inbox.subjects(workflow) == ["One", "Two"]


def test_a_connection_that_was_dropped_silently_alerts_and_loses_no_mail(inbox: Inbox, monkeypatch: pytest.MonkeyPatch) -> None:  # fmt: skip
    monkeypatch.setattr(client, "TIMEOUT", 0.05)
    workflow = inbox.watched()
    inbox.poll()
    inbox.deliver("One")
    inbox.server.silent = {"UID FETCH"}
    for _ in range(6):
        inbox.poll(minutes=5)
    told = [one["title"] for one in inbox.api.get("/notifications/")["results"]]
    assert told == ["“Mail” cannot check for what is new"], "once"
    health = inbox.health(workflow)
    assert (health["status"], health["failures"]) == ("failing", 6)
    assert "did not respond in time" in health["last_error"]
    inbox.server.silent = set()
    inbox.deliver("Two")
    inbox.poll(minutes=5)
    assert inbox.subjects(workflow) == ["One", "Two"]
    assert inbox.health(workflow)["status"] == "ok"


def test_a_wrong_password_is_told_and_no_mail_is_lost(inbox: Inbox) -> None:
    workflow = inbox.watched()
    inbox.poll()
    inbox.server.password = "another"
    inbox.deliver("One")
    inbox.poll(minutes=5)
    assert "refused the user name or password" in inbox.health(workflow)["last_error"]
    inbox.api.patch(f"/integrations/{inbox.inbox}/", {"credentials": {"password": "another"}})
    inbox.poll(minutes=5)
    assert inbox.subjects(workflow) == ["One"]


def test_mails_are_fired_once_whatever_happens_to_uids_and_versions(inbox: Inbox) -> None:
    workflow = inbox.watched(start="with_existing")
    inbox.deliver("One")
    inbox.poll()
    inbox.deliver("Two")
    inbox.server.rebuild()
    inbox.api.patch(f"/workflows/{workflow}/", {"steps": [log("a"), log("b")]})
    inbox.api.post(f"/workflows/{workflow}/publish/")
    inbox.poll(minutes=5)
    inbox.poll(minutes=5)
    assert inbox.subjects(workflow) == ["One", "Two"]
