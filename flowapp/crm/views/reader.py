"""Who asks for a list, and what a field of a list is."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime

from sqlalchemy import SQLColumnExpression
from sqlalchemy.orm import Session

from flowapp.crm import links, owners
from flowapp.errors import NotFoundError
from flowapp.models import conventions_of, read_id, utcnow
from flowapp.records.filters import Context, Kind

Sortable = SQLColumnExpression[object]


@dataclass(frozen=True, slots=True)
class Reader:
    """Whose list it is: `me` is the id of a member, empty where nobody in particular asks.

    `known` are the fields of lists that it has asked for, by noun (fields.of).
    """

    session: Session
    me: str = ""
    known: dict[str, Mapping[str, ListField]] = field(default_factory=dict, compare=False, repr=False)

    @property
    def sqlite(self) -> bool:
        """Which database reads the statement."""
        return self.session.get_bind().dialect.name == "sqlite"

    def context(self, now: datetime | None = None) -> Context:
        """How the organization counts days and writes dates."""
        conventions = conventions_of(self.session)
        return Context(now or utcnow(), str(conventions.zone), lambda: conventions.locale, self.sqlite)

    def member(self, text: str) -> str | None:
        """The id of a member, by id, address or `me`; an id may be of one who has left."""
        if text.lower() == "me":
            return self.me or None
        known = read_id(text)
        user = None if known else owners.find(self.session, text)
        return user.id if user else known

    def record(self, noun: str) -> Callable[[str], str | None]:
        """Finds a record's id by what a person calls it; an id may be of one that is gone."""

        def find(text: str) -> str | None:
            if known := read_id(text):
                return known
            try:
                return links.find(self.session, noun, text).id
            except NotFoundError:
                return None

        return find


@dataclass(frozen=True, slots=True)
class ListField:
    """A field of a list. `type` is one of custom fields, or member, company, stage, tags, lists.

    `own`: an admin defined it; its label and options are texts, those of others msgids. `sort`: what it is sorted by;
    empty: it cannot be. `shown`: it can be a column; `offered`: the form of filters lists it.
    """

    name: str
    label: str
    type: str
    kind: Kind
    options: Mapping[str, str] = field(default_factory=dict)
    target: str = ""
    sort: tuple[Sortable, ...] = ()
    own: bool = False
    shown: bool = True
    offered: bool = True
