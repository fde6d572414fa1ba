"""Tables of values: what comes in, where, what is right, and where that is known from. Tests of several rooms read them."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any


def rows(name: str) -> list[tuple[Any, ...]]:
    """Every value of tests/corpus/<name>.toml."""
    return [tuple(value) for group in entries(name) for value in group["values"]]


def entries(name: str) -> list[dict[str, Any]]:
    """The same as tables, each with its `from`."""
    found: list[dict[str, Any]] = tomllib.loads(Path(__file__).with_name(f"{name}.toml").read_text(encoding="utf-8"))[
        "rows"
    ]
    assert all(entry["from"] for entry in found)
    return found
