"""What exists is documented: settings, actions, triggers, pages, end points; tests that are named exist, no merge is half done."""

from __future__ import annotations

import ast
import json
import re
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from flowapp import catalog
from flowapp.actions.data.transform_data.kinds import KINDS, documented
from flowapp.config import DOCS, OTHER_NAMES, Settings
from flowapp.engine.language.filters import FILTERS

PAGES = sorted(Path("docs").rglob("*.md"))
MARKS = re.compile(r"^(<<<<<<<|>>>>>>>) ", re.MULTILINE)


class Recording(Mapping[str, str]):
    """An environment that remembers what was asked for."""

    def __init__(self, values: dict[str, str]) -> None:
        self.values_, self.asked = values, set[str]()

    def __getitem__(self, name: str) -> str:
        self.asked.add(name)
        return self.values_[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self.values_)

    def __len__(self) -> int:
        return len(self.values_)


def test_every_setting_is_documented(tmp_path: Path) -> None:
    asked: set[str] = set()
    for extra in ({}, {"SMTP_HOST": "h"}):
        environment = Recording({"FLOWAPP_DATA_DIR": str(tmp_path), **extra})
        Settings.from_env(environment)
        asked |= environment.asked
    assert asked == set(DOCS) | set(OTHER_NAMES)
    assert set(OTHER_NAMES.values()) <= set(DOCS)


@pytest.fixture(scope="module", autouse=True)
def _catalog() -> None:
    catalog.load()


def specs() -> list[Any]:
    catalog.load()
    return [*catalog.ACTIONS.values(), *catalog.TRIGGERS.values()]


@pytest.mark.parametrize("spec", specs(), ids=lambda s: s.type)
def test_every_step_and_trigger_says_what_it_is(spec: Any) -> None:
    assert spec.label
    assert len(spec.description) > 10
    assert spec.icon
    for name in spec.params.model_fields:
        ui = catalog.ui_of(spec.params, name)
        assert ui.get("label") or ui.get("widget") == "hidden", f"{spec.type}.{name} has no label"


def test_the_generated_docs_are_up_to_date() -> None:
    """Run `make docs` and commit what it changes."""
    from scripts import make_docs

    assert Path("docs/steps.md").read_text(encoding="utf-8") == make_docs.steps_page()
    assert Path("docs/connector.schema.json").read_text(encoding="utf-8") == make_docs.connector_schema()
    for path, text in make_docs.connector_pages().items():
        assert Path(path).read_text(encoding="utf-8") == text, path
    made = {
        "README.md": make_docs.readme,
        "compose.yaml": make_docs.compose,
        "docs/definition.md": make_docs.definition,
    }
    for name, make in made.items():
        text = Path(name).read_text(encoding="utf-8")
        assert make(text) == text, name


def test_every_filter_and_operation_is_in_the_docs_with_its_example() -> None:
    text = Path("docs/definition.md").read_text(encoding="utf-8").replace("\\|", "|")
    rows = [line for line in text.splitlines() if line.startswith("| `")]
    for name, known in FILTERS.items():
        assert known.label
        assert len(known.help) > 10
        assert known.suits
        assert any(row.startswith(f"| `{name}`") and known.example.expression in row for row in rows), name
    for kind in KINDS.values():
        assert len(kind.help) > 10
        assert kind.example or kind.conversions
    for entry in documented():
        assert entry.label
        assert len(entry.help) > 10
        settings = json.dumps(entry.row, ensure_ascii=False)
        assert any(f"`{settings}`" in row and entry.help in row for row in rows), settings


@cache
def _tests() -> frozenset[str]:
    """The names of all test functions."""
    trees = (ast.parse(path.read_text(encoding="utf-8")) for path in Path("tests").rglob("test_*.py"))
    nodes = (node for tree in trees for node in ast.walk(tree) if isinstance(node, ast.FunctionDef))
    return frozenset(node.name for node in nodes if node.name.startswith("test_"))


def named(text: str) -> set[str]:
    """The tests that a page names by their function."""
    return set(re.findall(r"`(test_\w+)`", text))


def test_every_test_that_a_page_names_exists() -> None:
    missing = {path.name: sorted(named(path.read_text(encoding="utf-8")) - _tests()) for path in PAGES}
    assert {page: names for page, names in missing.items() if names} == {}
    assert named("held by `test_no_such_thing`") - _tests() == {"test_no_such_thing"}


def test_no_page_holds_both_sides_of_a_merge() -> None:
    pages = [*PAGES, Path("README.md"), Path("CHANGELOG.md")]
    assert [path.name for path in pages if MARKS.search(path.read_text(encoding="utf-8"))] == []
    assert MARKS.search("a\n<<<<<<< HEAD\nb\n")
