"""Values that a step may be handed and its service never sees: of a wrong kind, too long, or no text at all."""

from __future__ import annotations

from typing import Any

ODD: dict[str, Any] = {
    "nothing": None, "a list": [1, [2]], "an object": {"a": {"b": None}}, "yes": True, "an infinity": float("inf"), "a NaN": float("nan"),
    "a huge number": 10**400, "65 bits": 2**64, "a NUL": "a\0b", "half a character": "a\ud800", "an empty text": "", "blanks": "  ",
    "a long text": "x" * 1025, "long for its bytes": "é" * 513, "a date": "2026-02-31", "an empty list": [], "an empty object": {},
    "an empty key": {"": 1}, "a NUL in a key": {"a\0": 1}, "lists in a list": [[[[]]]], "a control": "a\x07\r\nb", "-1": -1,
    "half a character inside": {"a": ["\udfff"]}, "bits inside": [2**64],
}  # fmt: skip
