"""What an execution is about: the short values of its input, and its contact. Lists show it, and it is found by it.

An e-mail address, a name and a number that names something (an order's, an invoice's) come before what else is there.
What stands under a secret's name, or looks like a secret, is left out.
"""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Iterable, Iterator, Sequence

from flowapp.logs import is_secret_name, mask_text
from flowapp.values.text import folded, without_accents

MAX_WORDS = 16  # of an execution
MAX_WORD = 64  # characters
LEAST = 2  # characters of a word that is looked for by its beginning
_LOOKED_AT = 200  # values of an input
_DEPTH = 5
_LONGEST = 160  # characters of a value
_NAMES = ("name", "full_name", "fullname", "customer_name", "contact_name", "first_name", "last_name", "nom", "prenom")
_NUMBERS = (
    "order_number", "order_id", "order_no", "order", "number", "invoice_number", "invoice_id", "invoice", "reference", "ref",
    "ticket", "ticket_id", "title", "subject", "company", "phone", "id",
)  # fmt: skip
_ADDRESS = re.compile(r"[^\s@<>\",;]+@[^\s@<>\",;.]+(?:\.[^\s@<>\",;.]+)+")
_LEFT_OUT = re.compile(r"https?://|[0-9]{4}-[0-9]{2}-[0-9]{2}T")  # addresses of pages and moments name nobody
_BETWEEN = re.compile(r"[\s,;<>()\[\]{}\"'|“”«»]+")
_AROUND = ".:!?#*-_/\\"
_INSIDE = re.compile(r"[^\w]+|_+")


def subject_of(data: object, contact: tuple[str, str] | None = None) -> str:
    """Whom or what an input is about, in a few words; `contact` is the name and e-mail address. Empty where nothing tells."""
    if contact is not None:
        return " · ".join(dict.fromkeys(part for part in contact if part))
    values = _ranked(data)
    addresses = [value for rank, _key, value in values if rank == 0]
    names = [value for rank, key, value in values if rank == 1 and key not in ("first_name", "last_name")]
    parts = {key: value for _rank, key, value in values if key in ("first_name", "last_name")}
    full = " ".join(parts[key] for key in ("first_name", "last_name") if key in parts)
    numbers = [value for rank, _key, value in values if rank == 2]
    told = [*(names or ([full] if full else []))[:1], *addresses[:1]]
    return " · ".join([*told, *numbers[: 2 - len(told)]])


def words_of(data: object, contact: tuple[str, str] | None = None) -> list[str]:
    """The words by which an execution is found, MAX_WORDS at most, the most telling first."""
    texts = [*(contact or ()), *(value for _rank, _key, value in _ranked(data))]
    return list(dict.fromkeys(word for text in texts for word in _words(text)))[:MAX_WORDS]


def asked_words(text: str) -> list[str]:
    """The words of a search; each is the beginning of one of `words_of`."""
    return list(dict.fromkeys(word[:MAX_WORD] for word in _chunks(text)))[:6]


def fits(words: Iterable[str], asked: Sequence[str]) -> bool:
    """Whether an execution with these words is one that is looked for."""
    known = list(words)
    return all(any(begins(word, wanted) for word in known) for wanted in asked)


def begins(word: str, wanted: str) -> bool:
    """Whether a word is looked for by this one: by its beginning, a single letter or digit by the whole."""
    return word.startswith(wanted) if len(wanted) >= LEAST else word == wanted


def _ranked(data: object) -> list[tuple[int, str, str]]:
    """(rank, name, value) of the short values: addresses, names, numbers that name something, others."""
    found = [(_rank(key, value), key, value) for key, value in _values(data)]
    return sorted(found, key=lambda entry: entry[0])


def _rank(key: str, value: str) -> int:
    if _ADDRESS.fullmatch(value):
        return 0
    return 1 if key in _NAMES else 2 if key in _NUMBERS else 3


def _values(data: object) -> Iterator[tuple[str, str]]:
    """The short values with their names, those that lie highest first."""
    waiting: deque[tuple[str, object, int]] = deque([("", data, 0)])
    for _count in range(_LOOKED_AT):
        if not waiting:
            return
        key, value, depth = waiting.popleft()
        if isinstance(value, dict) and depth < _DEPTH:
            waiting.extend((name, entry, depth + 1) for name, entry in value.items() if not is_secret_name(name))
        elif isinstance(value, list) and depth < _DEPTH:
            waiting.extend((key, entry, depth + 1) for entry in value[:20])
        elif isinstance(value, str | int | float) and not isinstance(value, bool):
            text = str(value).strip()
            if 0 < len(text) <= _LONGEST and not _LEFT_OUT.match(text) and mask_text(text) == text:
                yield key.strip().lower().replace("-", "_").replace(" ", "_"), text


def _words(text: str) -> Iterator[str]:
    """The words of a text, and where one has parts (`ann.lee@example.com`, `A-1001`) what begins at each of them."""
    for chunk in _chunks(text):
        yield chunk[:MAX_WORD]
        for part in [found.end() for found in _INSIDE.finditer(chunk)][:3]:
            rest = chunk[part:]
            if len(rest) > 3 or any(character.isdigit() for character in rest):
                yield rest[:MAX_WORD]


def _chunks(text: str) -> Iterator[str]:
    plain = without_accents(folded(text.replace("\x00", "")))
    yield from (chunk for part in _BETWEEN.split(plain) if (chunk := part.strip(_AROUND)))
