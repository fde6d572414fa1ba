"""Every event that Flowapp records is declared, with the shape of its payload, and every declared one is recorded."""

from __future__ import annotations

import ast
import re

from flowapp.events import types
from flowapp.events.types import EVENT_TYPES
from tests.support.source import ROOT, called, nodes

# The only files that make rows of events, after a check of each.
WRITERS = {"events/__init__.py", "engine/store/signals.py"}
DECLARE = ("events/types.py", "events/crm.py")


def _named(node: ast.expr) -> str | None:
    """The types that an argument may name, as a regular expression; None where it is a name that is read elsewhere."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return re.escape(node.value)
    if isinstance(node, ast.JoinedStr):
        return "".join(
            re.escape(str(part.value)) if isinstance(part, ast.Constant) else "[a-z_]+" for part in node.values
        )
    return None


def test_what_is_recorded_is_declared() -> None:
    undeclared = []
    for file in nodes():
        for node in nodes()[file]:
            if called(node) not in ("events.record", "record") or not isinstance(node, ast.Call):
                continue
            pattern = _named(node.args[1]) if len(node.args) > 1 else None
            if pattern and "." in pattern and not any(re.fullmatch(pattern, name) for name in EVENT_TYPES):
                undeclared.append(f"{file}:{node.lineno}")
    assert not undeclared, "declare it in flowapp/events/types.py"


def test_what_is_declared_is_recorded() -> None:
    constants = {name: value for name, value in vars(types).items() if isinstance(value, str)}
    said: set[str] = set()
    for node in (node for file in nodes() if file not in DECLARE for node in nodes()[file]):
        if isinstance(node, ast.Name) and node.id in constants:
            said.add(constants[node.id])
        elif isinstance(node, ast.Constant | ast.JoinedStr) and (pattern := _named(node)) and "." in pattern:
            said |= {name for name in EVENT_TYPES if re.fullmatch(pattern, name)}
    assert set(EVENT_TYPES) - said == set()


def test_rows_of_events_are_made_in_one_place() -> None:
    makers = {file for file in nodes() for node in nodes()[file] if called(node) == "Event"}
    inserting = {file for file in nodes() if "insert(_events)" in (ROOT / file).read_text()}
    assert makers | inserting == WRITERS
