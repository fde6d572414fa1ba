"""Tags: each is there once, shown as it was first written; contacts, companies and deals have them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import cast

from sqlalchemy import delete, func, select
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import InstrumentedAttribute, Session

from flowapp import events
from flowapp.crm import companies, contacts, deals, reading
from flowapp.crm.writing import Record, save, touch, touch_together
from flowapp.errors import InvalidError, NotFoundError, UnsuitableError
from flowapp.events import Cause
from flowapp.models import Company, Contact, Deal, Tag, Tagging, iso, new_id, read_id, utcnow
from flowapp.texts import say
from flowapp.values.text import folded

MAX_NAME = 100
AT_ONCE = 100
OF: Mapping[type[Record], tuple[str, InstrumentedAttribute[str | None]]] = {
    Contact: (contacts.NOUN, Tagging.contact_id),
    Company: (companies.NOUN, Tagging.company_id),
    Deal: (deals.NOUN, Tagging.deal_id),
}


def key_of(name: str) -> str:
    """What tells tags apart: R&D is r&d."""
    return folded(name)


def clean(value: object, path: str = "name") -> str:
    """A tag's name as it is written; InvalidError for none, or a long one."""
    name = " ".join(reading.plain_text(value, path).split())
    if not 0 < len(name) <= MAX_NAME:
        raise InvalidError.at(path, say("Enter a tag of at most %(max)s characters.", max=MAX_NAME))
    return name


def get(session: Session, tag_id: str) -> Tag:
    """The tag with that id or name. NotFoundError where there is none."""
    known = read_id(tag_id)
    tag = session.get(Tag, known) if known else _by_name(session, tag_id)
    if tag is None:
        raise NotFoundError(say("There is no such tag."))
    return tag


def create(session: Session, name: object) -> Tag:
    """A new tag. UnsuitableError where there is one of this name, in any case."""
    tag = Tag(name=(text := clean(name)), key=key_of(text))
    save(session, tag, ("name", say("There is a tag with this name.")))
    return tag


def rename(session: Session, tag: Tag, name: object) -> Tag:
    """Another name, or the same in another case."""
    tag.name = clean(name)
    tag.key = key_of(tag.name)
    save(session, tag, ("name", say("There is a tag with this name.")))
    return tag


def remove(session: Session, tag: Tag) -> None:
    """Deletes the tag, from every record too."""
    session.delete(tag)
    session.flush()


def of(session: Session, record: Record) -> list[str]:
    """The record's tags, as they are written."""
    column = OF[type(record)][1]
    names = select(Tag.name).join(Tagging, Tagging.tag_id == Tag.id).where(column == record.id)
    return list(session.scalars(names.order_by(Tag.key)))


def of_many(session: Session, model: type[Record], ids: Sequence[str]) -> dict[str, list[str]]:
    """The tags of many records of a kind, by id."""
    column = OF[model][1]
    pairs = select(column, Tag.name).join(Tag, Tagging.tag_id == Tag.id).where(column.in_(ids)).order_by(Tag.key)
    found: dict[str, list[str]] = {}
    for record_id, name in session.execute(pairs):
        found.setdefault(str(record_id), []).append(name)
    return found


def add(session: Session, record: Record, names: Iterable[object], *, cause: Cause) -> list[str]:
    """Adds the tags that the record does not have; those that were added. Each records an event, as contact.tag_added."""
    noun, column = OF[type(record)]
    added = []
    for tag in _tags(session, names):
        known = select(Tagging.id).where(Tagging.tag_id == tag.id, column == record.id)
        if session.scalar(known) is None and _is_new(session, Tagging(tag_id=tag.id, **{column.key: record.id})):
            _record(session, f"{noun}.tag_added", record, tag, cause)
            added.append(tag.name)
    return added


def take(session: Session, record: Record, names: Iterable[object], *, cause: Cause) -> list[str]:
    """Takes tags away; those that the record had. Each records an event, as contact.tag_removed."""
    noun, column = OF[type(record)]
    taken = []
    own = select(Tag).join(Tagging, Tagging.tag_id == Tag.id).where(column == record.id)
    known = {tag.key: tag for tag in session.scalars(own)}
    for key in dict.fromkeys(key_of(clean(name, "tags")) for name in names):
        if (tag := known.get(key)) is None:
            continue
        gone = session.execute(delete(Tagging).where(Tagging.tag_id == tag.id, column == record.id))
        if getattr(gone, "rowcount", 0):
            _record(session, f"{noun}.tag_removed", record, tag, cause)
            taken.append(tag.name)
    return taken


