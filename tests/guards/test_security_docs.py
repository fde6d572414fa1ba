"""docs/security.md names settings that exist, and the limits that the code has."""

from __future__ import annotations

import importlib
import re
from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest

from flowapp.config import DOCS, Settings

TEXT = Path("docs/security.md").read_text(encoding="utf-8")
ROWS = re.findall(r"^\| ([^*|]+) \| ([^|]+) \| `([^`|]+)`[^|]* \|$", TEXT.partition("<!-- limits -->")[2], re.MULTILINE)
UNITS = {"KiB": 2**10, "MiB": 2**20, "Mi": 2**20}
DEFAULTS = {field.name: field.default for field in fields(Settings)}


def test_every_setting_that_is_named_exists() -> None:
    named = set(re.findall(r"\b(?:FLOWAPP|SMTP|DATABASE|REDIS)_[A-Z_]+\b", TEXT))
    assert len(named) > 20
    assert named <= set(DOCS)


@pytest.mark.parametrize(("what", "said", "place"), ROWS, ids=[row[0] for row in ROWS])
def test_a_limit_is_that_of_the_code(what: str, said: str, place: str) -> None:
    number, unit = re.fullmatch(r"([\d,]+)(?: (\w+))?.*", said).groups()
    value = int(number.replace(",", ""))
    assert in_the_code(place) in (value, value * UNITS.get(unit or "", 1)), what


def in_the_code(place: str) -> Any:
    """The number behind a setting, `max_visits`, or a constant by its dotted name."""
    if place in DOCS:
        return DEFAULTS[place.removeprefix("FLOWAPP_").lower()]
    module, _, name = place.rpartition(".")
    found = getattr(importlib.import_module(module or "flowapp.engine.language.workflow_config"), name.upper())
    return getattr(found, "amount", found)  # of a rate


def test_the_table_is_read() -> None:
    assert len(ROWS) > 45
