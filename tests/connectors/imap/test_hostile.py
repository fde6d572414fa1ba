"""The connector `imap` at servers that fail, stay silent, flood or lie."""

from __future__ import annotations

import threading
import time
from pathlib import Path
from typing import Any

import pytest

from flowapp.catalog import CONNECTORS, open_integration
from flowapp.connectors.imap import client, server
from flowapp.errors import EgressError, StepError
from flowapp.integrations.service import check
from tests.actions.conftest import Bench
from tests.connectors.imap.conftest import account, bench
from tests.connectors.imap.test_imap import fails, mail, source
from tests.security.test_egress import self_signed
from tests.support.servers.imap import Folder, ImapServer

HUGE = b"* 1 FETCH (UID 1 FLAGS () RFC822.SIZE 9 BODY[]<0> {%d}\r\n"


@pytest.fixture
def at(double: ImapServer) -> Bench:
    double.deliver(source(mail()))
    return bench(account(double))


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(client, "TIMEOUT", 0.1)


@pytest.mark.usefixtures("impatient")
@pytest.mark.parametrize("command", ["CAPABILITY", "AUTHENTICATE", "EXAMINE", "UID SEARCH", "UID FETCH"])
def test_a_server_that_stays_silent_is_left(at: Bench, double: ImapServer, command: str) -> None:
    """As where a socket was dropped and nobody said so."""
    double.silent.add(command)
    began = time.monotonic()
    error = fails(at, "imap_search_mails", "did not respond in time")
    assert time.monotonic() - began < 5
    assert not error.permanent


def test_a_server_that_answers_drop_by_drop_is_left(at: Bench, double: ImapServer, monkeypatch: pytest.MonkeyPatch) -> None:  # fmt: skip
    """Each byte comes in time, the whole never."""
    monkeypatch.setattr(server, "WITHIN", 0.3)
    stop = threading.Event()

    def drops(self: Any, name: str) -> bytes:
        del name
        while not stop.wait(0.02):
            self.say(b"* OK\r\n")
        return b""

    monkeypatch.setattr("tests.support.servers.imap._Handler.examine", drops)
    try:
        assert not fails(at, "imap_search_mails", "did not respond in time").permanent
    finally:
        stop.set()


@pytest.mark.parametrize(
    ("command", "answer", "told"),
    [
        ("UID FETCH", HUGE % 10**12, "sends more than was asked for"),
        ("UID FETCH", HUGE % 40_000, "sends more than was asked for"),
        ("UID FETCH", b"* 1 FETCH (BODY {%s}\r\n" % (b"9" * 5000), "not answer as an IMAP server"),
        ("UID FETCH", b"* 1 FETCH (UID 1 BODY[] {20}\r\nshort", "connection was lost"),
        ("UID SEARCH", b"* SEARCH " + b"1 " * 100_000, "sends more than was asked for"),
        ("UID SEARCH", b"* OK\r\n" * 2_001, "sends more than was asked for"),
        ("UID SEARCH", (b"* OK " + b"x" * 65536 + b"\r\n") * 20, "sends more than was asked for"),
        ("UID SEARCH", b"", "connection was lost"),
        ("UID SEARCH", b"* BYE going down\r\n", "connection was lost"),
        ("UID SEARCH", b"HTTP/1.1 400 Bad Request\r\n", "connection was lost"),
        ("UID SEARCH", b"TAG BAD what\r\n", "BAD"),
        ("UID SEARCH", b"TAG NO [INUSE] later\r\n", "refused to search the mailbox"),
        ("EXAMINE", b"* OK [UIDVALIDITY x] y\r\nTAG OK done\r\n", "not answer as an IMAP server"),
        ("CAPABILITY", b"* CAPABILITY {3}\r\nabc\r\nTAG OK done\r\n", "not answer as an IMAP|not IMAP4"),
        ("greeting", b"\xff\xfe\0\r\n", "connection was lost"),
        ("greeting", b"* BYE no\r\n", "BYE no|connection was lost"),
    ],
)
def test_what_is_no_answer_fails_in_words(
    at: Bench, double: ImapServer, monkeypatch: pytest.MonkeyPatch, command: str, answer: bytes, told: str
) -> None:
    monkeypatch.setattr(client, "MAX_LINE", 100_000)
    monkeypatch.setattr(client, "MAX_LINES", 2_000)
    monkeypatch.setattr(client, "MAX_SAID", 2**20)
    double.raw[command] = answer
    error = fails(at, "imap_search_mails", told)
    assert not error.permanent
    assert double.password not in str(error.message)


