"""Tables of values: what comes in, where, what is right, and where that is known from. Tests of several rooms read them."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any


def rows(name: str) -> list[tuple[Any, ...]]:
    """Every value of tests/corpus/<name>.toml."""
    groups = tomllib.loads(Path(__file__).with_name(f"{name}.toml").read_text(encoding="utf-8"))["rows"]
    assert all(group["from"] for group in groups)
    return [tuple(value) for group in groups for value in group["values"]]
