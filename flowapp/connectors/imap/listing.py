"""The mailboxes of an account (RFC 3501, 7.2.2)."""

from __future__ import annotations

import re

from flowapp.connectors.imap.client import Session
from flowapp.connectors.imap.names import LONGEST, decoded
from flowapp.texts import say

MOST = 1000
_ENTRY = re.compile(rb'\(([^)]*)\) (?:"((?:[^"\\]|\\.)*)"|NIL) ?(.*)', re.DOTALL | re.IGNORECASE)
_QUOTED = re.compile(rb'"((?:[^"\\]|\\.)*)"', re.DOTALL)
_ESCAPED = re.compile(rb"\\(.)")
_LITERAL = re.compile(rb"\{\d+\}$")
# What a mailbox is for (RFC 6154).
_USES = ("all", "archive", "drafts", "flagged", "junk", "sent", "trash")


def mailboxes(session: Session) -> list[dict[str, object]]:
    """Those that hold mails and have a name that steps can use, at most MOST, with what they are for where the server says it."""
    answer, said = session.list('""', "*")
    if answer != "OK":
        raise session.server.refused(say("it refused to list the mailboxes"), said)
    found = [made for entry in said if entry and (made := _mailbox(entry))]
    return found[:MOST]


def _mailbox(entry: bytes | tuple[bytes, bytes]) -> dict[str, object] | None:
    text, literal = (_LITERAL.sub(b"", entry[0]), entry[1]) if isinstance(entry, tuple) else (entry, b"")
    read = _ENTRY.fullmatch(text)
    written = read[3] if read else b""
    inside = _QUOTED.fullmatch(written)
    name = literal or (_ESCAPED.sub(rb"\1", inside[1]) if inside else written)
    flags = {flag.strip("\\").lower() for flag in read[1].decode("ascii", "replace").split()} if read else set()
    if not name or "noselect" in flags or "nonexistent" in flags:
        return None
    readable = decoded(name)
    if len(readable) > LONGEST:
        return None
    use = "inbox" if name.upper() == b"INBOX" else next((use for use in _USES if use in flags), "")
    return {"name": readable, "use": use}
