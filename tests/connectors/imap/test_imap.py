"""The connector `imap`: what steps do with mails, on every server that conftest.py knows."""

from __future__ import annotations

import base64
from contextlib import nullcontext
from datetime import UTC, datetime, timedelta
from email.message import EmailMessage
from types import SimpleNamespace
from typing import Any

import pytest

from flowapp.catalog import ACTIONS, CONNECTORS, integration_action
from flowapp.catalog.resources import OptionsContext
from flowapp.errors import EgressError, StepError
from flowapp.security.egress import SafeHttp
from tests.actions.conftest import Bench, FreeCalls
from tests.connectors.imap.conftest import account, bench

FOLDER = "Entwürfe & Ideen"


def mail(subject: str = "Order 1024", sender: str = "Ann Smith <ann@example.com>", text: str = "Hello", **headers: str) -> EmailMessage:  # fmt: skip
    made = EmailMessage()
    made["From"], made["To"], made["Subject"] = sender, "shop@example.com", subject
    made["Date"], made["Message-ID"] = "Sat, 31 Jan 2026 10:30:00 +0100", f"<{subject.encode().hex()}@example.com>"
    for name, value in headers.items():
        made[name.replace("_", "-")] = value
    made.set_content(text)
    return made


def source(message: EmailMessage) -> bytes:
    return message.as_bytes().replace(b"\n", b"\r\n")


def fails(run: Bench, action: str, told: str, **params: Any) -> StepError:
    with pytest.raises(StepError, match=told) as caught:
        run(action, **params)
    return caught.value


def test_mails_are_found_the_newest_first(server: Any, run: Bench) -> None:
    for number in range(1, 4):
        server.deliver(source(mail(f"Order {number}")))
    done: Any = run("imap_search_mails", most=2)
    assert [one["subject"] for one in done.result["mails"]] == ["Order 3", "Order 2"]
    assert (done.result["count"], done.result["more"], done.result["first"]) == (2, True, done.result["mails"][0])
    assert "more than 2 mails" in run.lines[0][1]
    first = done.result["first"]
    assert {name: first[name] for name in ("from", "from_name", "from_email", "to", "date", "message_id", "is_read", "reply_to")} == {
        "from": '"Ann Smith" <ann@example.com>', "from_name": "Ann Smith", "from_email": "ann@example.com",
        "to": ["shop@example.com"], "date": "2026-01-31T09:30:00+00:00", "message_id": f"<{b'Order 3'.hex()}@example.com>",
        "is_read": False, "reply_to": "ann@example.com",
    }  # fmt: skip
    assert datetime.now(UTC) - datetime.fromisoformat(first["received_at"]) < timedelta(minutes=5)
    assert run.used == ["1"], "each call is counted"


@pytest.mark.parametrize(
    ("criteria", "found"),
    [
        ({}, ["Über 3", "Two", 'Say "1"']),
        ({"from": "BOB"}, ["Two"]),
        ({"to": "shop@"}, ["Über 3", "Two", 'Say "1"']),
        ({"subject": 'say "1"'}, ['Say "1"']),
        ({"subject": "über"}, ["Über 3"]),
        ({"subject": "über", "from": "bob"}, []),
        ({"text": "parcel"}, ["Two"]),
        ({"since": "2026-02-01", "before": "2026-03-02"}, ["Two"]),
        ({"since": "2026-03-02T08:00:00+00:00"}, ["Über 3"]),
        ({"state": "unread"}, ["Über 3", 'Say "1"']),
        ({"state": "read"}, ["Two"]),
        ({"state": "flagged"}, []),
    ],
)
def test_mails_are_found_by_fields(server: Any, run: Bench, criteria: dict[str, str], found: list[str]) -> None:
    server.deliver(source(mail('Say "1"')), received=datetime(2026, 1, 31, 12, tzinfo=UTC))
    second = server.deliver(
        source(mail("Two", "Bob <bob@example.com>", "Where is my parcel?")),
        received=datetime(2026, 3, 1, 12, tzinfo=UTC),
    )
    server.deliver(source(mail("Über 3")), received=datetime(2026, 3, 2, 12, tzinfo=UTC))
    run("imap_mark_mail", mail=str(second))
    done: Any = run("imap_search_mails", **criteria)
    assert [one["subject"] for one in done.result["mails"]] == found


@pytest.mark.parametrize(
    ("params", "told"),
    [
        ({"from": 'x"\r\nA1 DELETE INBOX'}, "one line"),
        ({"subject": "x\0"}, "one line"),
        ({"since": "1-Jan-2026 OR ALL"}, "must be a date"),
        ({"mailbox": "INBOX\r\nA1 DELETE Archive"}, "Enter the name of a mailbox"),
        ({"mailbox": 'In"box'}, "In.box.* cannot be opened"),
        ({"mailbox": "Nowhere"}, "“Nowhere” cannot be opened"),
        ({"mailbox": "In*"}, "cannot be opened"),
    ],
)  # fmt: skip
def test_a_value_never_becomes_a_command(server: Any, run: Bench, params: dict[str, str], told: str) -> None:
    server.deliver(source(mail()))
    assert fails(run, "imap_search_mails", told, **params).permanent
    assert len(server.mails()) == 1


