"""`Any` says nothing: on how many lines of the product it may stand, aliases of it counted."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.source import module_name, trees

MOST = 380  # lines; it may only go down
Names = dict[str, set[str]]


def imported(tree: ast.Module) -> Iterator[tuple[str, tuple[str, str]]]:
    """What each imported name is: the module and its name there, which is empty for a module itself."""
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node.module:
            yield from ((alias.asname or alias.name, (node.module, alias.name)) for alias in node.names)
        elif isinstance(node, ast.Import):
            yield from ((alias.asname or alias.name, (alias.name, "")) for alias in node.names)


def parts(node: ast.AST) -> set[str]:
    """The names that a type is made of, those in texts and behind dots too."""
    found: set[str] = set()
    for leaf in ast.walk(node):
        if isinstance(leaf, ast.Name):
            found.add(leaf.id)
        elif isinstance(leaf, ast.Attribute):
            found.add(ast.unparse(leaf))
        elif isinstance(leaf, ast.Constant) and isinstance(leaf.value, str):
            found.update(re.findall(r"[\w.]+", leaf.value))
    return found


def aliases(node: ast.AST, owner: str = "") -> Iterator[tuple[str, set[str]]]:
    """The names that stand for a type, those of classes as Class.Name, with the names that the type is made of."""
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.ClassDef):
            bases = [base for base in child.bases if isinstance(base, ast.Subscript) and _holds(base)]
            yield owner + child.name, set().union(*map(parts, bases))
            yield from aliases(child, f"{owner}{child.name}.")
        elif isinstance(child, ast.Assign | ast.AnnAssign) and _is_alias(child):
            target = child.targets[0] if isinstance(child, ast.Assign) else child.target
            if isinstance(target, ast.Name) and child.value is not None:
                yield owner + target.id, parts(child.value)
        elif not isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef):
            yield from aliases(child, owner)


def _holds(base: ast.Subscript) -> bool:
    return ast.unparse(base.value).split(".")[-1].lower() in {"dict", "userdict", "mapping", "list", "tuple", "set"}


def _is_alias(node: ast.Assign | ast.AnnAssign) -> bool:
    if isinstance(node, ast.AnnAssign):
        return ast.unparse(node.annotation).endswith("TypeAlias")
    made = node.value
    if isinstance(made, ast.Call):
        return ast.unparse(made.func).endswith(("NewType", "TypeAliasType", "TypeVar"))
    return isinstance(made, ast.Subscript | ast.BinOp | ast.Name | ast.Attribute)


def names_of_any(modules: dict[str, ast.Module]) -> Names:
    """By module, the names under which Any stands there: its own, those of aliases, and those that were imported."""
    origins = {module: dict(imported(tree)) for module, tree in modules.items()}
    made = {module: list(aliases(tree)) for module, tree in modules.items()}
    known: Names = {module: set() for module in modules}
    elsewhere = {**known, "typing": {"Any"}, "typing_extensions": {"Any"}}
    grown = True
    while grown:
        before = sum(map(len, known.values()))
        for module, names in known.items():
            for name, (source, original) in origins[module].items():
                inside = f"{source}.{original}".rstrip(".")
                within = origins.get(inside, {})
                names |= {f"{name}.{word}" for word in elsewhere.get(inside, ()) if word.split(".")[0] not in within}
                names |= {name + word[len(original) :] for word in elsewhere.get(source, ()) if _is(word, original)}
            names |= {name for name, of in made[module] if of & names}
        grown = sum(map(len, known.values())) > before
    return known


def _is(word: str, original: str) -> bool:
    return word == original or word.startswith(f"{original}.")


def uses(tree: ast.Module, known: set[str]) -> Iterator[ast.expr]:
    """Where one of the names stands, in a text that is a type too."""
    ends = {name.rpartition(".")[2] for name in known}
    for node in ast.walk(tree):
        if isinstance(node, ast.Name):
            found = node.id in known
        else:
            found = isinstance(node, ast.Attribute) and node.attr in ends and ast.unparse(node) in known
        if found and isinstance(node, ast.expr):
            yield node
        for text in _types_in_texts(node):
            if known & parts(text):
                yield text


def _types_in_texts(node: ast.AST) -> Iterator[ast.Constant]:
    places: list[ast.expr | None] = []
    if isinstance(node, ast.arg | ast.AnnAssign):
        places = [node.annotation]
    elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
        places = [node.returns]
    elif isinstance(node, ast.Call) and ast.unparse(node.func).split(".")[-1] == "cast":
        places = [node.args[0]]
    for place in places:
        for leaf in ast.walk(place) if place is not None else ():
            if isinstance(leaf, ast.Constant) and isinstance(leaf.value, str):
                yield leaf


def lines(modules: dict[str, ast.Module]) -> dict[str, int]:
    """On how many lines of each module Any stands."""
    known = names_of_any(modules)
    return {
        module: len({node.lineno for node in uses(tree, known[module])})
        for module, tree in modules.items()
        if known[module]
    }


def product() -> dict[str, ast.Module]:
    return {module_name(path): tree for path, tree in trees().items()}


def test_any_stands_on_few_lines() -> None:
    counted = lines(product())
    worst = sorted(counted.items(), key=lambda item: -item[1])[:10]
    assert sum(counted.values()) <= MOST, f"say what it is; most stand in {worst}"


def test_an_alias_counts_where_it_is_used() -> None:
    one = ast.parse("from typing import Any\nJson = dict[str, Any]\ndef f(a: Json, b: int) -> Any: ...\n")
    two = ast.parse("from one import Json\ndef g(\n    a: Json,\n    b: Json) -> str: ...\n")
    assert lines({"one": one, "two": two}) == {"one": 2, "two": 2}


@pytest.mark.parametrize(
    "hidden",
    [
        "Json: TypeAlias = dict[str, Any]",
        "Json = NewType('Json', dict[str, Any])",
        "Json = TypeVar('Json', bound=Any)",
        "class Json(dict[str, Any]): ...",
        "if TYPE_CHECKING: Json = Any",
        "Json = 'dict[str, Any]' | None",
    ],
)
def test_an_alias_of_any_kind_counts(hidden: str) -> None:
    one = ast.parse(f"from typing import Any\n{hidden}\n")
    two = ast.parse("from one import Json\nimport one\ndef f(a: Json): ...\ndef g(a: one.Json): ...\n")
    assert lines({"one": one, "two": two})["two"] == 2


@pytest.mark.parametrize(
    "written",
    [
        "import typing\ndef f(a: typing.Any): ...",
        "import typing as t\ndef f(a: t.Any): ...",
        "from typing import Any\ndef f(a: 'list[Any]'): ...",
        "from typing import Any, cast\na = cast('Any', 1)",
        "from typing import Any as Whatever\na: Whatever = 1",
        "import typing\nclass A:\n    Json = typing.Any  # 1\na: A.Json = 1  # 2",
    ],
)
def test_any_counts_however_it_is_written(written: str) -> None:
    assert lines({"one": ast.parse(written)})["one"] == max(written.count("#"), 1)


def test_other_types_do_not_count() -> None:
    tree = ast.parse(Path("tests/support/source.py").read_text(encoding="utf-8"))
    assert lines({"source": tree}) == {}
