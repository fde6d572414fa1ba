"""Resources: what the organization has and parameters name, such as a stage, a data table or a member.

The room that owns the noun declares each with @resource; a parameter says which one it names (`ui`'s `resource`). Forms
then offer the choices, and a draft with a name that does not exist says so.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from flowapp.catalog.context import AccessTokens, IntegrationHandle
from flowapp.catalog.outgoing import Http
from flowapp.values.text import folded

if TYPE_CHECKING:
    from sqlalchemy.orm import Session


@dataclass(frozen=True, slots=True)
class Choice:
    """`value` is what is stored where this is chosen; `also` are the other names by which it may be called.

    `kind` is its type, where a parameter may want those of one type only.
    """

    value: str
    label: str
    also: tuple[str, ...] = ()
    kind: str = ""


Choices = Sequence[Choice]
MOST_OFFERED = 1000  # choices of one field that are fetched from a service
# Lists the choices in a session of the organization, for a workflow of the project.
Listing = Callable[["Session", str], Choices]


@dataclass(frozen=True, slots=True)
class Resource:
    """`missing` is the msgid for a name that nothing has, with %(name)s, and %(near)s for the nearest one.

    `knows` looks a name up, where the choices are not all there is or have more names than they can list.
    """

    name: str
    missing: str
    choices: Listing
    knows: Callable[[Session, str, str], bool] | None = None


RESOURCES: dict[str, Resource] = {}


def resource(
    name: str, *, missing: str, knows: Callable[[Session, str, str], bool] | None = None
) -> Callable[[Listing], Listing]:
    """Declares a resource; the decorated function lists its choices."""

    def register(listing: Listing) -> Listing:
        RESOURCES[name] = Resource(name, missing, listing, knows)
        return listing

    return register


@dataclass(frozen=True, slots=True)
class Offered:
    """What a service has to choose from, and whether there is more than was fetched."""

    choices: Choices
    more: bool = False


@dataclass(frozen=True, slots=True)
class OptionsContext:
    """What may be used to ask a service, under the names that StepContext has for it."""

    http: Http
    integration_used: Callable[[str], AbstractContextManager[None]]
    access_token: AccessTokens
    timeout: float


Load = Callable[[OptionsContext, IntegrationHandle, Mapping[str, object]], Offered]


@dataclass(frozen=True, slots=True)
class FieldOptions:
    """A field whose choices a service gives when somebody looks for them: its channels, its spreadsheets.

    `needs`: the fields, with their labels, that must be filled in first; `load` takes their values. StepError where the
    service refuses.
    """

    needs: Mapping[str, str]
    load: Load


class Lookup(Protocol):
    """The resources of one project."""

    def choices(self, name: str) -> Choices:
        """What there is to choose from; nothing of a resource that nobody declared."""
        ...

    def has(self, name: str, wanted: str) -> bool:
        """Whether something is called so, in any case."""
        ...


class ProjectLookup:
    """The same from the database, each resource read when it is first asked for."""

    def __init__(self, session: Session, project_id: str) -> None:
        self._session, self._project_id = session, project_id
        self._read: dict[str, Choices] = {}
        self._names: dict[str, frozenset[str]] = {}

    def choices(self, name: str) -> Choices:
        if name not in self._read:
            known = RESOURCES.get(name)
            self._read[name] = known.choices(self._session, self._project_id) if known else ()
        return self._read[name]

    def has(self, name: str, wanted: str) -> bool:
        known = RESOURCES[name]
        if name not in self._names:
            self._names[name] = frozenset(called for one in self.choices(name) for called in names_of(one))
        if as_name(wanted) in self._names[name]:
            return True
        return known.knows is not None and known.knows(self._session, self._project_id, wanted)


def is_among(choices: Choices, wanted: str) -> bool:
    """Whether one of the choices is called so, in any case."""
    name = as_name(wanted)
    return any(name in names_of(one) for one in choices)


def names_of(choice: Choice) -> Iterator[str]:
    """What it is called, as names are compared."""
    return map(folded, (choice.value, *choice.also))


def as_name(wanted: str) -> str:
    """The name that somebody entered, as names are compared."""
    return folded(wanted.strip())