@pytest.mark.parametrize("evil", ['" ALL "', "\\", '\\" ALL', "{5}", "{5+}", "ALL)", "UID 1:*", "%", "* 1 FETCH"])
def test_what_looks_like_a_command_is_searched_for(server: Any, run: Bench, evil: str) -> None:
    server.deliver(source(mail("Other")))
    server.deliver(source(mail(f"Has {evil} in it")))
    done: Any = run("imap_search_mails", subject=evil)
    assert [one["subject"] for one in done.result["mails"]] == [f"Has {evil} in it"]


def test_a_mail_is_read_with_its_attachments(server: Any, run: Bench) -> None:
    message = mail("Grüße 🎉", "Jürgen Müller <j@example.com>", "Schöne Grüße\n", Cc="Zoë <z@example.com>, b@example.com", Reply_To="desk@example.com", In_Reply_To="<1@x>")  # fmt: skip
    message.add_alternative("<p>Schöne Grüße</p>", subtype="html")
    message.add_attachment(b"%PDF", maintype="application", subtype="pdf", filename="Rechnung für März.pdf")
    message.add_attachment(mail("Inner"), filename="inner.eml")
    uid = server.deliver(source(message))
    listed: Any = run("imap_search_mails")
    done: Any = run("imap_read_mail", mail=listed.result["first"]["id"])
    read = done.result
    assert (read["subject"], read["from"], read["cc"]) == (
        "Grüße 🎉", '"Jürgen Müller" <j@example.com>', ['"Zoë" <z@example.com>', "b@example.com"],
    )  # fmt: skip
    assert (read["reply_to"], read["in_reply_to"], read["uid"]) == ("desk@example.com", "<1@x>", uid)
    assert (read["text"], read["html"]) == ("Schöne Grüße\n", "<p>Schöne Grüße</p>\n")
    pdf, inner = read["attachments"]
    assert pdf == {
        "filename": "Rechnung für März.pdf",
        "content_type": "application/pdf",
        "size": 4,
        "base64": "JVBERg==",
    }
    assert (inner["filename"], inner["content_type"]) == ("inner.eml", "message/rfc822")
    assert b"Subject: Inner" in base64.b64decode(inner["base64"])
    assert read.keys() == ACTIONS["imap_read_mail"].sample.keys()
    assert not server.mails()[0][1], "reading does not mark it"


def test_a_mail_is_read_without_files_and_marked(server: Any, run: Bench) -> None:
    message = mail()
    message.add_attachment(b"%PDF", maintype="application", subtype="pdf", filename="a.pdf")
    uid = server.deliver(source(message))
    done: Any = run("imap_read_mail", mail=str(uid), attachments=False, mark_as_read=True)
    assert done.result["attachments"] == [{"filename": "a.pdf", "content_type": "application/pdf", "size": 4}]
    assert server.mails() == [(uid, {"\\Seen"})]


def test_of_a_large_mail_the_rest_is_not_read(server: Any, run: Bench) -> None:
    message = mail(text="What matters")
    message.add_attachment(b"small", maintype="application", subtype="x", filename="small.bin")
    message.add_attachment(b"x" * 2**20, maintype="application", subtype="x", filename="large.bin")
    uid = server.deliver(source(message))
    done: Any = run("imap_read_mail", mail=str(uid), maximum_size=1)
    small, large = done.result["attachments"]
    assert (done.result["text"], done.result["truncated"]) == ("What matters\n", True)
    assert base64.b64decode(small["base64"]) == b"small"
    assert large["incomplete"] is True
    assert "base64" not in large, "half a file is none"
    assert "larger than 1 MiB" in run.lines[0][1]


def test_mails_are_marked(server: Any, run: Bench) -> None:
    uid = server.deliver(source(mail()))
    for mark, flags in (
        ("read", {"\\Seen"}),
        ("flagged", {"\\Seen", "\\Flagged"}),
        ("unread", {"\\Flagged"}),
        ("unflagged", set()),
    ):
        run("imap_mark_mail", mail=str(uid), mark=mark)
        assert server.mails() == [(uid, flags)]


