"""The secrets that were opened for one attempt of a step, and what must not show them: its result, log and error.

A service that echoes its request sends them back, as they are or written another way: in base64 (`Basic …`), in a URL,
in JSON. What a secret cannot be told from ordinary words by is not looked for: SHORTEST characters are the least.
"""

from __future__ import annotations

import base64
import binascii
import html
import json
import re
from collections.abc import Iterable, Iterator, Mapping
from collections.abc import Set as AbstractSet
from contextlib import contextmanager
from contextvars import ContextVar
from functools import lru_cache, reduce
from typing import Any

from flowapp.logs import MASK, is_secret_name
from flowapp.texts import mapped

_SECRET_HEADER = re.compile(
    r"authori[sz]ation|cookie|secret|token|password|credential|signature|api[-_]?key|x-hub-|csrf", re.IGNORECASE
)
SHORTEST = 4
_SHORTEST_PART = 8  # of a header such as “Bearer …” or “session=…; theme=dark”
_SHORTEST_NAMED = 6  # a shorter one may be a word of any text
_SHORTEST_CORE = 6  # characters of base64
_DEEPEST = 255  # levels: orjson writes no more
_PARTS = re.compile(r"[\s;,=]+")
_ALPHABET = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/-_=")


class Opened:
    """Collects secrets, and masks them. Costs nothing while there is none. `hid`: something that came in held one of them."""

    def __init__(self, secrets: Iterable[str] = ()) -> None:
        self._secrets: dict[str, None] = {}
        self.hid = False
        for secret in secrets:
            self.add(secret)

    def add(self, secret: str) -> None:
        """A secret in clear, and what of it stands for itself: the token in `Bearer <token>`."""
        for part in _parts_of(secret):
            self._secrets[part] = None

    def __bool__(self) -> bool:
        return bool(self._secrets)

    def mask(self, value: object) -> Any:
        """A JSON value without the secrets; the value itself where there are none."""
        return _masked(value, [_needles(secret) for secret in self._secrets]) if self._secrets else value


_collecting: ContextVar[Opened | None] = ContextVar("opened", default=None)


@contextmanager
def collecting(opened: Opened) -> Iterator[None]:
    """What is decrypted in here (see `note`) belongs to `opened`."""
    token = _collecting.set(opened)
    try:
        yield
    finally:
        _collecting.reset(token)


def note(secret: object) -> None:
    """A secret (a text, or JSON with texts) was decrypted: the attempt that is under way must not show it."""
    opened = _collecting.get()
    if opened is None:
        return
    if isinstance(secret, str):
        opened.add(secret)
    elif isinstance(secret, Mapping | list):
        for entry in secret.values() if isinstance(secret, Mapping) else secret:
            note(entry)


def named_secrets(value: object) -> Iterator[str]:
    """The texts in a JSON value that stand under the name of a secret (`password`, `apiKey`)."""
    if isinstance(value, Mapping):
        for name, entry in value.items():
            if isinstance(entry, str):
                if len(entry) >= _SHORTEST_NAMED and is_secret_name(name):
                    yield entry
            else:
                yield from named_secrets(entry)
    elif isinstance(value, list):
        for entry in value:
            yield from named_secrets(entry)


def holds_opened(data: bytes) -> bool:
    """Whether something that was decrypted for the attempt that is under way stands in these bytes."""
    opened = _collecting.get()
    if not opened:
        return False
    text = data.decode(errors="replace")
    return bool(opened.mask(text) != text)


def masked(value: object) -> Any:
    """A JSON value without what was decrypted for the attempt that is under way."""
    opened = _collecting.get()
    return opened.mask(value) if opened else value


def _masked(value: object, known: list[_Needles], depth: int = 0) -> object:
    """RecursionError for what is nested too deeply to be kept anywhere, well before the interpreter's own limit."""
    if depth > _DEEPEST:
        raise RecursionError("nested too deeply")
    if isinstance(value, str):
        return mapped(value, lambda text: reduce(lambda rest, needles: needles.mask(rest), known, text))
    if isinstance(value, Mapping):
        return {_masked(key, known): _masked(entry, known, depth + 1) for key, entry in value.items()}
    if isinstance(value, list | tuple):
        return [_masked(entry, known, depth + 1) for entry in value]
    return value


def _parts_of(secret: str) -> list[str]:
    pieces = [secret.strip()]
    parts = [part for part in _PARTS.split(secret) if len(part) >= _SHORTEST_PART]
    if secret[:6].lower() == "basic ":
        parts += _password_in(secret[6:])
    return [part for part in (*pieces, *parts) if len(part) >= SHORTEST]


def _password_in(basic: str) -> list[str]:
    """What `Basic <base64 of user:password>` holds."""
    try:
        pair = base64.b64decode(basic.strip(), validate=True).decode()
    except (binascii.Error, UnicodeDecodeError):
        return []
    return [pair.partition(":")[2]]


class _Needles:
    """The ways in which one secret may be written."""

    def __init__(self, secret: str) -> None:
        plain = {secret, json.dumps(secret)[1:-1], json.dumps(secret, ensure_ascii=False)[1:-1], html.escape(secret)}
        self._plain = sorted(plain, key=len, reverse=True)
        self._cores = _cores(secret.encode(errors="surrogatepass"))
        self._escaped = re.compile("".join(map(_either, secret)), re.IGNORECASE)

    def mask(self, text: str) -> str:
        for needle in self._plain:
            if needle in text:
                text = text.replace(needle, MASK)
        if "%" in text or "+" in text:
            text = self._escaped.sub(MASK, text)
        for core in self._cores:
            if core in text:
                text = _without(text, core)
        return text


@lru_cache(maxsize=256)
def _needles(secret: str) -> _Needles:
    return _Needles(secret)


def _either(character: str) -> str:
    """The character in a URL: as it is, or percent-encoded; IGNORECASE is for the digits of the code."""
    code = "".join(f"%{byte:02x}" for byte in character.encode(errors="surrogatepass"))
    plus = r"|\+" if character == " " else ""
    return f"(?:(?-i:{re.escape(character)})|{code}{plus})"


def _cores(secret: bytes) -> list[str]:
    """What is the same in base64 wherever the secret stands in what was encoded: the middle, by its place in three."""
    cores = []
    for before in range(3):
        whole = base64.b64encode(b"\0" * before + secret).decode()
        first = -(-before * 8 // 6) if before else 0
        last = (before + len(secret)) * 8 // 6
        core = whole[first:last]
        if len(core) >= _SHORTEST_CORE:
            cores += [core, core.translate(str.maketrans("+/", "-_"))]
    return list(dict.fromkeys(cores))


def _without(text: str, core: str) -> str:
    """The text without the core and the characters around it that hold a few bits of the secret."""
    pieces, at = [], 0
    while (start := text.find(core, at)) >= 0:
        begin, end = start, start + len(core)
        while begin > max(at, start - 2) and text[begin - 1] in _ALPHABET:
            begin -= 1
        while end < min(len(text), start + len(core) + 4) and text[end] in _ALPHABET:
            end += 1
        pieces += [text[at:begin], MASK]
        at = end
    return "".join([*pieces, text[at:]])


def shown_headers(sent: Mapping[str, str], hidden: AbstractSet[str]) -> dict[str, str]:
    """Headers (names in lower case), those left out that are `hidden`, hold a secret or prove who sent them."""
    return {name: value for name, value in sent.items() if name not in hidden and not _is_secret_header(name)}


@lru_cache(maxsize=1000)
def _is_secret_header(name: str) -> bool:
    return _SECRET_HEADER.search(name) is not None
