"""The names by which people call tables, schemas and forms. Imports little: helper processes need it too."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Protocol, TypeVar

from flowapp.texts import say


class Named(Protocol):
    """A thing with these three names."""

    @property
    def id(self) -> str: ...

    @property
    def slug(self) -> str: ...

    @property
    def name(self) -> str: ...


Thing = TypeVar("Thing", bound=Named)


def find(things: Iterable[Thing], name: str) -> Thing | None:
    """The one called `name`, by slug first, then by name, id or number, in any case."""
    wanted = name.strip().casefold()
    rows = list(things)
    for field in ("slug", "name", "id", "number"):
        for row in rows:
            if str(getattr(row, field, "")).casefold() == wanted:
                return row
    return None


def suggestion(name: str, known_names: Iterable[str]) -> str:
    """What is near to `name`, else what there is; one sentence with a space before it, or nothing."""
    from flowapp.engine.language.validation_messages import nearest  # only who errs pays for it

    names = sorted(known_names)
    if near := nearest(name, names):
        return near
    return say(" Available: %(names)s.", names=", ".join(names[:20])) if names else ""
