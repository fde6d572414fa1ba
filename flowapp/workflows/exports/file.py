"""The file: {"workflows": [{"id", …}], "tables": […], "schemas": […], "forms": […], …}. One workflow alone is read as well.

What else workflows use goes along, by a part for each kind of thing; rooms above declare theirs in PARTS.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Literal

from sqlalchemy import select
from sqlalchemy.orm import Session

from flowapp.data import forms, schemas, tables
from flowapp.errors import InvalidError, Problem
from flowapp.models import DataTable, EmailTemplate, Form, Schema
from flowapp.texts import say

Mode = Literal["replace", "copy"]
Body = Mapping[str, object]
Thing = DataTable | EmailTemplate | Form | Schema


@dataclass(frozen=True, slots=True)
class Part:
    """What a thing is made of, beside its slug (never what people entered), and the service that makes one.

    `lists` is the field that is a list of objects.
    """

    model: type[Thing]
    names: tuple[str, ...]
    create: Callable[..., Thing]
    lists: str = ""


PARTS: dict[str, Part] = {
    "tables": Part(DataTable, ("name", "description", "columns"), tables.create, "columns"),
    "schemas": Part(Schema, ("name", "rules", "json_schema"), schemas.create, "rules"),
    "forms": Part(
        Form, ("name", "title", "intro", "submit_label", "thanks", "locale", "fields"), forms.create, "fields"
    ),
}
MAX_ENTRIES = 1000


@dataclass(frozen=True, slots=True)
class File:
    """What a file holds; `things` by the name of their part."""

    workflows: list[Body]
    things: dict[str, list[Body]]


def things(session: Session, part: str) -> list[Thing]:
    """All that the organization has of a part."""
    model = PARTS[part].model
    return list(session.scalars(select(model).order_by(model.id)))


def read_file(data: object) -> File:
    """The file that a JSON value is. InvalidError where it is none."""
    if not isinstance(data, dict):
        raise InvalidError.at("", say("This is no exported workflow: a JSON object is expected."))
    if "workflows" not in data:
        return File([data], {part: [] for part in PARTS})
    problems = [
        Problem(name[:100], say("There is no part “%(name)s” in a file of workflows.", name=name[:100]))
        for name in data.keys() - PARTS.keys() - {"workflows"}
    ]
    if problems:
        raise InvalidError(problems)
    found = {part: _entries(data, part) for part in PARTS}
    for part, bodies in found.items():
        name = PARTS[part].lists
        for at, body in enumerate(bodies):
            if name and body.get(name) is not None:
                with inside(part, at):
                    _entries(body, name)
    return File(_entries(data, "workflows"), found)


def _entries(data: Mapping[str, object], part: str) -> list[Body]:
    entries = data.get(part, [])
    if not isinstance(entries, list) or not all(isinstance(entry, dict) for entry in entries):
        raise InvalidError.at(part, say("Enter a list of objects."))
    if len(entries) > MAX_ENTRIES:
        raise InvalidError.at(part, say("A file can hold at most %(limit)s of them.", limit=MAX_ENTRIES))
    return entries


@contextmanager
def inside(part: str, at: int) -> Iterator[None]:
    """The problems of an entry are told at its place in the file."""
    try:
        yield
    except InvalidError as error:
        path = f"{part}.{at}"
        raise type(error)(
            [Problem(f"{path}.{p.path}" if p.path else path, p.message, p.step_id, p.code) for p in error.problems]
        ) from None
