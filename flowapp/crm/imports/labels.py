"""Tags and lists of many records at once."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import select
from sqlalchemy.orm import Session

from flowapp import events
from flowapp.crm import tags
from flowapp.crm.imports.rows import SERVICES, UNCHANGED, UPDATED, Row
from flowapp.crm.writing import Record, touch
from flowapp.events import Cause
from flowapp.models import Contact, ContactList, ListMember, Tag, Tagging

Pair = tuple[Record, Tag]


def add(session: Session, rows: Sequence[Row], *, cause: Cause) -> None:
    """Adds what the rows name. A record that changed by nothing else is changed by that."""
    names = dict.fromkeys(name for row in rows for name in row.tags)
    known = {name: tags.ensure(session, name) for name in names}
    pairs = [(row.record, known[name]) for row in rows for name in row.tags if row.record is not None]
    changed = {record.id for record, _ in add_tags(session, pairs, cause=cause)}
    places = [(row.record, one) for row in rows for one in row.lists if isinstance(row.record, Contact)]
    changed |= {contact.id for contact, _ in add_to_lists(session, places, cause=cause)}
    for row in rows:
        if row.outcome == UNCHANGED and row.record is not None and row.record.id in changed:
            touch(row.record)
            row.outcome = UPDATED


def add_tags(session: Session, pairs: Sequence[Pair], *, cause: Cause) -> list[Pair]:
    """Gives each record (all of one noun) its tag; those that did not have it. Each records its event."""
    if not pairs:
        return []
    noun, column = tags.OF[type(pairs[0][0])]
    theirs = column.in_([record.id for record, _ in pairs]), Tagging.tag_id.in_({tag.id for _, tag in pairs})
    known = {(row[0], row[1]) for row in session.execute(select(column, Tagging.tag_id).where(*theirs))}
    new = {(record.id, tag.id): (record, tag) for record, tag in pairs if (record.id, tag.id) not in known}
    session.add_all(Tagging(tag_id=tag.id, **{column.key: record.id}) for record, tag in new.values())
    for record, tag in new.values():
        told = {**SERVICES[noun].payload(record), "tag": tag.name, "tag_id": tag.id}
        events.record(session, f"{noun}.tag_added", entity=(noun, record.id), payload=told, cause=cause)
    session.flush()
    return list(new.values())


def add_to_lists(
    session: Session, places: Sequence[tuple[Contact, ContactList]], *, cause: Cause
) -> list[tuple[Contact, ContactList]]:
    """Puts each contact into its list; those that were not in it. Each records its event."""
    if not places:
        return []
    mine = (
        ListMember.contact_id.in_([contact.id for contact, _ in places]),
        ListMember.list_id.in_({one.id for _, one in places}),
    )
    known = {
        (row[0], row[1]) for row in session.execute(select(ListMember.contact_id, ListMember.list_id).where(*mine))
    }
    new = {(contact.id, one.id): (contact, one) for contact, one in places if (contact.id, one.id) not in known}
    session.add_all(ListMember(list_id=one.id, contact_id=contact.id) for contact, one in new.values())
    for contact, one in new.values():
        told = {**SERVICES["contact"].payload(contact), "list": one.name, "list_slug": one.slug, "list_id": one.id}
        events.record(session, "contact.list_added", entity=("contact", contact.id), payload=told, cause=cause)
    session.flush()
    return list(new.values())
