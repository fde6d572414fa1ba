"""Every name of the five documents that Flowapp was asked for has a test that shows it, or the area that will bring it."""

from __future__ import annotations

import ast
import tomllib
from collections.abc import Mapping
from functools import cache
from pathlib import Path

import pytest

Reference = Mapping[str, Mapping[str, Mapping[str, str | Mapping[str, str]]]]
REFERENCE: Reference = tomllib.loads(Path("tests/reference.toml").read_text(encoding="utf-8"))
AREAS = {"crm", "integrations", "data", "marketing", "canvas"}
NAMES = {"A": 193, "B": 122, "C": 190, "D": 53, "E": 75}  # of each document: a name that goes is missed here


@cache
def in_file(path: str) -> frozenset[str]:
    """The names of the test functions in a file, its classes' too; none where there is no file."""
    if not Path(path).is_file():
        return frozenset()
    tree = ast.parse(Path(path).read_text(encoding="utf-8"))
    functions = {node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)}
    return frozenset(name for name in functions if name.startswith("test_"))


def fault(entry: object) -> str:
    """What is wrong with what stands at a name; empty where nothing is."""
    match entry:
        case {"coming": str(area)} if len(entry) == 1:
            return "" if area in AREAS else f"there is no area “{area}”"
        case str(test):
            path, _, name = test.partition("::")
            return "" if name.partition("[")[0] in in_file(path) else f"there is no test {test}"
    return f"neither a test nor coming = one of {sorted(AREAS)}: {entry}"


def faults(reference: Reference) -> list[str]:
    return [
        f"{document}.{section}.{name}: {text}"
        for document, sections in reference.items()
        for section, names in sections.items()
        for name, entry in names.items()
        if (text := fault(entry))
    ]


def test_every_name_has_its_test_or_its_area() -> None:
    assert faults(REFERENCE) == []


def test_no_name_of_a_document_is_missing() -> None:
    assert {document: sum(map(len, sections.values())) for document, sections in REFERENCE.items()} == NAMES


@pytest.mark.parametrize(
    ("entry", "words"),
    [
        ("", "there is no test"),
        ("tests/guards/test_reference.py", "there is no test"),
        ("tests/guards/test_reference.py::test_nothing_of_the_kind", "there is no test"),
        ("tests/guards/no_such_file.py::test_x", "there is no test"),
        ("tests/guards/test_reference.py::fault", "there is no test"),
        ({}, "neither"),
        ({"coming": "some day"}, "no area"),
        ({"coming": "crm", "test": "x"}, "neither"),
        (7, "neither"),
    ],
)
def test_what_stands_for_nothing_is_found(entry: object, words: str) -> None:
    assert words in fault(entry)


@pytest.mark.parametrize(
    "entry", [{"coming": "crm"}, "tests/guards/test_reference.py::test_what_stands_for_nothing_is_found[x]"]
)
def test_what_shows_a_name_is_let_pass(entry: object) -> None:
    assert fault(entry) == ""
