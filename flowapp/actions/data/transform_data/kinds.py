"""Which operations there are, and when a form asks for what."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, Literal

from flowapp.actions.data.transform_data.code import BASE64, HASH
from flowapp.actions.data.transform_data.dates import DATE
from flowapp.actions.data.transform_data.declared import Family, OperationKind
from flowapp.actions.data.transform_data.joins import JOINS
from flowapp.actions.data.transform_data.lists import LISTS
from flowapp.actions.data.transform_data.matches import PATTERN_CONVERSIONS
from flowapp.actions.data.transform_data.notations import CSV, JSON
from flowapp.actions.data.transform_data.numbers import NUMBER
from flowapp.actions.data.transform_data.records import RECORDS
from flowapp.actions.data.transform_data.text import JOIN, TEXT, TEXTS
from flowapp.actions.data.transform_data.totals import TOTALS
from flowapp.catalog import ui
from flowapp.catalog.rows import RowHelp

WITH_PATTERN = frozenset(PATTERN_CONVERSIONS)
FAMILIES = {
    "join": JOIN,
    "text": TEXT,
    "number": NUMBER,
    "date": DATE,
    "json": JSON,
    "csv": CSV,
    "base64": BASE64,
    "hash": HASH,
}
KINDS: dict[str, OperationKind] = {
    **RECORDS,
    **LISTS,
    **TOTALS,
    **JOINS,
    **TEXTS,
    **{name: family.kind for name, family in FAMILIES.items()},
}


def documented() -> Iterator[RowHelp]:
    """Every operation, in each of its ways."""
    for op, kind in KINDS.items():
        yield from kind.documented(op)


if TYPE_CHECKING:
    Name = str
    TextConversion = str
    NumberConversion = str
    DateConversion = str
    DataConversion = str
    Coding = str
    Algorithm = str
else:
    Name = Literal[tuple(KINDS)]
    TextConversion, NumberConversion, DateConversion = (
        Literal[tuple(TEXT.conversions)],
        Literal[tuple(NUMBER.conversions)],
        Literal[tuple(DATE.conversions)],
    )
    DataConversion, Coding, Algorithm = (
        Literal[tuple(JSON.conversions)],
        Literal[tuple(BASE64.conversions)],
        Literal[tuple(HASH.conversions)],
    )


def shown_for(name: str) -> dict[str, list[str]]:
    """Where the field is shown: for the operations that use it, of a family for those of its conversions that do.

    A form can ask two questions only where both have one answer: families share no field of single conversions.
    """
    users = {op: kind for op, kind in KINDS.items() if kind.uses(name) or name == kind.choice}
    shown = {"op": list(users)}
    for kind in users.values():
        if name not in (*kind.fields, kind.choice):
            shown[kind.choice] = [
                conversion for conversion, declared in kind.conversions.items() if name in declared.fields
            ]
    return shown


def conversions_of(label: str, family: Family) -> dict[str, Any]:
    """The hints of the field that chooses one of a family's conversions."""
    choices = [(name, conversion.label) for name, conversion in family.conversions.items()]
    return ui(label, widget="select", choices=choices, show_if=shown_for(family.kind.choice))
