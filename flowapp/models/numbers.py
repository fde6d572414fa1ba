"""Numbers beside ids: workflow 1, form 2, contact 3, counted in each organization and taken wherever an id is."""

from __future__ import annotations

from typing import Any, TypeVar, cast

from sqlalchemy import Connection, ForeignKey, Index, String, Table, event, select
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Mapped, Mapper, Session, mapped_column

from flowapp.models.base import Base, Id, Tenant, read_id

LAST_DIGITS = 9  # a longer number is nobody's, and no integer of the database


class Counter(Tenant, Base):
    """The last number that was given to a noun (by the name of its table) of an organization."""

    __tablename__ = "counters"

    organization_id: Mapped[str] = mapped_column(
        Id, ForeignKey("organizations.id", ondelete="CASCADE"), primary_key=True, sort_order=-10
    )
    noun: Mapped[str] = mapped_column(String(64), primary_key=True)
    last: Mapped[int]


class Numbered(Tenant):
    """A row with a number. Empty only where the release before made it: its next change gives it one."""

    number: Mapped[int | None]


Noun = TypeVar("Noun", bound=Numbered)


def by_number(table: str) -> Index:
    """The index of every numbered table: no two rows of an organization share a number."""
    return Index(f"ix_{table}_organization_id_number", "organization_id", "number", unique=True)


def read_number(text: str) -> int | None:
    """The number that a text is; None where it is none."""
    return int(text) if text.isascii() and text.isdecimal() and len(text) <= LAST_DIGITS else None


def by_reference(session: Session, model: type[Noun], reference: str) -> Noun | None:
    """The session's row with that id or number; None where there is none."""
    if (number := read_number(reference)) is not None:
        return session.scalars(select(model).where(model.number == number)).one_or_none()
    known = read_id(reference)
    return session.get(model, known) if known else None


def id_of(session: Session, model: type[Noun], reference: str) -> str | None:
    """The id of the row with that id or number: of an id itself, whether there is such a row or not."""
    if (number := read_number(reference)) is None:
        return read_id(reference)
    return session.scalar(select(cast(Any, model).id).where(model.number == number))


@event.listens_for(Numbered, "before_insert", propagate=True)
@event.listens_for(Numbered, "before_update", propagate=True)
def _give(_mapper: Mapper[Any], connection: Connection, row: Numbered) -> None:
    if row.number is None:
        row.number = take(connection, row.organization_id, cast(Any, row).__tablename__)


def take(connection: Connection, organization_id: str, noun: str, count: int = 1) -> int:
    """Gives out `count` numbers of a noun, and returns the last of them. Others wait until this is committed."""
    insert = (sqlite if connection.dialect.name == "sqlite" else postgresql).insert(cast(Table, Counter.__table__))
    counters = Counter.__table__.c
    statement = (
        insert.values(organization_id=organization_id, noun=noun, last=count)
        .on_conflict_do_update(index_elements=["organization_id", "noun"], set_={"last": counters.last + count})
        .returning(counters.last)
    )
    return int(connection.execute(statement).scalar_one())