def test_a_mail_that_the_server_cannot_give_hides_no_others(double: ImapServer) -> None:
    for number in range(4):
        double.deliver(source(mail(f"Order {number}")))
    double.broken = {2}
    done: Any = bench(account(double))("imap_search_mails")
    assert [one["subject"] for one in done.result["mails"]] == ["Order 3", "Order 2", "", "Order 0"]
    assert "Internal error occurred" in done.result["mails"][2]["problem"]
    error = fails(bench(account(double)), "imap_read_mail", "Internal error occurred", mail="2")
    assert error.permanent


def test_mailboxes_whose_names_no_step_could_use_are_left_out(at: Bench, double: ImapServer) -> None:
    double.folders |= {"x" * 500: Folder(), "x" * 501: Folder(), "ü" * 60_000: Folder()}
    found: Any = at("imap_list_mailboxes").result["mailboxes"]  # type: ignore[union-attr]
    assert [len(one["name"]) for one in found][-2:] == [16, 500]


def test_a_command_that_is_answered_with_bad_changed_nothing(at: Bench, double: ImapServer) -> None:
    double.raw["UID MOVE"] = b"TAG BAD Server Unavailable. 15\r\n"
    error = fails(at, "imap_move_mail", "refused to move the mail .*Server Unavailable", mail="1", to_mailbox="Archive")
    assert not error.details.get("uncertain")
    assert not error.permanent


@pytest.mark.parametrize(("security", "implicit"), [("tls", True), ("starttls", False)])
def test_certificates_are_checked(double: ImapServer, certificates: Path, monkeypatch: pytest.MonkeyPatch, security: str, implicit: bool) -> None:  # fmt: skip
    double.tls, double.implicit = self_signed(certificates), implicit
    handle = account(double, host="localhost", security=security)
    error = fails(bench(handle, "127.0.0.1", "::1"), "imap_list_mailboxes", "certificate is not valid")
    assert double.commands in ([], ["CAPABILITY", "STARTTLS"]), "no password went out"
    assert not error.permanent
    monkeypatch.setenv("SSL_CERT_FILE", str(certificates / "cert.pem"))
    assert bench(handle, "127.0.0.1", "::1")("imap_list_mailboxes").result["count"] == 3  # type: ignore[union-attr]
    wrong = account(double, security=security)
    fails(bench(wrong), "imap_list_mailboxes", "certificate is not valid")


def test_without_the_encryption_that_was_chosen_no_password_goes_out(at: Bench, double: ImapServer) -> None:
    at.integrations["imap"] = account(double, security="starttls")
    assert fails(at, "imap_list_mailboxes", "does not offer encryption").permanent
    assert double.commands == ["CAPABILITY", "STARTTLS"]
    double.raw["greeting"] = b"* PREAUTH signed in already\r\n"
    fails(at, "imap_list_mailboxes", "STARTTLS")
    assert not any("AUTHENTICATE" in one for one in double.commands)


def test_a_password_is_sent_in_the_way_that_the_server_offers(at: Bench, double: ImapServer) -> None:
    double.capabilities.remove("AUTH=PLAIN")
    fails(at, "imap_list_mailboxes", "takes no user name or password with these characters")
    double.password = 'pass "word" \\'
    run = bench(account(double))
    assert run("imap_list_mailboxes").result["count"] == 3  # type: ignore[union-attr]
    double.capabilities.append("LOGINDISABLED")
    assert fails(run, "imap_list_mailboxes", "no password on an unencrypted connection").permanent


@pytest.mark.parametrize("password", ["wrong", 'x"\r\nA1 LOGOUT'])
def test_a_wrong_password_is_permanent_and_not_told(at: Bench, double: ImapServer, password: str) -> None:
    at.integrations["imap"] = account(double, password)
    error = fails(at, "imap_list_mailboxes", "refused the user name or password")
    assert error.permanent
    assert password not in str(error.message)


