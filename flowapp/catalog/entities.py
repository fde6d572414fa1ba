"""Entities: what a contact, a deal or a company looks like in expressions. The room that owns the noun declares it.

An execution may be about one (its contact, the entity of its trigger): the engine then reads it anew, through the
declaration, whenever it takes the execution up. What has no `read` reaches expressions through inputs and events only.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from sqlalchemy import Connection
    from sqlalchemy.orm import Session

View = dict[str, object]
# The entity that `executions.contact_id` names: the person whom an execution is about.
CONTACT = "contact"


@dataclass(frozen=True, slots=True)
class Entity:
    """`name` is its name in expressions, in events (`contact.updated`) and as an execution's entity type.

    `aliases` are other names of the same thing, `flat` further names with the field that each stands for (None: given by
    events only). `label` is a msgid, `sample` what it may look like, both for the picker. `read` gives the entity of an
    organization as it is now, None where it is not there (any more). `leads_to`: other entities that are known with it,
    each by the field that holds its id. `own`: the fields that an organization defined, each with what it may look like.
    """

    name: str
    label: str
    aliases: tuple[str, ...] = ()
    flat: Mapping[str, str | None] = field(default_factory=dict)
    sample: Mapping[str, object] = field(default_factory=dict)
    read: Callable[[Connection, str, str], View | None] | None = None
    leads_to: Mapping[str, str] = field(default_factory=dict)
    own: Callable[[Session], View] | None = None

    def names(self, view: View) -> View:
        """The names under which expressions find it: nested and flat."""
        return {
            **dict.fromkeys((self.name, *self.aliases), view),
            **{name: view[of] for name, of in self.flat.items() if of is not None},
        }


ENTITIES: dict[str, Entity] = {}
# By name in expressions: the other names of the same thing.
SYNONYMS: dict[str, tuple[str, ...]] = {}


def entity(declared: Entity) -> Entity:
    """Declares what a noun looks like in expressions."""
    ENTITIES[declared.name] = declared
    same = (declared.name, *declared.aliases)
    SYNONYMS.update({name: tuple(other for other in same if other != name) for name in same})
    return declared


def find(name: str) -> Entity | None:
    """The entity of that name, or with that alias; None where there is none."""
    return next((one for one in ENTITIES.values() if name in (one.name, *one.aliases)), None)


def read_all(connection: Connection, organization_id: str, about: Sequence[tuple[str, str]]) -> dict[str, View]:
    """The views of what the (name, id) of `about` mean, by name, and of what they lead to; what was deleted is not there."""
    views: dict[str, View] = {}
    waiting = list(about)
    while waiting:
        name, entity_id = waiting.pop(0)
        one = find(name)
        if one is None or one.read is None or one.name in views:
            continue
        if (view := one.read(connection, organization_id, entity_id)) is not None:
            views[one.name] = view
            waiting += [(other, str(view[by])) for other, by in one.leads_to.items() if view.get(by)]
    return views


def known_names() -> frozenset[str]:
    """Every name that an entity may have in an expression."""
    return frozenset(name for one in ENTITIES.values() for name in (one.name, *one.aliases, *one.flat))


# What becomes of everything that names a contact (a company, a deal …) when that one goes.


@dataclass(frozen=True, slots=True)
class Departure:
    """What became of a record. `into` is the id of the record that it was merged into."""

    what: Literal["merged", "deleted", "erased"]
    noun: str
    id: str
    name: str = ""
    into: str = ""


Follower = Callable[["Session", Departure], None]
FOLLOWERS: list[Follower] = []


def follows_contact(follower: Follower) -> Follower:
    """Declares what happens to the rows of a room, in the caller's transaction."""
    FOLLOWERS.append(follower)
    return follower


def follow(session: Session, departure: Departure) -> None:
    """Has everything follow."""
    for follower in FOLLOWERS:
        follower(session, departure)
