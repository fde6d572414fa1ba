"""JSON (RFC 8259) whose numbers keep every digit: orjson, which alone would stop at 64 bits.

orjson reads a longer whole number as a float, without a word, and refuses to write one. Both are met here: a text that holds
many digits in a row is read once more by the standard library, and long numbers are written as they are. A Decimal, which has more digits
than a float, is written as a number.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import orjson

MAX_DIGITS = 300  # of one whole number; longer ones are infinite to whoever reads numbers as floats
_OPTIONS = orjson.OPT_NON_STR_KEYS
# Digits made alike, so that a search for plain bytes finds many in a row: ten times as fast as a pattern.
_ALIKE, _LONG = bytes.maketrans(b"123456789", b"000000000"), b"0" * 19
_TOO_LONG = re.compile(rb"[0-9]{%d}" % (MAX_DIGITS + 1))
_SHORT = range(-(2**63), 2**64)  # what orjson reads and writes exactly


Json = dict[str, object]  # a JSON object: what its values are is checked before they are used


class LongNumberError(TypeError, ValueError):
    """A whole number of more than MAX_DIGITS digits."""


def loads(raw: bytes | str) -> Any:
    """The value of a JSON text. ValueError (orjson.JSONDecodeError, LongNumberError) where it is none, or too deep."""
    data = raw.encode(errors="surrogatepass") if isinstance(raw, str) else raw
    try:
        value = orjson.loads(data)
    except orjson.JSONDecodeError as error:
        if "infinity" in str(error) and _TOO_LONG.search(data):
            raise _too_long() from None
        raise
    if _LONG not in data.translate(_ALIKE):
        return value
    try:
        return json.loads(data, parse_int=_whole)
    except RecursionError:  # the standard library reads less deeply than orjson, which has read it
        raise ValueError("it is nested too deeply") from None


def dumps(value: Any, default: Callable[[Any], Any] | None = None) -> bytes:
    """JSON of a value; keys are made texts. TypeError (orjson.JSONEncodeError, LongNumberError) where it cannot be."""
    try:
        return orjson.dumps(value, default and _spelling(default), _OPTIONS)
    except orjson.JSONEncodeError as error:
        if "64-bit" not in str(error) and "decimal.Decimal" not in str(error):
            raise
        try:
            return orjson.dumps(_spelled(value), default and _spelling(default), _OPTIONS)
        except RecursionError:
            raise TypeError("Recursion limit reached") from None  # as orjson says it


def dump_json(value: object) -> str:
    """JSON text of a value as it is stored; keys are made texts."""
    return dumps(value).decode()


def _whole(digits: str) -> int:
    if len(digits) > MAX_DIGITS:
        raise _too_long()
    return int(digits)


def _too_long() -> LongNumberError:
    return LongNumberError(f"a whole number has more than {MAX_DIGITS} digits")


def _spelling(default: Callable[[object], object]) -> Callable[[object], object]:
    """What `default` gives, with long numbers as pieces of JSON."""

    def spelled(part: object) -> object:
        return _spelled(part if isinstance(part, Decimal) else default(part))

    return spelled


def _spelled(value: Any) -> Any:
    """The value with its long numbers as pieces of JSON."""
    if isinstance(value, Decimal):
        if not value.is_finite():
            raise TypeError("a number is not finite")
        return orjson.Fragment(str(value))
    if isinstance(value, dict):
        return {key: _spelled(part) for key, part in value.items()}
    if isinstance(value, list | tuple):
        return [_spelled(part) for part in value]
    if isinstance(value, int) and value not in _SHORT:
        if abs(value) >= 10**MAX_DIGITS:
            raise _too_long()
        return orjson.Fragment(str(value))
    return value
