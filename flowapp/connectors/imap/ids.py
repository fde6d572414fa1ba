"""How steps name a mail: by its UID, and by what the UID belongs to (RFC 3501, 2.3.1.1)."""

from __future__ import annotations

import re
from typing import NamedTuple

from flowapp.connectors.imap.client import MailboxState
from flowapp.errors import StepError
from flowapp.texts import say

_ID = re.compile(r"(?:(\d{1,10}):)?(\d{1,10})")
_LARGEST = 2**32 - 1


class MailId(NamedTuple):
    """`str()` gives the id that steps pass on."""

    validity: int
    uid: int

    def __str__(self) -> str:
        return mail_id(self.validity, self.uid)


def mail_id(validity: int, uid: int) -> str:
    """The id that steps pass on."""
    return f"{validity}:{uid}"


def uid_of(given: str, box: MailboxState) -> MailId:
    """The mail that is meant. StepError where the id is none, or of another mailbox or time: it would be another mail."""
    found = _ID.fullmatch(given.strip())
    uid = int(found[2]) if found else 0
    if found is None or not 0 < uid <= _LARGEST:
        message = say("“%(given)s” is no id of a mail. Use the id that the trigger or the step “Search mails” gave.",
                      given=given[:100])  # fmt: skip
        raise StepError(message, permanent=True)
    if found[1] and int(found[1]) != box.validity:
        raise StepError(
            say("The id “%(given)s” is not of the mailbox “%(mailbox)s” as it is now. Search for the mail again.",
                given=given[:100], mailbox=box.name),
            permanent=True,
        )  # fmt: skip
    return MailId(box.validity, uid)
