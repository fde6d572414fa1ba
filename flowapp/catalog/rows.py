"""Rows of a form that explain themselves: what one with these settings does, and an example of it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple, Protocol

from pydantic import BaseModel

from flowapp.catalog.context import StepContext


class Example(NamedTuple):
    """Set as `settings` say, a row makes `result` of `data`."""

    data: object
    settings: dict[str, object]
    result: object


class RowHelp(NamedTuple):
    """What a row does. `settings` are those that choose it; `label` and `help` are English msgids."""

    settings: dict[str, str]
    label: str
    help: str
    example: Example

    @property
    def row(self) -> dict[str, object]:
        """The example's row, whole."""
        return {**self.settings, **self.example.settings}


class SampleFunction(Protocol):
    """Makes an example of validated params; it reaches nothing."""

    def __call__(self, ctx: StepContext, params: Any, /) -> object: ...


class RowSamples(NamedTuple):
    """What the rows of a step's params work on: `given`, of params whose expressions were evaluated, is there before them.

    `made` is what validated params' rows make of it, one after the other, without what comes after them; None: nothing.
    """

    given: Callable[[StepContext, Mapping[str, object]], object]
    made: SampleFunction | None = None


class ExplainedRow(BaseModel):
    """A row model that can say what a row of it does."""

    @classmethod
    def explained(cls, row: Mapping[str, object]) -> RowHelp | None:
        """None: nothing can be said of it, as it is filled in now."""
        del row
        return None
