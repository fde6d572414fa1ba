"""The trigger “New mail”: by UID, which a server counts upwards for as long as UIDVALIDITY stays the same (RFC 3501, 2.3.1.1)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from time import monotonic

from flowapp.catalog import Item, PollContext, Polled
from flowapp.connectors.imap import search
from flowapp.connectors.imap.actions import about
from flowapp.connectors.imap.answers import MailAnswer, fetch
from flowapp.connectors.imap.client import MailboxState, Session, opened
from flowapp.connectors.imap.cursor import REMEMBERED, Cursor, account_of, mark_of
from flowapp.connectors.imap.message import read_mail
from flowapp.connectors.imap.server import in_words, server_of
from flowapp.connectors.runner import Service
from flowapp.errors import StepError

PAGE = 25  # mails of one poll
WINDOW = 5000  # UIDs that are looked through at once
REBUILT = 2000  # mails that are looked through where UIDs have changed
_MOST = 2**20  # bytes of a mail
_MARK = "HEADER.FIELDS (MESSAGE-ID)"
_MOST_OF_MARK = 2000  # bytes
_SHARE = 0.5  # of a poll's time, after which it takes no further mail: those behind a slow one come with the next poll

Values = Mapping[str, object]


def new_mail(ctx: PollContext, service: Service, values: Values, cursor: object) -> Polled:
    """The mails that have arrived since the cursor, oldest first."""
    until = monotonic() + ctx.timeout * _SHARE
    server = server_of(service, ctx.connect, ctx.timeout)
    with service.used(service.handle.id), opened(server) as session:
        box = session.use(str(values["mailbox"]))
        known = Cursor.read(cursor, account_of(server))
        if known is None:
            known = Cursor(account_of(server), box.validity)
            if values.get("start") != "with_existing":
                return Polled([], _from_now(session, box, values, known, ctx.now()).written())
        elif known.validity != box.validity:
            _find_again(session, box, values, known)
        if known.queue:
            return _give_queue(session, known, until)
        return _give_following(session, box, values, known, until)


def _from_now(session: Session, box: MailboxState, values: Values, known: Cursor, now: datetime) -> Cursor:
    """Behind all that is there."""
    first = max(0, box.following - 1 - WINDOW)
    uids = search.mails(session, values, above=first)
    if first or len(uids) > REMEMBERED:
        known.since = int(now.timestamp())
    for mail in fetch(session, uids[-REMEMBERED:], _MARK, _MOST_OF_MARK):
        known.see(mail)
    known.uid = _last(box, uids)
    return known


def _find_again(session: Session, box: MailboxState, values: Values, known: Cursor) -> None:
    """UIDVALIDITY changed, so every UID is another one: the mails without a mark are new, and come first."""
    since = {"since": _day_before(known.since)} if known.since else {}
    uids = search.mails(session, {**values, **since})
    seen = Counter(known.marks())
    for mail in fetch(session, uids[-REBUILT:], _MARK, _MOST_OF_MARK):
        mark = mark_of(mail)
        if seen[mark]:
            seen[mark] -= 1
        elif known.may_be_new(mail):
            known.queue.append(mail.uid)
    known.validity, known.uid = box.validity, _last(box, uids)


def _give_queue(session: Session, known: Cursor, until: float) -> Polled:
    items, last = _items(session, known, known.queue, until)
    known.queue = [uid for uid in known.queue if uid > last]
    return Polled(items, known.written(), more=True)


def _give_following(session: Session, box: MailboxState, values: Values, known: Cursor, until: float) -> Polled:
    end, uids = known.uid + WINDOW, list[int]()
    if end < box.following - 1:  # a large mailbox: a part of it at a time, unless that part is empty
        uids = search.mails(session, values, above=known.uid, up_to=end)
    if not uids:
        uids = search.mails(session, values, above=known.uid)
        end = max(known.uid, _last(box, uids))
    items, last = _items(session, known, uids, until)
    known.uid = last if uids and last < uids[-1] else end
    return Polled(items, known.written(), more=known.uid < max(end, box.following - 1))


def _items(session: Session, known: Cursor, uids: list[int], until: float) -> tuple[list[Item], int]:
    """The next of them, and the last UID that was dealt with. The mails before a failure are given: it counts when the
    next poll begins with it.
    """
    page, last = uids[:PAGE], 0
    items: list[Item] = []
    try:
        with in_words(session.server, lambda: False):
            for mail in fetch(session, page, "", _MOST, 1):
                items.append(_item(mail, known))
                known.see(mail)
                last = mail.uid
                if monotonic() > until:
                    return items, last
    except StepError:
        if not items:
            raise
        return items, last
    return items, page[-1] if page else 0


def _item(mail: MailAnswer, known: Cursor) -> Item:
    found = about(mail, known.validity, read_mail(mail.content, whole=mail.whole))
    return Item(f"{known.account}:{known.validity}:{mail.uid}", {**found, "truncated": not mail.whole})


def _last(box: MailboxState, uids: list[int]) -> int:
    """The last UID that the mailbox has given so far."""
    return max([box.following - 1, 0, *uids[-1:]])


def _day_before(second: int) -> str:
    """A day that surely is before: servers compare days in the zone in which a mail arrived."""
    return (datetime.fromtimestamp(second, UTC) - timedelta(days=1)).date().isoformat()
