"""What the operations of `transform_data` share: how they are declared, paths into records, values read strictly."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

from flowapp.catalog import StepContext
from flowapp.errors import StepError, UnreadableError
from flowapp.security import helpers
from flowapp.texts import labelled, say
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
            raise StepError(say("This processes too much data. Split it into several steps on smaller lists or texts."))
        if self.left < self.look:
            self.look = self.left - _BETWEEN_LOOKS
            if not helpers.left(1.0):
                raise StepError(
                    say("This takes longer than the step's %(timeout)s seconds.", timeout=f"{self.ctx.timeout:g}")
                )

    def number(self, value: object, name: str = "") -> Decimal:
        """A number as the organization writes it. StepError names `name`."""
        return number_of(value, name, self.ctx.conventions().locale if isinstance(value, str) else "")

    def render(self, value: object, **names: object) -> object:
        """`value` with its expressions evaluated, charged: for each item it may be as large as one text can be."""
        rendered = self.ctx.render(value, **names)
        self.charge(MADE * helpers.weight(rendered, self.left // MADE))
        return rendered


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
    try:
        number = read_number(value, locale)
    except UnreadableError as error:
        wrong = error.reason if isinstance(value, str) else say("“%(value)s” is not a number.", value=brief(value))
        raise StepError(labelled(name, wrong)) from None
    if abs(number.adjusted()) >= 300:
        raise StepError(labelled(name, say("“%(value)s” is too large or too small a number.", value=brief(value))))
    return number


def whole_number(value: object, name: str, least: int, most: int) -> int:
    """A whole number within bounds. StepError names `name`."""
    number = number_of(value, name)
    if number != number.to_integral_value() or not least <= number <= most:
        raise StepError(
            say("%(name)s must be a whole number from %(least)s to %(most)s.", name=name, least=least, most=most)
        )
    return int(number)


def plain(number: Decimal) -> int | float:
    """As JSON has it: whole where it can be."""
    return int(number) if number == number.to_integral_value() else float(number)


def text_of(value: object, work: Work) -> str:
    """The text of a text, a number or yes/no, charged. StepError for lists and objects."""
    if isinstance(value, list | dict):
        what = say("a list") if isinstance(value, list) else say("an object")
        raise StepError(say("This needs text, not %(what)s. Enter the field that contains it.", what=what))
    text = ("true" if value else "false") if isinstance(value, bool) else str(value)
    work.charge(len(text))
    return text


def brief(value: object) -> str:
    """The beginning of a value, for a message."""
    text = str(value)
    return text if len(text) <= 50 else f"{text[:49]}…"
