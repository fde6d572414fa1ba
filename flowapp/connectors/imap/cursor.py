"""Where a trigger goes on, and by what it knows the mails it has seen if a mailbox gives them other UIDs."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields

from flowapp.connectors.imap.answers import MailAnswer
from flowapp.connectors.imap.message import read_head
from flowapp.connectors.imap.server import Server

REMEMBERED = 1000  # mails
_DIGITS = 12  # hexadecimal, of a hash


@dataclass(slots=True)
class Cursor:
    """`uid`: the last one that was looked at. `queue`: UIDs below it that are still to be given. `seen`: a mark of each mail
    that was there, oldest first; `since`: of those that arrived from this second on, 0 where of all.
    """

    account: str
    validity: int
    uid: int = 0
    queue: list[int] = field(default_factory=list)
    seen: list[str] = field(default_factory=list)
    since: int = 0

    @classmethod
    def read(cls, value: object, account: str) -> Cursor | None:
        """None where it is of another account, or of none. What another release has written besides counts for nothing."""
        if not isinstance(value, Mapping) or value.get("account") != account:
            return None
        return cls(**{one.name: value[one.name] for one in fields(cls) if one.name in value})

    def written(self) -> dict[str, object]:
        """As JSON."""
        return asdict(self)

    def see(self, mail: MailAnswer) -> None:
        """A mail was there."""
        self.seen.append(f"{mark_of(mail)} {arrived(mail)}")
        forgotten = self.seen[:-REMEMBERED]
        if forgotten:
            del self.seen[:-REMEMBERED]
            self.since = max(self.since, *(int(entry.partition(" ")[2]) + 1 for entry in forgotten))

    def marks(self) -> list[str]:
        """Those of the mails that were there."""
        return [entry.partition(" ")[0] for entry in self.seen]

    def may_be_new(self, mail: MailAnswer) -> bool:
        """Whether a mail without a mark may have arrived since the marks were taken."""
        return not self.since or not mail.received or arrived(mail) >= self.since


def mark_of(mail: MailAnswer) -> str:
    """By which a mail is known whatever its UID: its Message-ID, else when it arrived and how large it is."""
    name = str(read_head(mail.content)["message_id"]) or f"{arrived(mail)} {mail.size}"
    return hashlib.sha256(name.encode()).hexdigest()[:_DIGITS]


def account_of(server: Server) -> str:
    """A mark of the account: another one has other mails under the same UIDs."""
    return hashlib.sha256(f"{server.username}@{server.host}".encode()).hexdigest()[:_DIGITS]


def arrived(mail: MailAnswer) -> int:
    """When, as Unix time; 0 where the server does not say."""
    return int(mail.received.timestamp()) if mail.received else 0
