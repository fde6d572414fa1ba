"""Words: what a record is found by, and what is looked for. Neither case nor accents count, nor what stands between words.

A word is found by its beginning. An address (`ann.lee@example.com`) is one word, and what begins at each of its parts is
another; a phone number is a word in the international and in the national notation, without anything but digits.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Iterator
from itertools import groupby
from typing import NamedTuple

LONGEST = 64  # characters of a word
LONGEST_TEXT = 400  # characters of a text that is looked for
MOST = 10  # of a search: each is one more condition
_SHORTEST_PHONE = 4
# Letters that are no letter with an accent, as those spell them who do not have them on the keyboard.
_SPELLED_OUT = str.maketrans(
    {"œ": "oe", "æ": "ae", "ø": "o", "ł": "l", "đ": "d", "ð": "d", "þ": "th", "ħ": "h", "ŧ": "t", "\u0131": "i"}
)
_BETWEEN = re.compile(r"(?:[^\w@.]|_)+")
_PART = re.compile(r"[@.]")


class Asked(NamedTuple):
    """What a record must have: a word that begins like `phone`, or for each of `words` one that begins like it."""

    words: tuple[str, ...]
    phone: str = ""


def text_of(*texts: str | None, addresses: Iterable[str | None] = (), phone: str | None = "") -> str:
    """What the `search` of a record holds: its words, apart by blanks. `addresses` are e-mail addresses and domains."""
    words = [part for text in texts for word in _split(text or "") for part in _parts(word)]
    for address in addresses:
        # Nobody looks for all that end in .com.
        words += [part for word in _split(address or "") for part in _parts(word) if part == word or "." in part]
    return " ".join(dict.fromkeys(word[:LONGEST] for word in [*words, *_phone_words(phone or "")]))


def asked_of(text: str) -> list[Asked]:
    """What a text looks for; of a long text its beginning."""
    asked: list[Asked] = []
    for is_number, words in groupby(_split(text[:LONGEST_TEXT].replace("(0)", " ")), _is_number):
        found = tuple(word[:LONGEST] for word in words)
        digits = "".join(found).replace(".", "")
        if is_number and len(digits) >= _SHORTEST_PHONE:
            asked.append(Asked(found[:MOST], digits.removeprefix("00")[:LONGEST]))
        else:
            asked += [Asked((word,)) for word in found]
    return list(dict.fromkeys(asked))[:MOST]


def _split(text: str) -> list[str]:
    apart = unicodedata.normalize("NFKD", unicodedata.normalize("NFC", text).casefold().translate(_SPELLED_OUT))
    plain = "".join(char for char in apart if not unicodedata.combining(char))
    return [word for part in _BETWEEN.split(plain) if (word := part.strip("@."))]


def _parts(word: str) -> Iterator[str]:
    """The word, and what begins at each of its parts."""
    yield word
    yield from (word[found.end() :] for found in _PART.finditer(word))


def _is_number(word: str) -> bool:
    return word.replace(".", "").isdecimal()


def _phone_words(phone: str) -> list[str]:
    """The digits of a number that is kept as E.164 has it, with and without its country."""
    if not phone:
        return []
    import phonenumbers  # its tables are loaded by who needs them

    try:
        number = phonenumbers.parse(phone)
    except phonenumbers.NumberParseException:
        return _split(phone)
    national = phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.NATIONAL)
    significant = phonenumbers.national_significant_number(number)
    return [phone.removeprefix("+"), "".join(char for char in national if char.isdecimal()), significant]
