"""The trigger “New mail”: each mail is given once, whatever the mailbox does with its UIDs."""

from __future__ import annotations

import json
from contextlib import nullcontext
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from flowapp.catalog import TRIGGERS, IntegrationHandle, PollContext
from flowapp.connectors.imap import client, cursor, polling
from flowapp.errors import StepError
from flowapp.security.addresses import Guard
from tests.actions.conftest import FreeCalls
from tests.connectors.imap.conftest import account
from tests.connectors.imap.test_imap import FOLDER, mail, source
from tests.support.servers.imap import ImapServer


class Watch:
    """A trigger that looks at a mailbox: every call gives the subjects of the mails that are new."""

    def __init__(self, handle: IntegrationHandle, **params: Any) -> None:
        self.handle, self.spec = handle, TRIGGERS["imap_new_mail"]
        self.params = self.spec.params.model_validate({"start": "from_now", **params})
        self.cursor: object = None
        self.ids: list[str] = []
        self.items: list[Any] = []
        guard = Guard(("127.0.0.1",))
        self.context = PollContext(
            http=None, connect=guard.connect, addresses=guard.addresses, integration=lambda _name: self.handle,
            integration_used=lambda _id: nullcontext(), access_token=None, calls=FreeCalls(),
            now=lambda: datetime.now(UTC), timeout=30.0, idempotency_key="poll",
        )  # type: ignore[arg-type] # fmt: skip

    def once(self) -> tuple[list[str], bool]:
        assert self.spec.poll is not None
        done = self.spec.poll(self.context, self.params, self.cursor)
        self.cursor = json.loads(json.dumps(done.cursor))
        self.ids += [one.id for one in done.items]
        assert len(self.ids) == len(set(self.ids)), "an id is given once"
        self.items += [one.data for one in done.items]
        return [str(one.data["subject"]) for one in done.items], done.more

    def __call__(self) -> list[str]:
        found, more = self.once()
        for _ in range(20):
            if not more:
                break
            further, more = self.once()
            found += further
        assert not more
        return found


def deliver(server: Any, *subjects: str, received: datetime | None = None, mailbox: str = "INBOX") -> None:
    for subject in subjects:
        server.deliver(source(mail(subject)), mailbox, received)


def test_new_mails_are_given_once_in_their_order(server: Any) -> None:
    deliver(server, "Old")
    watch = Watch(account(server))
    assert watch() == []
    assert watch() == []
    deliver(server, "One", "Two")
    assert watch() == ["One", "Two"]
    assert watch() == []
    assert not server.mails()[1][1], "a mail that was given is not marked as read"


