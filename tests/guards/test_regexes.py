"""No regular expression of ours can take longer over a text than the text is long."""

from __future__ import annotations

import ast
import importlib
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from flowapp.engine.language.definition import STEP_ID
from flowapp.engine.language.workflow_config import REENTRY
from tests.conftest import ROOT
from tests.support.regexes import fault

FUNCTIONS = {"compile", "search", "match", "fullmatch", "sub", "subn", "split", "findall", "finditer"}

# Patterns made while running: examples of what comes out.
MADE: dict[tuple[str, str], tuple[str, ...]] = {
    ("flowapp/actions/data/transform_data/patterns.py", "token"): (r"[^\]a-z]", r"\w"),
    ("flowapp/engine/language/workflow_config.py", "pattern"): (STEP_ID, REENTRY),
    ("flowapp/security/opened.py", "''.join(map(_either, secret))"): (
        r"(?:(?-i:a)|%61)(?:(?-i:\ )|%20|\+)(?:(?-i:é)|%c3%a9)(?:(?-i:%)|%25)(?:(?-i:a)|%61)",
    ),
    ("flowapp/data/sql/like.py", "''.join(piece)"): (r"a.b", "abc", ".", ""),
    ("flowapp/data/sql/text.py", "f'%%\\\\({mark}_(\\\\d+)_\\\\)s'"): (r"%%\(p1a_(\d+)_\)s",),
    ("flowapp/data/sql/text.py", "f':{mark}_(\\\\d+)_'"): (r":p1a_(\d+)_",),
    ("flowapp/values/date_text.py", "''.join(pieces)"): (
        r"(?P<E>[^\W\d_]{1,20}\.?)\ (?P<d>[0-9]{1,2})\ (?P<M>mars|mai)\ (?P<y>[0-9]{4})\ (?P<a>[ap]\.?\ ?m\.?)",
    ),
    ("flowapp/triggers/schedule/cron.py", "f'\\\\b{name}\\\\b'"): (r"\bMonday\b",),
}

# Patterns that would be slow over a long text, and why they never meet one.
SHORT: dict[tuple[str, str], str] = {
    ("flowapp/actions/data/transform_data/patterns.py", "_TOKEN"): "a pattern has at most 500 characters",
    (
        "flowapp/catalog/manifests/checks.py",
        "field.pattern",
    ): "it meets a few hosts of our own, when a manifest is read",
    ("flowapp/catalog/patterns.py", "_PART"): "a pattern has at most 500 characters",
    ("flowapp/data/sql/sqlite.py", "_PART"): "an interval has at most 200 characters",
    ("flowapp/security/allow_list.py", "_HOST"): "a longer text than a host's 253 characters is refused before",
}


@dataclass(frozen=True)
class Use:
    """A pattern, and how it is used."""

    file: str
    line: int
    source: str
    pattern: Any
    flags: int
    methods: frozenset[str]


def files() -> Iterator[Path]:
    return (path for path in sorted((ROOT / "flowapp").rglob("*.py")) if "translations" not in path.parts)


def uses(path: Path) -> Iterator[Use]:
    """Every call of `re` in a file."""
    tree = ast.parse(path.read_text())
    name = str(path.relative_to(ROOT))
    if not any(
        isinstance(node, ast.Import) and any(alias.name == "re" for alias in node.names) for node in ast.walk(tree)
    ):
        return
    module = importlib.import_module(name.removesuffix(".py").replace("/", ".").removesuffix(".__init__"))
    called = methods_of_names(tree)
    for statement in ast.walk(tree):
        for node in ast.iter_child_nodes(statement):
            if not is_call(node):
                continue
            source = ast.unparse(node.args[0])
            methods = {node.func.attr}
            if node.func.attr == "compile":
                source = assigned(statement) or source
                methods = called.get(source, set()) or {"search"}
            made = MADE.get((name, source)) or (value_of(node.args[0], module),)
            for pattern in made:
                yield Use(name, node.lineno, source, pattern, flags_of(node, module), frozenset(methods))


