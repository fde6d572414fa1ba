"""How a date is to be written: the patterns of Unicode TR35 (`dd/MM/yyyy HH:mm`), and what people write in their place.

`YYYY` and `aaaa` are the year, `DD`, `jj` and `D` the day, `mm` beside a day or year the month, `hh` without AM/PM the
hours of a whole day, `dddd` the weekday, `A` and `tt` AM or PM, `HH h mm` has an h between. Words stand in quotes
(`d 'de' MMMM`). Patterns with % are strftime's. A letter that means nothing is refused, never printed.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import lru_cache
from itertools import groupby
from typing import NamedTuple

from flowapp.errors import UnreadableError
from flowapp.texts import say

MAX_PATTERN = 500  # characters: each part is looked up in a language

_LENGTHS = {
    "y": (1, 2, 4), "M": (1, 2, 3, 4, 5), "L": (1, 2, 3, 4, 5), "d": (1, 2), "D": (1, 2, 3), "E": (1, 2, 3, 4, 5), "a": (1,),
    "H": (1, 2), "h": (1, 2), "K": (1, 2), "k": (1, 2), "m": (1, 2), "s": (1, 2), "S": tuple(range(1, 10)), "Q": (1, 2, 3, 4),
    "w": (1, 2), "Y": (1, 2, 4), "G": (1, 2, 3, 4), "z": (1, 2, 3, 4), "Z": (1, 2, 3, 4, 5), "X": (1, 2, 3, 4, 5),
    "x": (1, 2, 3, 4, 5),
}  # fmt: skip
HOURS = frozenset("HhKk")
_TIME = frozenset("HhKkmsS")
_DAYS_AND_YEARS = frozenset("dyEDY")
_STRFTIME = re.compile(r"%(-?[A-Za-z%])")
_OF_STRFTIME = {
    "Y": "yyyy", "y": "yy", "m": "MM", "-m": "M", "d": "dd", "-d": "d", "H": "HH", "-H": "H", "I": "hh", "-I": "h",
    "M": "mm", "-M": "m", "S": "ss", "-S": "s", "B": "MMMM", "b": "MMM", "A": "EEEE", "a": "EEE", "j": "DDD", "-j": "D",
    "p": "a", "f": "SSSSSS", "z": "%z", "Z": "%Z",
}  # fmt: skip


class Part(NamedTuple):
    """A field of TR35, or the text between two fields. `%z` and `%Z` are strftime's: TR35 has no such fields."""

    text: str
    is_field: bool = True


@lru_cache(maxsize=512)
def read_pattern(pattern: str) -> tuple[Part, ...]:
    """The parts of a pattern. UnreadableError says which letter means nothing, and how words are written."""
    if not pattern.strip() or len(pattern) > MAX_PATTERN:
        raise UnreadableError.of(say("A date format must have 1 to %(max)s characters.", max=MAX_PATTERN))
    if _STRFTIME.search(pattern):
        return tuple(_strftime(pattern))
    return _Reader(pattern).parts()


def _strftime(pattern: str) -> Iterator[Part]:
    at = 0
    for code in _STRFTIME.finditer(pattern):
        if code.start() > at:
            yield Part(pattern[at : code.start()], is_field=False)
        at = code.end()
        if code[1] == "%":
            yield Part("%", is_field=False)
        elif code[1] in _OF_STRFTIME:
            yield Part(_OF_STRFTIME[code[1]])
        else:
            known = " ".join(f"%{name}" for name in _OF_STRFTIME if len(name) == 1)
            raise UnreadableError.of(say("%(part)s is not supported. Use: %(known)s.", part=code[0], known=known))
    if at < len(pattern):
        yield Part(pattern[at:], is_field=False)


def _is_letter(char: str) -> bool:
    return char.isascii() and char.isalpha()


class _Run(NamedTuple):
    """Some times the same letter: `before` is the field before it, `after` the run of letters that follows.

    `joined`: nothing stands between it and the field before. `letters` are those of the whole pattern, `clock` says that
    it has a colon, `halves` that it writes AM or PM.
    """

    text: str
    before: str
    after: str
    joined: bool
    letters: frozenset[str]
    clock: bool
    halves: bool


def _year(run: _Run) -> str:
    return run.text if "w" in run.letters else "y" * len(run.text)  # with a week it is the week's year


def _day(run: _Run) -> str:
    return ("d" if len(run.text) < 3 else "E") * len(run.text)


def _day_of_year(run: _Run) -> str:
    return {1: "d", 2: "dd", 4: "EEEE"}.get(len(run.text), run.text)