def test_a_server_that_is_busy_is_asked_again(at: Bench, double: ImapServer) -> None:
    double.raw["AUTHENTICATE"] = b"TAG NO [UNAVAILABLE] try later\r\n"
    assert not fails(at, "imap_list_mailboxes", "try later").permanent


@pytest.mark.usefixtures("impatient")
@pytest.mark.parametrize(
    ("command", "uncertain"),
    [("AUTHENTICATE", False), ("SELECT", False), ("UID SEARCH", False), ("UID MOVE", True), ("UID COPY", True)],
)
def test_only_what_may_have_been_done_is_uncertain(at: Bench, double: ImapServer, command: str, uncertain: bool) -> None:  # fmt: skip
    if command == "UID COPY":
        double.capabilities.remove("MOVE")
    double.silent.add(command)
    error = fails(at, "imap_move_mail", "did not respond in time", mail="1", to_mailbox="Archive")
    assert bool(error.details.get("uncertain")) is uncertain


def test_nobody_waits_for_a_goodbye(at: Bench, double: ImapServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(client, "GOODBYE", 0.05)
    double.silent.add("LOGOUT")
    began = time.monotonic()
    assert at("imap_list_mailboxes").result["count"] == 3  # type: ignore[union-attr]
    assert time.monotonic() - began < 5


def test_without_move_a_mail_is_copied_and_removed(at: Bench, double: ImapServer) -> None:
    double.capabilities.remove("MOVE")
    done: Any = at("imap_move_mail", mail="1", to_mailbox="Archive")
    assert (double.mails(), double.mails("Archive")) == ([], [(1, set())])
    assert done.result["id"] == "1700000000:1"


def test_without_uidplus_nothing_of_others_is_removed(at: Bench, double: ImapServer) -> None:
    double.capabilities = ["IMAP4rev1", "AUTH=PLAIN"]
    for action, params in (("move", {"to_mailbox": "Archive"}), ("delete", {})):
        assert fails(at, f"imap_{action}_mail", "lacks UIDPLUS", mail="1", **params).permanent
    assert (double.mails(), double.mails("Archive")) == ([(1, set())], [])


@pytest.mark.parametrize(
    ("config", "told"),
    [
        ({"host": "/var/run/imap"}, "host"),
        ({"host": "a,b"}, "host"),
        ({"host": "imap://x"}, "host"),
        ({"host": ""}, "host"),
        ({"username": "a\r\nb"}, "username"),
        ({"username": "a\0b"}, "username"),
        ({"security": "ssl"}, "security"),
    ],
)
def test_what_cannot_be_entered(double: ImapServer, config: dict[str, str], told: str) -> None:
    given = {**account(double).config, **config}
    assert [problem.path for problem in check(CONNECTORS["imap"].config, given)] == [told]
    with pytest.raises(StepError, match="cannot be used"):
        open_integration("imap", id="1", name="x", config=given, credentials={"password": "x"})


def test_the_password_goes_to_this_server_only(double: ImapServer) -> None:
    spec, config = CONNECTORS["imap"], account(double).config
    before = spec.destination(spec.config.model_validate(config))
    for changed in ({"host": "mail.example.com"}, {"port": 1}, {"security": "tls"}):
        assert spec.destination(spec.config.model_validate({**config, **changed})) != before


def test_the_address_that_was_judged_is_the_one_that_is_used(at: Bench, double: ImapServer) -> None:
    from flowapp.security.addresses import Guard

    answers = iter([["127.0.0.1"], ["10.0.0.1"]])
    at.connect = Guard(("127.0.0.1",), resolve=lambda _host, _port: next(answers)).connect
    at.integrations["imap"] = account(double, host="imap.example.com")
    assert at("imap_list_mailboxes").result["count"] == 3  # type: ignore[union-attr]
    with pytest.raises(EgressError):
        at("imap_list_mailboxes")


def test_a_port_that_is_none(at: Bench, double: ImapServer) -> None:
    at.integrations["imap"] = account(double, port=70000)
    assert fails(at, "imap_list_mailboxes", "between 1 and 65535").permanent


def test_a_short_password_garbles_no_message(double: ImapServer) -> None:
    reached = server.Server("mail.example.com", 993, "tls", "ann", "p", connect=lambda *_: None)  # type: ignore[arg-type]
    assert "port 993 stopped" in reached.fault("port 993 stopped", permanent=True).message
