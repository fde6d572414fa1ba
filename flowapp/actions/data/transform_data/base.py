"""What the operations of `transform_data` share: how they are declared, paths into records, values read strictly."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from flowapp.actions.data.transform_data.options import Options
from flowapp.catalog import StepContext
from flowapp.catalog.fields import has_expression
from flowapp.errors import ExpressionError, StepError, UnreadableError
from flowapp.security import helpers
from flowapp.values.numbers import read_number

MISSING = object()
MAX_WORK = 16 * 2**20  # of one step: a character costs 1, an entry of a list ENTRY
ENTRY = 32
ITEM = 8  # looking at an item
VALUE = 2  # having a value in what an operation gives
MADE = 4  # having a value, or some characters, that an expression gave for an item
_BETWEEN_LOOKS = 50_000  # units, some milliseconds


@dataclass(slots=True)
class Work:
    """One run of the step: its context, the key for HMAC, and the work it may still do.

    All that operations do is charged, in proportion to what it takes, so a step stays within some seconds and some
    hundred megabytes; therefore it needs no helper process.
    """

    ctx: StepContext
    key: str = ""
    left: int = MAX_WORK
    look: int = MAX_WORK

    def charge(self, units: int) -> None:
        """StepError once the step has worked through too much, or its time is over, or it was ended from outside."""
        self.left -= units
        if self.left < 0:
            raise StepError("This processes too much data. Split it into several steps on smaller lists or texts.")
        if self.left < self.look:
            self.look = self.left - _BETWEEN_LOOKS
            if not helpers.left(1.0):
                raise StepError(f"This takes longer than the step's {self.ctx.timeout:g} seconds.")

    def number(self, value: object, name: str = "") -> Decimal:
        """A number as the organization writes it. StepError names `name`."""
        return number_of(value, name, self.ctx.conventions().locale if isinstance(value, str) else "")

    def render(self, value: object, **names: object) -> object:
        """`value` with its expressions evaluated, charged: for each item it may be as large as one text can be."""
        rendered = self.ctx.render(value, **names)
        self.charge(MADE * helpers.weight(rendered, self.left // MADE))
        return rendered


Run = Callable[[Work, Options, Any], object]
Change = Callable[[Any, Options, Work], object]


@dataclass(frozen=True, slots=True)
class Conversion:
    """One way of a family: `fields` of the form that it uses, `needs` those of them that must be filled in."""

    label: str
    change: Change
    fields: tuple[str, ...]
    needs: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class OperationKind:
    """An operation. `fields` of the form that it uses; of `needs` one must be filled in.

    `choice` is the field that says which of the `conversions` is meant, where there are several; the first one is the default.
    """

    label: str
    run: Run
    fields: tuple[str, ...]
    needs: tuple[str, ...] = ()
    choice: str = ""
    conversions: Mapping[str, Conversion] = field(default_factory=dict)

    def uses(self, name: str) -> bool:
        return name in self.fields or any(name in conversion.fields for conversion in self.conversions.values())


class Kinds(dict[str, OperationKind]):
    """Operations by name."""

    def add(
        self, name: str, label: str, fields: tuple[str, ...] = (), needs: tuple[str, ...] = ()
    ) -> Callable[[Run], Run]:
        """Declares the decorated function as an operation on the data as a whole."""

        def register(run: Run) -> Run:
            self[name] = OperationKind(label, run, fields, needs)
            return run

        return register


class Family:
    """An operation on one value, in one way (called "") or several: on a field of a record, of every record of a list, or on the data.

    What is missing or null stays as it is. Without a field each entry of a list is changed, or with `whole` the list.
    """

    def __init__(self, label: str, choice: str = "", fields: tuple[str, ...] = (), *, whole: bool = False) -> None:
        self.conversions: dict[str, Conversion] = {}
        self.whole = whole
        self.kind = OperationKind(
            label, self._run, ("field", "to", *fields), choice=choice, conversions=self.conversions
        )

    def add(
        self, name: str, label: str, fields: tuple[str, ...] = (), needs: tuple[str, ...] = ()
    ) -> Callable[[Change], Change]:
        """Declares the decorated function as a way to make a new value of one that is not null."""

        def register(change: Change) -> Change:
            self.conversions[name] = Conversion(label, change, fields, needs)
            return change

        return register

    def _run(self, work: Work, operation: Options, data: object) -> object:
        change = self.conversions[getattr(operation, self.kind.choice) if self.kind.choice else ""].change
        listed = data if isinstance(data, list) and not (self.whole and not operation.field) else None
        open_fields = [n for n in (*self._all_fields(), "to") if has_expression(getattr(operation, n))]

        def one(entry: object, at: int) -> object:
            work.charge(ITEM + (len(entry) if isinstance(entry, dict) else 0))  # a changed record is a copy
            given = operation
            try:
                if open_fields:
                    values = {name: getattr(operation, name) for name in open_fields}
                    rendered = work.render(values, item=entry, index=at)
                    given = operation.model_copy(update=rendered if isinstance(rendered, dict) else {})
                return _in_field(change, given, work, entry)
            except (StepError, ExpressionError, ArithmeticError, ValueError) as error:
                reason = (
                    error.message
                    if isinstance(error, StepError | ExpressionError)
                    else "The result is out of range: check the value."
                )
                names = [f"item {at + 1}"] * (listed is not None) + [f"field “{operation.field}”"] * bool(
                    operation.field
                )
                raise StepError(": ".join((", ".join(names), reason)) if names else reason, permanent=True) from error

        return one(data, 0) if listed is None else [one(entry, at) for at, entry in enumerate(listed)]

    def _all_fields(self) -> list[str]:
        return list(
            {name for conversion in self.conversions.values() for name in conversion.fields}
            | {*self.kind.fields} - {"field", "to"}
        )


def _in_field(change: Change, operation: Options, work: Work, entry: object) -> object:
    if not operation.field:
        return entry if entry is None else change(entry, operation, work)
    if not isinstance(entry, dict):
        raise StepError("This is not a record with named fields. Leave “field” empty to change the value itself.")
    value = get_path(entry, operation.field)
    if value is MISSING or value is None:
        return entry
    return set_path(entry, operation.to or operation.field, change(value, operation, work))


def get_path(record: object, path: str) -> object:
    """The value at a dotted path, MISSING where there is none."""
    for part in path.split("."):
        if isinstance(record, dict) and part in record:
            record = record[part]
        elif isinstance(record, list) and part.isdecimal() and int(part) < len(record):
            record = record[int(part)]
        else:
            return MISSING
    return record


def set_path(record: dict[str, object], path: str, value: object) -> dict[str, object]:
    """A copy of the record with the value at a dotted path; a number in it is an entry that a list has."""
    head, _, rest = path.partition(".")
    return {**record, head: _set_inside(record.get(head), rest, value) if rest else value}


def _set_inside(inner: object, path: str, value: object) -> object:
    head, _, rest = path.partition(".")
    if isinstance(inner, list) and head.isdecimal() and int(head) < len(inner):
        at = int(head)
        return [*inner[:at], _set_inside(inner[at], rest, value) if rest else value, *inner[at + 1 :]]
    return set_path(inner if isinstance(inner, dict) else {}, path, value)


def remove_path(record: dict[str, object], path: str) -> dict[str, object]:
    """A copy of the record without what is at a dotted path."""
    head, _, rest = path.partition(".")
    if not rest:
        return {name: value for name, value in record.items() if name != head}
    inner = record.get(head)
    return {**record, head: remove_path(inner, rest)} if isinstance(inner, dict) else record


def number_of(value: object, name: str = "", locale: str = "") -> Decimal:
    """Numbers are taken as they are written, so that 0.1 and 0.2 make 0.3. StepError names `name`."""
    where = f"{name}: " if name else ""
    try:
        number = read_number(value, locale)
    except UnreadableError as error:
        wrong = error.reason if isinstance(value, str) else f"“{brief(value)}” is not a number."
        raise StepError(f"{where}{wrong}") from None
    if abs(number.adjusted()) >= 300:
        raise StepError(f"{where}“{brief(value)}” is too large or too small a number.")
    return number


def whole_number(value: object, name: str, least: int, most: int) -> int:
    """A whole number within bounds. StepError names `name`."""
    number = number_of(value, name)
    if number != number.to_integral_value() or not least <= number <= most:
        raise StepError(f"{name} must be a whole number from {least} to {most:,}.")
    return int(number)


def plain(number: Decimal) -> int | float:
    """As JSON has it: whole where it can be."""
    return int(number) if number == number.to_integral_value() else float(number)


def text_of(value: object, work: Work) -> str:
    """The text of a text, a number or yes/no, charged. StepError for lists and objects."""
    if isinstance(value, list | dict):
        what = "a list" if isinstance(value, list) else "an object"
        raise StepError(f"This needs text, not {what}. Enter the field that contains it.")
    text = ("true" if value else "false") if isinstance(value, bool) else str(value)
    work.charge(len(text))
    return text


def brief(value: object) -> str:
    """The beginning of a value, for a message."""
    text = str(value)
    return text if len(text) <= 50 else f"{text[:49]}…"
