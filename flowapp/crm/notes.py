"""Notes: what somebody wrote about a record, with formatting that can do no harm."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from html import escape, unescape
from typing import cast

import nh3
from sqlalchemy import select
from sqlalchemy.orm import Session

from flowapp import events
from flowapp.crm import links, reading
from flowapp.crm.writing import Changes, changed, made_before, save
from flowapp.errors import InvalidError, NotFoundError
from flowapp.events import Cause
from flowapp.models import Member, Note, User, iso, read_id, utcnow
from flowapp.models.crm.activities import NOTE_TYPES
from flowapp.notifications import mentions
from flowapp.records.lock import lock
from flowapp.security.roles import Role
from flowapp.texts import say

NOUN = "note"
FIXED = ("id", "type", "html", "text", "mentions", *links.NAMES)
ALIASES = {**links.ALIASES, "body": "html", "content": "html", "note": "html", "activity_type": "type"}
MAX_HTML = 100_000
_PAGES = {"deal": "deals", "contact": "contacts", "company": "companies"}
_TAGS = {
    "a", "b", "blockquote", "br", "code", "em", "h3", "h4", "i", "li", "ol", "p", "pre", "s", "strong", "u", "ul",
}  # fmt: skip
_BREAKS = re.compile(r"<br ?/?>|</(?:p|li|h3|h4|blockquote|pre)>")
_MENTION = re.compile(r"@([\w.+-]+@[\w.-]+\w|\w+(?:[.-]\w+)*)")


def get(session: Session, note_id: str, *, trashed: bool = False) -> Note:
    """The note of that id; `trashed`: also one in the trash. NotFoundError where there is none."""
    known = read_id(note_id)
    note = session.get(Note, known) if known else None
    if note is None or (note.deleted_at and not trashed):
        raise NotFoundError(say("There is no such note."))
    return note


def create(session: Session, data: Mapping[str, object], *, cause: Cause, source_key: str | None = None) -> Note:
    """A new note; `data` has html (or body; or text, without formatting) and what it is about. Records note.created."""
    if (made := made_before(session, Note, source_key)) is not None:
        return made
    data = named(data)
    note = Note(**reading.read(session, data, READERS), made_by=cause.made_by(), source_key=source_key)
    _set_text(session, note, data, required=True)
    links.refuse_nothing(note)
    save(session, note)
    links.touch_all(session, note)
    _record(session, "note.created", note, {}, cause)
    _tell(session, note, note.mentions, cause)
    return note


def update(session: Session, note: Note, data: Mapping[str, object], *, cause: Cause) -> Note:
    """Changes what `data` names. Records note.updated; nothing changed: no event."""
    lock(session, note)
    data, before = named(data), view(note)
    for name, value in reading.read(session, data, READERS).items():
        setattr(note, name, value)
    _set_text(session, note, data)
    links.refuse_nothing(note)
    if changes := changed(before, view(note)):
        save(session, note)
        _record(session, "note.updated", note, changes, cause)
        _tell(session, note, set(note.mentions) - set(cast(list[str], before["mentions"])), cause)
    return note


def delete(session: Session, note: Note, *, cause: Cause) -> None:
    """Puts it into the trash. Records note.deleted."""
    if not note.deleted_at:
        note.deleted_at = utcnow()
        _record(session, "note.deleted", note, {}, cause)


def restore(session: Session, note: Note, *, cause: Cause) -> Note:
    """Takes it out of the trash. Records note.restored."""
    if note.deleted_at:
        note.deleted_at = None
        _record(session, "note.restored", note, {}, cause)
    return note


def named(data: Mapping[str, object]) -> dict[str, object]:
    """`data` under the names of this service: `body` is the text with its formatting."""
    return {ALIASES.get(name, name): value for name, value in data.items()}


def sanitised(html: str) -> str:
    """The HTML without what could do harm: a few tags, links to pages, addresses and phones."""
    return nh3.clean(
        html, tags=_TAGS, attributes={"a": {"href"}}, url_schemes={"http", "https", "mailto", "tel"},
        link_rel="noopener noreferrer nofollow",
    )  # fmt: skip


def view(note: Note) -> dict[str, object]:
    """The note as events tell it."""
    return {name: getattr(note, name) for name in FIXED}


def note_json(note: Note) -> dict[str, object]:
    """The note as answers, messages and files print it."""
    times = ("created_at", "updated_at", "deleted_at")
    return {**view(note), "made_by": note.made_by, **{name: iso(getattr(note, name)) for name in times}}


def _set_text(session: Session, note: Note, data: Mapping[str, object], *, required: bool = False) -> None:
    if not required and "html" not in data and "text" not in data:
        return
    name = "html" if data.get("html") else "text"
    given = reading.text_of(MAX_HTML, lines=True)(session, data.get(name), name)
    html = str(given) if name == "html" else escape(str(given), quote=False).replace("\n", "<br>")
    note.html = sanitised(html)
    note.text = unescape(nh3.clean(_BREAKS.sub("\n", note.html), tags=set())).strip()
    if not note.text:
        raise InvalidError.at("text", say("Write something."))
    note.mentions = _mentioned(session, note.text)


def _mentioned(session: Session, text: str) -> list[str]:
    """The ids of the members that the text names: @ann@example.com, @ann or @AnnLee."""
    words = {found.lower() for found in _MENTION.findall(text)}
    if not words:
        return []
    people = [member.user for member in session.scalars(select(Member))]
    return [
        user.id
        for user in people
        if words & {user.email, user.email.partition("@")[0], user.name.replace(" ", "").lower()}
    ]


def may_change(note: Note, user_id: str, role: Role) -> bool:
    """Whether a member may change or delete it: their own, admins every one."""
    return role >= Role.ADMIN or (role >= Role.OPERATOR and note.made_by.get("actor_id") == user_id)


def _tell(session: Session, note: Note, user_ids: Iterable[str], cause: Cause) -> None:
    """Whom it mentions anew, but for who wrote it."""
    told = set(user_ids) - {cause.actor_id}
    if told:
        author = session.get(User, cause.actor_id) if cause.actor_id else None
        about = next((noun, key) for noun, key in _about(note) if key)
        link = f"/{_PAGES[about[0]]}/{about[1]}"
        mentions.tell(session, told, author=author.name if author else "", text=note.text, link=link)


def _about(note: Note) -> list[tuple[str, str | None]]:
    return [("deal", note.deal_id), ("contact", note.contact_id), ("company", note.company_id)]


def _record(session: Session, kind: str, note: Note, changes: Changes, cause: Cause) -> None:
    told = {NOUN: view(note), "note_id": note.id, **links.flat(session, note), "changes": changes}
    events.record(session, kind, entity=(NOUN, note.id), payload=told, cause=cause)


READERS: Mapping[str, reading.Reader] = {"type": reading.choice_of(NOTE_TYPES), **links.READERS}
