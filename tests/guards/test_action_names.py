"""What is known of a step type stands in its own file: no code outside of actions/ and connectors/ knows one by its name.

Many names are also plain words, or words of the flow language itself: WORDS says which, where, and why.
"""

from __future__ import annotations

import ast
from functools import cache
from pathlib import Path

import pytest

from flowapp.catalog import ACTIONS, TRIGGERS, canonical_type, load
from tests.support.source import nodes

ROOT = Path(__file__).parents[2]
MIN_SYNONYMS = 3
AT_HOME = ("actions/", "connectors/")
# Writes whole workflows, as a person does: the names of steps are its text.
WRITES_WORKFLOWS = ("template_library/",)
# A name of a step type that means something else: what, and in which files.
WORDS: dict[str, tuple[str, tuple[str, ...]]] = {
    "stop": (
        "a choice of on_error, on_exhausted and on_item_error",
        ("engine/graph/", "engine/language/definition.py", "engine/machine/", "models/definitions.py", "web/forms/", "pages/data/imports.py", "tasks/"),
    ),
    "goal": ("an outcome that the machine takes, and what its state says of it", ("engine/machine/", "engine/runtime/")),
    "loop": ("the machine's word for a loop; a group of values", ("engine/", "executions/", "web/forms/")),
    "wait": ("the machine's timer of a token; whether who starts a workflow waits for its end", ("engine/machine/", "tasks/simulation.py")),
    "join": ("how a lane of the outline ends", ("engine/graph/outline.py", "web/forms/flow.py")),
    "log": (
        "a message of the live bus, a line of an export",
        ("engine/runtime/recorder.py", "executions/", "live/", "security/sandbox/"),
    ),
    "delay": ("another name of a trigger's setting", ("triggers/dates/",)),
    "approval": (
        "a kind of signal",
        ("engine/", "models/signal.py", "executions/", "pages/executions/", "tasks/"),
    ),
    "condition": ("the code of a problem", ("engine/language/",)),
    **dict.fromkeys(
        ("add_tag", "remove_tag", "add_to_list", "remove_from_list"),
        ("what is done with many records at once", ("crm/bulk/", "api/jobs/bulk_schemas.py")),
    ),
    "respond": ("how a webhook answers: a value of the trigger", ("triggers/webhook.py", "api/public/")),
}  # fmt: skip


@pytest.fixture(autouse=True, scope="module")
def _catalog() -> None:
    load()


def _files() -> list[str]:
    return [file for file in nodes() if not file.startswith((*AT_HOME, *WRITES_WORKFLOWS))]


@cache
def _constants(file: str) -> tuple[ast.Constant, ...]:
    docstrings = {
        id(node.body[0].value)
        for node in nodes()[file]
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef)
        and node.body
        and isinstance(node.body[0], ast.Expr)
    }
    texts = (node for node in nodes()[file] if isinstance(node, ast.Constant) and isinstance(node.value, str))
    return tuple(text for text in texts if id(text) not in docstrings)


def _names() -> set[str]:
    """Types and aliases; a trigger's own name (webhook) is the trigger's."""
    names = set(ACTIONS).union(*(spec.aliases for spec in ACTIONS.values()))
    return {name for name in names if canonical_type("trigger", name) not in TRIGGERS}


def test_no_code_knows_a_step_type_by_its_name() -> None:
    names = _names()
    known = [
        f"{file}:{constant.lineno} {constant.value}"
        for file in _files()
        for constant in _constants(file)
        if constant.value in names and not file.startswith(WORDS.get(str(constant.value), ("", ()))[1])
    ]
    assert not known, "say it in the step's declaration (catalog.specs.ActionSpec)"


def test_no_code_compares_a_step_s_type() -> None:
    """Not even with a word that has other meanings: `step.action_type == "stop"`, `["action_type"].startswith("wait")`."""
    compared = [
        f"{file}:{node.lineno}"
        for file in _files()
        for node in nodes()[file]
        if isinstance(node, ast.Compare | ast.Call)
        and any(_is_type(part) for part in _sides(node))
        and any(isinstance(part, ast.Constant) and isinstance(part.value, str) for part in _sides(node))
    ]
    assert not compared


def _sides(node: ast.Compare | ast.Call) -> list[ast.expr]:
    if isinstance(node, ast.Compare):
        sides = [node.left, *node.comparators]
        return [
            part
            for side in sides
            for part in (side.elts if isinstance(side, ast.Tuple | ast.List | ast.Set) else [side])
        ]
    called = node.func
    return (
        [called.value, *node.args]
        if isinstance(called, ast.Attribute) and called.attr in ("startswith", "endswith")
        else []
    )


def _is_type(node: ast.expr) -> bool:
    """Whether it reads a step's type: an attribute, a key of a dict, or the text of one."""
    if isinstance(node, ast.Call):
        return any(_is_type(part) for part in (node.func, *node.args)) or any(
            isinstance(part, ast.Constant) and part.value == "action_type" for part in node.args
        )
    if isinstance(node, ast.Subscript):
        return isinstance(node.slice, ast.Constant) and node.slice.value == "action_type"
    return isinstance(node, ast.Attribute) and node.attr == "action_type"


def test_nothing_imports_a_step_type() -> None:
    imported = [
        f"{file}:{node.lineno}"
        for file in _files()
        for node in nodes()[file]
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("flowapp.actions")
    ]
    assert not imported


def test_no_template_knows_a_step_type() -> None:
    knowing = [
        file.relative_to(ROOT).as_posix()
        for file in (ROOT / "templates").rglob("*.html")
        if "action_type ==" in (text := file.read_text()) or "action_type !=" in text
    ]
    assert not knowing


def test_every_exception_is_used() -> None:
    """A word that nothing uses any more goes from the list."""
    texts = {file: {c.value for c in _constants(file)} for file in _files()}
    unused = [
        f"{word}: {place}"
        for word, (_, places) in WORDS.items()
        for place in places
        if not any(word in found for file, found in texts.items() if file.startswith(place))
    ]
    assert not unused


def test_a_sample_result_has_what_the_step_says_that_it_gives() -> None:
    for spec in ACTIONS.values():
        named = {name for name in spec.result if name}
        assert set(spec.sample or ()) == named, f"{spec.type}: the sample of its result"


def test_every_step_type_is_found_by_synonyms() -> None:
    """The search of the step picker knows a step by what people call it (ActionSpec.synonyms), not by its label alone."""
    lacking = [spec.type for spec in ACTIONS.values() if len(spec.synonyms.split()) < MIN_SYNONYMS]
    assert not lacking, f"say by which other words, English and French, people look for {lacking}"