def add_together(session: Session, records: Sequence[Record], name: str, *, cause: Cause) -> list[Record]:
    """Adds one tag to records of one kind that the caller has locked; those that did not have it, each with its event."""
    if not records:
        return []
    noun, column = OF[type(records[0])]
    tag = ensure(session, clean(name, "tags"))
    insert = (sqlite if session.get_bind().dialect.name == "sqlite" else postgresql).insert(Tagging)
    once = insert.on_conflict_do_nothing(index_elements=["tag_id", column.key]).returning(column)
    rows = [
        {"id": new_id(), "organization_id": one.organization_id, "tag_id": tag.id, column.key: one.id, "created_at": utcnow()}
        for one in records
    ]  # fmt: skip
    new = set(session.scalars(once, rows))
    return _told_together(session, f"{noun}.tag_added", [one for one in records if one.id in new], tag, cause)


def take_together(session: Session, records: Sequence[Record], name: str, *, cause: Cause) -> list[Record]:
    """Takes one tag from records of one kind that the caller has locked; those that had it, each with its event."""
    tag = _by_name(session, clean(name, "tags"))
    if tag is None or not records:
        return []
    noun, column = OF[type(records[0])]
    gone = delete(Tagging).where(Tagging.tag_id == tag.id, column.in_([one.id for one in records])).returning(column)
    had = set(session.scalars(gone.execution_options(synchronize_session=False)))
    return _told_together(session, f"{noun}.tag_removed", [one for one in records if one.id in had], tag, cause)


def _told_together(session: Session, kind: str, records: list[Record], tag: Tag, cause: Cause) -> list[Record]:
    if records:
        touch_together(session, type(records[0]), [one.id for one in records])
        told = [(one.id, {**_payload(one), "tag": tag.name, "tag_id": tag.id}) for one in records]
        events.record_many(session, kind, told, cause=cause, entity_type=OF[type(records[0])][0])
    return records


def put(session: Session, record: Record, names: Iterable[object], *, cause: Cause) -> None:
    """Gives the record exactly these tags."""
    wanted = [clean(name, "tags") for name in names]
    keys = {key_of(name) for name in wanted}
    take(session, record, [name for name in of(session, record) if key_of(name) not in keys], cause=cause)
    add(session, record, wanted, cause=cause)


def counts(session: Session, ids: Sequence[str]) -> dict[str, int]:
    """How many records have each of these tags."""
    rows = select(Tagging.tag_id, func.count(Tagging.id)).where(Tagging.tag_id.in_(ids)).group_by(Tagging.tag_id)
    return {row[0]: row[1] for row in session.execute(rows)}


def tag_json(tag: Tag, count: int = 0) -> dict[str, object]:
    """The tag as answers print it; `count`: how many records have it."""
    return {
        "id": tag.id, "name": tag.name, "count": count, "created_at": iso(tag.created_at), "updated_at": iso(tag.updated_at),
    }  # fmt: skip


def _by_name(session: Session, name: str) -> Tag | None:
    return session.scalar(select(Tag).where(Tag.key == key_of(" ".join(name.split()))))


def _tags(session: Session, names: Iterable[object]) -> list[Tag]:
    """The tags of these names, each once; those that are not there yet are made."""
    texts: dict[str, str] = {}
    for name in names:
        text = clean(name, "tags")
        texts.setdefault(key_of(text), text)
    if len(texts) > AT_ONCE:
        raise InvalidError.at("tags", say("Give at most %(max)s tags at once.", max=AT_ONCE))
    return [ensure(session, text) for text in texts.values()]


def ensure(session: Session, text: str) -> Tag:
    """The tag of that name (as `clean` gives it), made where there is none yet."""
    if (tag := _by_name(session, text)) is None:
        _is_new(session, Tag(name=text, key=key_of(text)))
        tag = _by_name(session, text)
    if tag is None:  # deleted in the same moment
        raise NotFoundError(say("There is no such tag."))
    return tag


def _is_new(session: Session, row: Tag | Tagging) -> bool:
    """Writes the row; False where somebody else has just written the same."""
    try:
        save(session, row)
    except UnsuitableError:
        return False
    return True


def _record(session: Session, kind: str, record: Record, tag: Tag, cause: Cause) -> None:
    touch(record)
    noun = OF[type(record)][0]
    told = {**_payload(record), "tag": tag.name, "tag_id": tag.id}
    events.record(session, kind, entity=(noun, record.id), payload=told, cause=cause)


def _payload(record: Record) -> dict[str, object]:
    if isinstance(record, Contact):
        return contacts.payload(record)
    return deals.payload(record) if isinstance(record, Deal) else companies.payload(cast(Company, record))