def is_call(node: ast.AST) -> bool:
    return (
        isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and isinstance(node.func.value, ast.Name)
        and node.func.value.id == "re"
        and node.func.attr in FUNCTIONS
    )


def value_of(node: ast.AST, module: Any) -> Any:
    """The pattern; None where it is made of what only exists while running."""
    try:
        return eval(compile(ast.Expression(node), "pattern", "eval"), vars(module))  # type: ignore[arg-type]
    except NameError:
        return None


def flags_of(call: Any, module: Any) -> int:
    at = 1 if call.func.attr == "compile" else 2
    given = [*call.args[at:], *(keyword.value for keyword in call.keywords if keyword.arg == "flags")]
    return sum(int(value) for node in given if isinstance(value := value_of(node, module), re.RegexFlag))


def assigned(statement: ast.AST) -> str:
    targets = statement.targets if isinstance(statement, ast.Assign) else []
    return targets[0].id if targets and isinstance(targets[0], ast.Name) else ""


def methods_of_names(tree: ast.AST) -> dict[str, set[str]]:
    """NAME.method(…) in the file; a public name may be used elsewhere."""
    found: dict[str, set[str]] = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id.startswith("_"):
            found.setdefault(node.value.id, set()).add(node.attr)
    return found


ALL = [use for path in files() for use in uses(path)]


def test_the_guard_sees_the_patterns() -> None:
    calls = sum(path.read_text().count(f" re.{name}(") for path in files() for name in FUNCTIONS)
    assert len(ALL) >= calls > 60
    unknown = {(use.file, use.source) for use in ALL if use.pattern is None}
    assert not unknown - {*SHORT}, "say in MADE what they look like"
    assert {*MADE, *SHORT} <= {(use.file, use.source) for use in ALL}, "this one is gone"


@pytest.mark.parametrize("use", ALL, ids=lambda use: f"{use.file}:{use.line}")
def test_no_pattern_takes_longer_than_its_text_is_long(use: Use) -> None:
    if use.pattern is None or (use.file, use.source) in SHORT:
        return
    for method in use.methods & FUNCTIONS:
        assert not fault(use.pattern, use.flags, method), f"{use.source} in {method}"


SLOW = [
    (r"(a+)+b", 0, "match"), (r"(a|a)*b", 0, "match"), (r"(a*)*b", 0, "match"), (r"(\d{1,3})+x", 0, "match"),
    (r"(?:'(?:\{\{.*?\}\}|''|[^'])*')", re.DOTALL, "search"), (r"a+b?a+c", 0, "match"), (r"\S+@\S+", 0, "search"),
    (r"\s+$", 0, "search"), (r"“[^”]*”", 0, "sub"), (r"\{\{(.*?)\}\}", re.DOTALL, "finditer"), (r"(x+x+)+y", 0, "match"),
    (r"^(([a-z])+.)+[A-Z]([a-z])+$", 0, "match"), (r".*.*=.*", 0, "fullmatch"), (r"(?=.*x)y", 0, "search"),
    (r"([a-z0-9]+[-._]?)*@", re.I, "match"),
]  # fmt: skip
FAST = [
    (r"\d+", 0, "search"), (r"[^a-z0-9]+", 0, "sub"), (r"\s*[+-]?([0-9]+|[0-9]*\.[0-9]+)\s*", 0, "fullmatch"),
    (r"\S{1,64}@\S+", 0, "search"), (r"https?://\S+", 0, "search"), (r"(?<=://)[^/\s:@]+:[^/\s@]+(?=@)", 0, "sub"),
    (r"a+b+c", 0, "match"), (r"(ab|cd)*e", 0, "match"), (r"(?i)\b(bearer|basic)\s+[a-z]{8,}", 0, "sub"),
]  # fmt: skip


@pytest.mark.parametrize(("pattern", "flags", "method"), SLOW)
def test_slow_patterns_are_found(pattern: str, flags: int, method: str) -> None:
    assert fault(pattern, flags, method)


@pytest.mark.parametrize(("pattern", "flags", "method"), FAST)
def test_fast_patterns_pass(pattern: str, flags: int, method: str) -> None:
    assert not fault(pattern, flags, method)
