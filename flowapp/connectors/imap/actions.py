"""What steps do with the mails of a mailbox."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Protocol, cast

from flowapp.catalog import StepContext
from flowapp.connectors.imap import listing, search
from flowapp.connectors.imap.answers import MailAnswer, fetch
from flowapp.connectors.imap.client import Session, opened
from flowapp.connectors.imap.ids import MailId, mail_id, uid_of
from flowapp.connectors.imap.message import read_head, read_mail
from flowapp.connectors.imap.names import mailbox_argument
from flowapp.connectors.imap.server import Connect, Server, server_of, words
from flowapp.connectors.imap.words import iso
from flowapp.connectors.runner import Service
from flowapp.errors import StepError
from flowapp.texts import say

Values = Mapping[str, object]
Result = dict[str, object]
MIB = 2**20
_PATIENCE = 20.0  # seconds that a person waits
_HEAD = "HEADER.FIELDS (FROM SENDER TO CC REPLY-TO SUBJECT DATE MESSAGE-ID IN-REPLY-TO)"
_MOST_OF_HEAD = 32 * 2**10  # bytes of each mail in a list
_SET = {"read": ("+FLAGS", "\\Seen"), "unread": ("-FLAGS", "\\Seen"), "flagged": ("+FLAGS", "\\Flagged"), "unflagged": ("-FLAGS", "\\Flagged")}  # fmt: skip


class _Guard(Protocol):
    connect: Connect


def search_mails(ctx: StepContext, service: Service, values: Values) -> Result:
    """The newest mails that fit, without their texts."""
    most = cast(int, values["most"])
    with _conversation(ctx, service) as session:
        box = session.use(str(values["mailbox"]))
        uids = search.mails(session, values)
        newest = uids[: -most - 1 : -1]
        found = [
            about(one, box.validity, read_head(one.content)) for one in fetch(session, newest, _HEAD, _MOST_OF_HEAD)
        ]
    if more := len(uids) > most:
        ctx.log(say("There are more than %(most)s mails; the rest was not fetched.", most=most), "warning")
    return {"mails": found, "count": len(found), "more": more, "first": found[0] if found else None}


def fetch_mail(ctx: StepContext, service: Service, values: Values) -> Result:
    """One mail with its texts, and its attachments as files."""
    most = cast(int, values["maximum_size"]) * MIB
    with _mail(ctx, service, values, writable=bool(values["mark_as_read"])) as (session, mail):
        one = next(fetch(session, [mail.uid], "", most), None)
        if one is None or one.failed:
            raise StepError(one.failed if one else _gone(values).message, permanent=True)
        if values["mark_as_read"]:
            session.ask(say("mark the mail"), "STORE", str(mail.uid), "+FLAGS.SILENT", "(\\Seen)")
    read = read_mail(one.content, whole=one.whole, files=bool(values["attachments"]))
    if not one.whole:
        ctx.log(say("The mail is larger than %(most)s MiB; the rest was not read.", most=most // MIB), "warning")
    return {**about(one, mail.validity, read), "truncated": not one.whole}


def mark_mail(ctx: StepContext, service: Service, values: Values) -> Result:
    """Sets a mark of a mail, or takes it away."""
    change, flag = _SET[str(values["mark"])]
    with _mail(ctx, service, values, writable=True) as (session, mail):
        session.ask(say("mark the mail"), "STORE", str(mail.uid), f"{change}.SILENT", f"({flag})")
    return {"id": str(mail), "mark": values["mark"]}


def move_mail(ctx: StepContext, service: Service, values: Values) -> Result:
    """Puts a mail into another mailbox."""
    target = mailbox_argument(str(values["to_mailbox"]))
    with _mail(ctx, service, values, writable=True) as (session, mail):
        if "MOVE" in session.capabilities:
            session.ask(say("move the mail"), "MOVE", str(mail.uid), target)
            return {"id": _copied(session), "mailbox": values["to_mailbox"]}
        _needs_uidplus(session, say("move the mail"))
        session.ask(say("move the mail"), "COPY", str(mail.uid), target)
        copied = _copied(session)
        _remove(session, mail.uid)
    return {"id": copied, "mailbox": values["to_mailbox"]}


def copy_mail(ctx: StepContext, service: Service, values: Values) -> Result:
    """Puts a copy of a mail into another mailbox."""
    target = mailbox_argument(str(values["to_mailbox"]))
    with _mail(ctx, service, values, writable=False) as (session, mail):
        session.ask(say("copy the mail"), "COPY", str(mail.uid), target)
        return {"id": _copied(session), "mailbox": values["to_mailbox"]}


def delete_mail(ctx: StepContext, service: Service, values: Values) -> Result:
    """Deletes a mail for good; one that is not there any more is deleted."""
    with _conversation(ctx, service) as session:
        box = session.use(str(values["mailbox"]), writable=True)
        mail = uid_of(str(values["mail"]), box)
        there = bool(search.has(session, mail.uid))
        if there:
            _needs_uidplus(session, say("delete the mail"))
            _remove(session, mail.uid)
    return {"id": str(mail), "deleted": there}


def list_mailboxes(ctx: StepContext, service: Service, _values: Values) -> Result:
    """The mailboxes of the account."""
    with _conversation(ctx, service) as session:
        found = listing.mailboxes(session)
    return {"mailboxes": found, "count": len(found)}


def mailbox_choices(service: Service, _values: Values) -> list[tuple[str, str]]:
    """The names of the mailboxes, for forms."""
    with service.used(service.handle.id), opened(_server(service, service.http)) as session:
        names = [str(one["name"]) for one in listing.mailboxes(session)]
    return [(name, name) for name in names]


def try_out(service: Service, context: object) -> str:
    """Signs in, and opens the inbox."""
    server = _server(service, context.http)  # type: ignore[attr-defined] # what a test is given
    with opened(server) as session:
        session.use("INBOX")
        waiting = len(search.mails(session, {"state": "unread"}))
    return say("Signed in to %(host)s. Unread mails in the inbox: %(count)s.", host=server.host, count=waiting)


def _server(service: Service, http: object) -> Server:
    """The server, for what a person waits for."""
    guard: _Guard = http.guard  # type: ignore[attr-defined] # every Http of the product has one
    return server_of(service, guard.connect, most=_PATIENCE)


def about(one: MailAnswer, validity: int, read: Result) -> Result:
    """What is known of a mail, as steps see it."""
    return {
        **read,
        "id": mail_id(validity, one.uid),
        "uid": one.uid,
        "received_at": iso(one.received),
        "is_read": "\\seen" in one.flags,
        "is_flagged": "\\flagged" in one.flags,
        "size": one.size,
        **({"problem": one.failed} if one.failed else {}),
    }


@contextmanager
def _conversation(ctx: StepContext, service: Service) -> Iterator[Session]:
    server = server_of(service, ctx.connect, ctx.timeout)
    with service.used(service.handle.id), opened(server) as session:
        yield session


@contextmanager
def _mail(ctx: StepContext, service: Service, values: Values, *, writable: bool) -> Iterator[tuple[Session, MailId]]:
    """A conversation in which the mail is there. StepError where it is not."""
    with _conversation(ctx, service) as session:
        mail = uid_of(str(values["mail"]), session.use(str(values["mailbox"]), writable=writable))
        if not search.has(session, mail.uid):
            raise _gone(values)
        yield session, mail


def _gone(values: Values) -> StepError:
    message = say("There is no mail “%(mail)s” in “%(mailbox)s”: it was moved or deleted.",
                  mail=str(values["mail"])[:100], mailbox=values["mailbox"])  # fmt: skip
    return StepError(message, permanent=True)


def _copied(session: Session) -> str:
    """The id of the mail in its new place; empty where the server does not say (RFC 4315)."""
    _, said = session.response("COPYUID")
    parts = words(said).split() if said[-1] else []
    return mail_id(int(parts[0]), int(parts[2])) if len(parts) == 3 and parts[2].isdigit() else ""


def _needs_uidplus(session: Session, did: str) -> None:
    """Without it (RFC 4315) a server can only remove all mails at once that somebody marked as deleted."""
    if "UIDPLUS" not in session.capabilities:
        message = say("The mail server cannot %(action)s alone (it lacks UIDPLUS).", action=did)
        raise StepError(message, permanent=True)


def _remove(session: Session, uid: int) -> None:
    session.ask(say("delete the mail"), "STORE", str(uid), "+FLAGS.SILENT", "(\\Deleted)")
    session.ask(say("delete the mail"), "EXPUNGE", str(uid))