def _half_or_year(run: _Run) -> str:
    if len(run.text) in (2, 4) and run.before[0] not in _TIME:
        return "y" * len(run.text)  # aa, aaaa: French années
    return "a" if len(run.text) < 3 else run.text


def _month_or_minutes(run: _Run) -> str:
    count = len(run.text)
    if count > 2:
        return "M" * count
    if run.before[0] in HOURS:
        return "m" * count
    beside_a_date = run.before[0] in _DAYS_AND_YEARS or run.after[0] in "dDjJyYaA"
    return "M" * count if run.text[0] == "M" or (beside_a_date and run.after[0] not in "sS") else run.text


def _hour(run: _Run) -> str:
    # 14:30 written 02:30 would be another time.
    return run.text if run.halves or run.before[0] in HOURS else "H" * len(run.text)


def _seconds(run: _Run) -> str:
    whole = len(run.text) < 3 and run.before[0] == "m" and "s" not in run.letters
    return run.text.lower() if whole else run.text


def _offset(run: _Run) -> str:
    as_in_iso = run.text == "Z" and run.joined and run.before[0] in "ms" and run.clock
    return "XXX" if as_in_iso else run.text  # 2026-03-31T14:05:00+01:00


_MEANT: Mapping[str, Callable[[_Run], str]] = {
    "Y": _year, "j": _day, "J": _day, "d": _day, "D": _day_of_year, "a": _half_or_year, "A": _half_or_year, "t": _half_or_year,
    "m": _month_or_minutes, "M": _month_or_minutes, "h": _hour, "S": _seconds, "Z": _offset,
    "f": lambda run: "S" * len(run.text) if run.before[0] == "s" else run.text,
}  # fmt: skip


class _Reader:
    """Runs of one letter become fields, by what stands around them."""

    def __init__(self, pattern: str) -> None:
        self.pattern = pattern
        self.runs = list(self.split())
        self.words = [run for run, quoted in self.runs if not quoted and _is_letter(run[0])]
        self.halves = any(run[0] in "atA" and len(run) < 3 for run in self.words)

    def split(self) -> Iterator[tuple[str, bool]]:
        """Runs of one letter, and what stands between them; whether it was quoted. Two quotes are one that is written."""
        pieces = re.sub("(?i)am/pm", "a", self.pattern).split("'")
        if len(pieces) % 2 == 0:
            raise UnreadableError.of(
                say("A quote is not closed in the date format “%(pattern)s”.", pattern=self.pattern)
            )
        for at, piece in enumerate(pieces):
            if at % 2:
                within_quotes = at > 1 and not pieces[at - 1]  # 'o''clock'
                yield ("'" if within_quotes else "") + piece or "'", True
            else:
                yield from (
                    ("".join(run), False) for _, run in groupby(piece, lambda char: char if _is_letter(char) else "")
                )

    def parts(self) -> tuple[Part, ...]:
        found: list[Part] = []
        for at, (run, quoted) in enumerate(self.runs):
            if not quoted and _is_letter(run[0]):
                found.append(self.meant(run, found, self.runs[at + 1 :]))
            else:
                found.append(Part(run, is_field=False))
        if not any(part.is_field for part in found):
            raise UnreadableError.of(
                say(
                    "The date format “%(pattern)s” names no day or time. Use for example dd/MM/yyyy.",
                    pattern=self.pattern,
                )
            )
        return tuple(found)

    def meant(self, text: str, found: Sequence[Part], rest: Sequence[tuple[str, bool]]) -> Part:
        run = _Run(
            text,
            before=next((part.text for part in reversed(found) if part.is_field), " "),
            after=next((other for other, quoted in rest if not quoted and _is_letter(other[0])), " "),
            joined=bool(found) and found[-1].is_field,
            letters=frozenset(word[0] for word in self.words),
            clock=":" in self.pattern,
            halves=self.halves,
        )
        field = _MEANT[text[0]](run) if text[0] in _MEANT else text
        if (field == "h" and run.before[0] in HOURS) or (field == "T" and run.after[0] in HOURS):
            return Part(field, is_field=False)  # HH h mm, and the T of ISO 8601
        if len(field) not in _LENGTHS.get(field[0], ()):
            raise UnreadableError.of(
                say(
                    "“%(letters)s” means nothing in the date format “%(pattern)s”. Use for example dd/MM/yyyy HH:mm, and "
                    "put words in quotes: 'at'.",
                    letters=text, pattern=self.pattern,
                )
            )  # fmt: skip
        return Part(field)