def test_mails_are_moved_and_copied(server: Any, run: Bench) -> None:
    first, second = (server.deliver(source(mail(name))) for name in ("One", "Two"))
    moved: Any = run("imap_move_mail", mail=str(first), to_mailbox=FOLDER)
    copied: Any = run("imap_copy_mail", mail=str(second), to_mailbox="Archive")
    assert [uid for uid, _ in server.mails()] == [second]
    for done, folder, name in ((moved, FOLDER, "One"), (copied, "Archive", "Two")):
        there: Any = run("imap_read_mail", mail=done.result["id"], mailbox=folder)
        assert (there.result["subject"], done.result["mailbox"]) == (name, folder)
    assert fails(run, "imap_move_mail", "There is no mail", mail=str(first), to_mailbox="Archive").permanent
    assert fails(run, "imap_copy_mail", "refused to copy the mail", mail=str(second), to_mailbox="Nowhere").permanent


def test_a_mail_is_deleted_alone(server: Any, run: Bench) -> None:
    """Another that somebody marked as deleted stays."""
    first, second = (server.deliver(source(mail(name))) for name in ("One", "Two"))
    server.flag(second, "\\Deleted")
    done: Any = run("imap_delete_mail", mail=str(first))
    again: Any = run("imap_delete_mail", mail=str(first))
    assert (done.result["deleted"], again.result["deleted"]) == (True, False)
    assert server.mails() == [(second, {"\\Deleted"})]


@pytest.mark.parametrize("given", ["x", "1 2", "0", "99999999999", "1:*", "1,2", "5:1"])
def test_an_id_that_is_none(server: Any, run: Bench, given: str) -> None:
    server.deliver(source(mail()))
    error = fails(run, "imap_delete_mail", "is no id of a mail|Search for the mail again", mail=given)
    assert error.permanent
    assert len(server.mails()) == 1


def test_an_id_of_another_time_is_refused(server: Any, run: Bench) -> None:
    """After UIDVALIDITY changed the same UID is another mail."""
    server.deliver(source(mail("One")))
    listed: Any = run("imap_search_mails")
    server.rebuild()
    assert fails(run, "imap_delete_mail", "Search for the mail again", mail=listed.result["first"]["id"]).permanent
    assert len(server.mails()) == 1


def test_mailboxes_are_listed(run: Bench) -> None:
    done: Any = run("imap_list_mailboxes")
    assert sorted(done.result["mailboxes"], key=lambda one: one["name"]) == [
        {"name": "Archive", "use": "archive"},
        {"name": FOLDER, "use": ""},
        {"name": "INBOX", "use": "inbox"},
    ]
    assert done.result["count"] == 3


def test_the_connection_is_tested(server: Any) -> None:
    server.deliver(source(mail()))
    spec, handle = CONNECTORS["imap"], account(server)
    context = SimpleNamespace(http=SafeHttp(("127.0.0.1",)))
    told = str(spec.test(*spec.read(handle.config, handle.credentials), context))
    assert told == "Signed in to 127.0.0.1. Unread mails in the inbox: 1."
    with pytest.raises(StepError, match="refused the user name or password") as caught:
        spec.test(*spec.read(handle.config, {"password": "wrong"}), context)
    assert caught.value.permanent


@pytest.mark.parametrize("field", ["imap_search_mails mailbox", "imap_move_mail to_mailbox", "imap_new_mail mailbox"])
def test_mailboxes_can_be_chosen_in_forms(server: Any, field: str) -> None:
    step_type, _, name = field.partition(" ")
    context = OptionsContext(SafeHttp(("127.0.0.1",)), lambda _id: nullcontext(), lambda _handle, _refused="": "", 10.0)
    offered = CONNECTORS["imap"].options[step_type][name].load(context, account(server), {})
    assert {choice.value for choice in offered.choices} == {"INBOX", "Archive", FOLDER}


def test_private_hosts_are_refused(server: Any) -> None:
    for host in ("169.254.169.254", "10.0.0.1", "127.0.0.1", "::1"):
        with pytest.raises(EgressError, match="is not public"):
            bench(account(server, host=host), "192.0.2.1")("imap_list_mailboxes")


@pytest.mark.parametrize(
    ("name", "meant"), [("", "search_mails"), ("read", "read_mail"), ("Move", "move_mail"), ("delete", "delete_mail")]
)
def test_the_names_of_its_actions(name: str, meant: str) -> None:
    assert integration_action(CONNECTORS["imap"], name).type == f"imap_{meant}"


def test_a_simulation_reaches_nothing(server: Any) -> None:
    run = bench(account(server, host="192.0.2.1"))
    run.connect, run.calls = None, FreeCalls(assumed=True)
    for name, params in (
        ("search_mails", {}),
        ("read_mail", {"mail": "1"}),
        ("mark_mail", {"mail": "1"}),
        ("move_mail", {"mail": "1", "to_mailbox": "Archive"}),
        ("copy_mail", {"mail": "1", "to_mailbox": "Archive"}),
        ("delete_mail", {"mail": "1"}),
        ("list_mailboxes", {}),
    ):
        done: Any = run(f"imap_{name}", **params)
        assert done.result == ACTIONS[f"imap_{name}"].sample
