"""Which record somebody means, by what they say of it: its id, its number, an address, a name."""

from __future__ import annotations

from sqlalchemy import select
from sqlalchemy.orm import Session

from flowapp.catalog import N_
from flowapp.catalog.resources import Choice, Choices, resource
from flowapp.crm.search.found import found_by
from flowapp.crm.steps.nouns import ALIASES, NOUNS, named
from flowapp.errors import InvalidError, NotFoundError, UnknownReferenceError
from flowapp.models.crm.base import Owned, Sourced
from flowapp.texts import say

MOST = 50  # records that are offered; others are typed
SHOWN = 5  # of several that are meant


def entity(session: Session, kind: str, reference: str, path: str) -> tuple[str, str]:
    """(type, id) of what an execution is about; a type that is not the CRM's stays as it is written.

    UnknownReferenceError at `path` where there is no such record.
    """
    noun = ALIASES.get(kind.strip().lower(), kind.strip().lower())
    if noun not in NOUNS or not reference:
        return kind, reference
    try:
        return noun, named(noun).find(session, reference).id
    except NotFoundError as error:
        raise UnknownReferenceError.at(path, error.message) from None


def chosen(session: Session, noun: str, reference: str) -> Sourced:
    """The record of a person's choice, who may also say words of its name. NotFoundError; InvalidError where several have them."""
    one, wanted = named(noun), reference.strip()
    try:
        return one.find(session, wanted)
    except NotFoundError as error:
        known = select(one.model).where(one.model.deleted_at.is_(None), *found_by(one.model, wanted))
        found = session.scalars(known.order_by(one.model.id.desc()).limit(SHOWN + 1)).all() if wanted else []
        if not found:
            raise error from None
    if len(found) > 1:
        some = ", ".join(f"{title(noun, row)} ({_value(row)})" for row in found[:SHOWN])
        several = say("Several are found: %(some)s. Enter what stands in brackets.", some=some)
        raise InvalidError.at("record", several)
    return found[0]


def title(noun: str, row: Sourced) -> str:
    """What a record is called."""
    view = named(noun).view(row)
    return str(view.get("name") or view.get("title") or view.get("text") or row.id)[:100]


def _value(row: Sourced) -> str:
    return str(row.number) if isinstance(row, Owned) and row.number else row.id


def _declare(noun: str) -> None:
    @resource(noun, missing=N_("Nothing is found under “%(name)s”.%(near)s"))
    def newest(session: Session, _project_id: str) -> Choices:
        model = named(noun).model
        rows = session.scalars(select(model).where(model.deleted_at.is_(None)).order_by(model.id.desc()).limit(MOST))
        return [Choice(_value(row), title(noun, row), (row.id,)) for row in rows]


for _noun in NOUNS:
    _declare(_noun)