def test_what_is_there_is_given_where_the_person_wants_it(server: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(polling, "PAGE", 2)
    deliver(server, *"ABCDE")
    watch = Watch(account(server), start="with_existing")
    assert watch.once() == (["A", "B"], True)
    deliver(server, "F")
    assert watch() == ["C", "D", "E", "F"]
    assert watch() == []


def test_a_mail_is_given_with_what_steps_need(server: Any) -> None:
    watch = Watch(account(server), mailbox=FOLDER)
    watch()
    message = mail("Grüße", text="Hello\n")
    message.add_attachment(b"%PDF", maintype="application", subtype="pdf", filename="a.pdf")
    server.deliver(source(message), FOLDER)
    watch()
    (data,) = watch.items
    assert data.keys() == watch.spec.sample.keys()
    assert (data["subject"], data["text"], data["from_email"]) == ("Grüße", "Hello\n", "ann@example.com")
    assert data["attachments"] == [{"filename": "a.pdf", "content_type": "application/pdf", "size": 4}]
    assert data["id"].endswith(f":{data['uid']}")


@pytest.mark.parametrize(
    ("params", "given"),
    [({"from": "bob"}, ["Two"]), ({"subject": "über"}, ["Über"]), ({"from": "bob", "subject": "über"}, [])],
)
def test_only_mails_that_fit_are_given(server: Any, params: dict[str, str], given: list[str]) -> None:
    watch = Watch(account(server), **params)
    watch()
    for subject, sender in (("One", "ann@example.com"), ("Two", "Bob <bob@example.com>"), ("Über", "ann@example.com")):
        server.deliver(source(mail(subject, sender)))
    assert watch() == given
    assert watch() == []


def test_when_uids_change_no_mail_is_lost_or_given_twice(server: Any) -> None:
    deliver(server, "Old 1", "Old 2")
    watch = Watch(account(server))
    watch()
    deliver(server, "One")
    assert watch() == ["One"]
    deliver(server, "Between")
    server.rebuild()
    deliver(server, "After")
    assert watch() == ["Between", "After"]
    assert watch() == []
    server.rebuild()
    assert watch() == []
    deliver(server, "Last")
    assert watch() == ["Last"]


def test_mails_without_a_message_id_are_told_apart_too(double: ImapServer) -> None:
    nameless = [b"Subject: %s\r\n\r\nx" % name for name in (b"Old", b"Newer", b"Newest")]
    double.deliver(nameless[0], received=datetime(2026, 1, 1, tzinfo=UTC))
    watch = Watch(account(double))
    watch()
    double.deliver(nameless[1], received=datetime(2026, 1, 2, tzinfo=UTC))
    double.rebuild()
    double.deliver(nameless[2], received=datetime(2026, 1, 3, tzinfo=UTC))
    assert watch() == ["Newer", "Newest"]


def test_a_message_id_that_several_mails_have_hides_none(double: ImapServer) -> None:
    same = source(mail("Same"))
    double.deliver(same)
    watch = Watch(account(double))
    watch()
    double.deliver(same)
    assert watch() == ["Same"]
    double.deliver(same)
    double.rebuild()
    assert watch() == ["Same"]
    assert watch() == []


def test_of_many_mails_the_last_are_known_by_their_marks(double: ImapServer, monkeypatch: pytest.MonkeyPatch) -> None:
    """Older ones are known by the time at which they arrived."""
    monkeypatch.setattr(cursor, "REMEMBERED", 3)
    monkeypatch.setattr(polling, "REMEMBERED", 3)
    began = datetime(2026, 1, 1, tzinfo=UTC)
    for day in range(6):
        deliver(double, f"Old {day}", received=began + timedelta(day))
    watch = Watch(account(double))
    watch.context = replace(watch.context, now=lambda: began + timedelta(5, hours=1))
    watch()
    deliver(double, "One", received=began + timedelta(6))
    assert watch() == ["One"]
    deliver(double, "Between", received=began + timedelta(7))
    double.rebuild()
    assert watch() == ["Between"]
    assert len(watch.cursor["seen"]) == 3  # type: ignore[index, call-overload]


def test_an_old_mail_among_the_last_makes_no_other_old_one_new(double: ImapServer, monkeypatch: pytest.MonkeyPatch) -> None:  # fmt: skip
    """As one that was moved back into the mailbox: UIDs change before any new mail has come, and then when some have."""
    monkeypatch.setattr(cursor, "REMEMBERED", 3)
    monkeypatch.setattr(polling, "REMEMBERED", 3)
    now = datetime.now(UTC)
    for days in (6, 5, 4, 3000, 2, 1):
        deliver(double, f"{days} days old", received=now - timedelta(days))
    watch, existing = Watch(account(double)), Watch(account(double), start="with_existing")
    assert (watch(), len(existing())) == ([], 6)
    double.rebuild()
    assert (watch(), existing()) == ([], [])
    deliver(double, "New", received=now + timedelta(1))
    double.rebuild()
    assert (watch(), existing()) == (["New"], ["New"])


def test_a_mail_that_is_forgotten_is_not_new_where_an_older_one_is_remembered(double: ImapServer, monkeypatch: pytest.MonkeyPatch) -> None:  # fmt: skip
    monkeypatch.setattr(cursor, "REMEMBERED", 3)
    now = datetime.now(UTC)
    for days in (5, 3000, 4, 3):
        deliver(double, f"{days} days old", received=now - timedelta(days))
    watch = Watch(account(double), start="with_existing")
    assert len(watch()) == 4
    double.rebuild()
    assert watch() == []


def test_a_large_mailbox_is_looked_through_in_parts(double: ImapServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(polling, "WINDOW", 10)
    folder = double.folders["INBOX"]
    for at in (1, 5, 12, 13, 500):
        folder.following = at
        deliver(double, f"At {at}")
    folder.following = 1000
    watch = Watch(account(double), start="with_existing")
    assert watch() == ["At 1", "At 5", "At 12", "At 13", "At 500"]
    assert watch.cursor["uid"] == 999  # type: ignore[index, call-overload]
    deliver(double, "New")
    assert watch() == ["New"]
    late = Watch(account(double))
    assert late() == []
    folder.following = 5000
    deliver(double, "Newer")
    assert (watch(), late()) == (["Newer"], ["Newer"])


def test_a_server_that_does_not_say_the_next_uid(double: ImapServer) -> None:
    double.quiet = True
    deliver(double, "Old")
    watch = Watch(account(double))
    assert watch() == []
    deliver(double, "One")
    assert watch() == ["One"]
    assert watch() == []


def test_another_account_starts_anew(double: ImapServer) -> None:
    deliver(double, "Old")
    watch = Watch(account(double))
    watch()
    deliver(double, "Theirs")
    double.user = "bob@example.com"
    watch.handle = account(double)
    assert watch() == []
    deliver(double, "New")
    assert watch() == ["New"]


def test_a_cursor_of_another_release_goes_on(double: ImapServer) -> None:
    watch = Watch(account(double))
    watch()
    written: Any = watch.cursor
    del written["since"]
    written["more"] = "of what a later one knows"
    deliver(double, "New")
    assert watch() == ["New"]


def test_poisonous_mails_do_not_block_those_behind_them(double: ImapServer) -> None:
    watch = Watch(account(double))
    watch()
    deliver(double, "Before")
    for poison in (
        b"",
        b"\xff\0" * 99,
        b"From: (((((\r\nContent-Type: multipart/mixed; boundary=\r\n\r\n",
        b"Date: x\r\n",
    ):
        double.deliver(poison)
    double.broken = {double.deliver(source(mail("Cannot be given")))}
    deliver(double, "After")
    assert watch() == ["Before", "", "", "", "", "", "After"]
    assert "Internal error occurred" in watch.items[-2]["problem"]
    assert watch() == []


@pytest.mark.parametrize(
    "told", ["BAD Server Unavailable. 15", "NO [SERVERBUG] Internal error occurred", "NO cannot be converted"]
)
def test_a_mail_that_the_server_refuses_for_good_is_given_without_its_content(double: ImapServer, told: str) -> None:
    watch = Watch(account(double))
    watch()
    deliver(double, "One", "Two", "Three")
    double.refusals[2] = told
    assert watch() == ["One", "", "Three"]
    assert told.partition(" ")[2] in watch.items[1]["problem"]
    double.rebuild()
    assert watch() == []


@pytest.mark.parametrize(
    "told",
    [
        "NO [THROTTLED] Account exceeded command or bandwidth limits",
        "NO [UNAVAILABLE] later",
        "NO [INUSE] later",
        "NO [LIMIT] later",
        "NO [ALERT] Account exceeded command or bandwidth limits. (Failure)",
        "BAD Request is throttled. Suggested Backoff Time: 92415 milliseconds",
        "BAD User is authenticated but not connected.",
        "",
    ],
)
def test_a_failure_that_passes_loses_no_mail(double: ImapServer, told: str) -> None:
    watch = Watch(account(double))
    watch()
    deliver(double, "One", "Two", "Three")
    double.refusals[2] = told
    assert watch.once() == (["One"], True)
    with pytest.raises(StepError) as failed:
        watch.once()
    assert not failed.value.permanent
    double.refusals.clear()
    assert watch() == ["Two", "Three"]
    assert watch() == []


def test_a_failure_that_passes_loses_no_mail_where_uids_have_changed(double: ImapServer) -> None:
    watch = Watch(account(double))
    watch()
    deliver(double, "One", "Two", "Three")
    double.rebuild()
    double.refusals[2] = "NO [INUSE] later"
    with pytest.raises(StepError, match="later"):
        watch.once()
    del double.refusals[2]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(polling, "_SHARE", -1)
        assert watch.once() == (["One"], True)
    double.refusals[3] = "NO [INUSE] later"
    assert watch.once() == (["Two"], True)
    with pytest.raises(StepError, match="later"):
        watch.once()
    double.refusals.clear()
    assert watch() == ["Three"]


def test_a_slow_mail_leaves_those_behind_it_to_the_next_poll(
    double: ImapServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(polling, "_SHARE", -1)
    watch = Watch(account(double), start="with_existing")
    deliver(double, "One", "Two", "Three")
    assert [watch.once() for _ in range(4)] == [(["One"], True), (["Two"], True), (["Three"], False), ([], False)]


def test_of_a_large_mail_the_beginning_is_given(double: ImapServer) -> None:
    watch = Watch(account(double), start="with_existing")
    message = mail("Large", text="What matters")
    message.add_attachment(b"x" * 2**20, maintype="application", subtype="x", filename="large.bin")
    double.deliver(source(message))
    assert watch() == ["Large"]
    (data,) = watch.items
    assert (data["truncated"], data["text"], data["attachments"][0]["incomplete"]) == (True, "What matters\n", True)


@pytest.mark.parametrize("command", ["AUTHENTICATE", "EXAMINE", "UID SEARCH", "UID FETCH"])
def test_a_connection_that_was_dropped_silently_loses_no_mail(double: ImapServer, monkeypatch: pytest.MonkeyPatch, command: str) -> None:  # fmt: skip
    monkeypatch.setattr(client, "TIMEOUT", 0.1)
    watch = Watch(account(double))
    watch()
    deliver(double, "One", "Two")
    double.silent.add(command)
    with pytest.raises(StepError, match="did not respond in time"):
        watch()
    double.silent.clear()
    assert watch() == ["One", "Two"]
    assert watch() == []
