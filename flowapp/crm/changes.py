"""The same change of many rows at once: which are otherwise then, how each was before, and which cannot be changed."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Generic, TypeVar

from sqlalchemy.orm import Session

from flowapp.crm import fields
from flowapp.crm.writing import Changes, changed, touch
from flowapp.errors import InvalidError
from flowapp.models import Company, Contact, Deal, Task
from flowapp.texts import say

R = TypeVar("R", bound=Contact | Company | Deal | Task)


@dataclass(frozen=True, slots=True)
class ChangedRows(Generic[R]):
    """Those that were changed, each with its changes; those that were not, each with the reason."""

    changed: list[tuple[R, Changes]] = field(default_factory=list)
    refused: list[tuple[R, str]] = field(default_factory=list)


def change_together(
    session: Session,
    rows: Sequence[R],
    put: Callable[[R], None],
    view: Callable[[R], dict[str, object]],
    search_of: Callable[[R], str],
) -> ChangedRows[R]:
    """Has `put` change every row, which is then found by what it is now; InvalidError from `put` leaves that one row as it was."""
    done: ChangedRows[R] = ChangedRows()
    for row in rows:
        before = view(row)
        try:
            put(row)
        except InvalidError as error:
            session.expire(row)
            done.refused.append((row, error.problems[0].message))
            continue
        if changes := changed(before, view(row)):
            row.search = search_of(row)
            if not isinstance(row, Task):
                touch(row)
            done.changed.append((row, changes))
    return done


def put_values(session: Session, noun: str, values: Mapping[str, object], own: object) -> Callable[[R], None]:
    """Gives a row these values and own fields. InvalidError for a field that must be unique: each is changed by itself."""
    _refuse_unique(session, noun, own)
    if own is not None:
        fields.read(session, noun, own, {})

    def put(row: R) -> None:
        if own is not None and not isinstance(row, Task):
            held = fields.read(session, noun, own, row.fields)
            if held != row.fields:
                row.fields = held
        for name, value in values.items():
            setattr(row, name, value)

    return put


def _refuse_unique(session: Session, noun: str, own: object) -> None:
    unique = {one.key: one.label for one in fields.of(session, noun) if one.unique}
    for key in own if isinstance(own, Mapping) else ():
        if key in unique:
            told = say("No two records share a value of “%(field)s”: change each by itself.", field=unique[key])
            raise InvalidError.at(f"fields.{key}", told)
