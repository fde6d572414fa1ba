"""What every filter declares of itself beside its code, and what filters share."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, NamedTuple, TypeVar

from flowapp.engine.language.values import Number, kind, to_text
from flowapp.errors import ExpressionError
from flowapp.texts import say
from flowapp.values.numbers import plain_number

_UNPAIRED = re.compile("[\ud800-\udfff]")
_LAST_ARGUMENT = re.compile(r"(?:, |(?<=\())'\w*'\)$")

Function = TypeVar("Function", bound=Callable[..., object])
Suits = Literal["text", "number", "boolean", "list", "records", "object", "any"]


class Example(NamedTuple):
    """`value`, through the filter as `usage` writes it, gives `result`."""

    value: object
    usage: str
    result: object

    @property
    def expression(self) -> str:
        """As one writes it in a field."""
        return f"{{{{ {json.dumps(self.value, ensure_ascii=False)} | {self.usage} }}}}"

    @property
    def shown(self) -> str:
        """The result as one reads it."""
        return self.result if isinstance(self.result, str) else json.dumps(self.result, ensure_ascii=False)


@dataclass(frozen=True, slots=True)
class Filter:
    """A filter. `usage` is what one writes after the bar; `label` and `help` are English msgids.

    `suits`: the kinds of value that pickers offer it for; records are a list of objects. `of_entries`: the last argument
    that `usage` writes names a field of each entry. `before`: what it did in the languages 1 and 2, where that was another thing.
    `reads_dates`: it is given `notation`, by which dates are read.
    """

    function: Callable[..., object]
    usage: str
    label: str
    help: str
    example: Example
    suits: tuple[Suits, ...]
    of_entries: bool = False
    before: Callable[..., object] | None = None
    reads_dates: bool = False

    @property
    def plain_usage(self) -> str:
        """For a list of plain values, whose entries have no fields."""
        return _LAST_ARGUMENT.sub(")", self.usage).removesuffix("()") if self.of_entries else self.usage

    def usage_of(self, field: str) -> str:
        """For a list of objects, of each of which it takes that field."""
        return re.sub(r"'\w*'\)$", lambda _: f"{field!r})", self.usage) if self.of_entries else self.usage


FILTERS: dict[str, Filter] = {}


def filter_(
    usage: str,
    label: str,
    help: str,  # noqa: A002 - as in ui()
    *,
    example: tuple[object, str, object],
    suits: tuple[Suits, ...],
    of_entries: bool = False,
    before: Callable[..., object] | None = None,
    reads_dates: bool = False,
) -> Callable[[Function], Function]:
    """Declares the decorated function as a filter."""

    def register(function: Function) -> Function:
        name = re.split(r"\W", usage, maxsplit=1)[0]
        FILTERS[name] = Filter(function, usage, label, help, Example(*example), suits, of_entries, before, reads_dates)
        return function

    return register


def number_of(value: object) -> Number:
    """A number, also one in a text. ExpressionError for anything else."""
    number = plain_number(value)
    if number is None:
        what = f"“{value[:50]}”" if isinstance(value, str) else kind(value)
        raise ExpressionError(say("This needs a number, not %(what)s.", what=what))
    return number


def count(value: object, least: int, most: int) -> int:
    """A whole number within bounds. ExpressionError."""
    number = number_of(value)
    if number != int(number) or not least <= number <= most:
        raise ExpressionError(
            say(
                "A whole number from %(least)s to %(most)s is needed here, not %(value)s.",
                least=least,
                most=most,
                value=to_text(value)[:50],
            )
        )
    return int(number)


def field_of(entry: object, attribute: object) -> object:
    """`attribute` of one entry of a list, dotted; null where it is not there."""
    for key in to_text(attribute).split("."):
        entry = entry.get(key) if isinstance(entry, dict) else None
    return entry


def checked_text(text: str) -> str:
    """The text. ExpressionError where it cannot be stored."""
    if _UNPAIRED.search(text):
        raise ExpressionError(say("The text contains half a character (an unpaired surrogate)."))
    return text
