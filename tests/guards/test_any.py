"""`Any` says nothing: on how many lines of the product it may stand, aliases of it counted."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

from tests.support.source import module_name, trees

MOST = 1340  # lines; it may only go down, to 700
Names = dict[str, set[str]]


def imported(tree: ast.Module) -> Iterator[tuple[str, tuple[str, str]]]:
    """What each imported name is: the module and its name there."""
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node.module:
            yield from ((alias.asname or alias.name, (node.module, alias.name)) for alias in node.names)


def aliases(tree: ast.Module) -> Iterator[tuple[str, set[str]]]:
    """The names of a module that stand for a type, with the names that the type is made of."""
    for node in tree.body:
        if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name):
            name = node.targets[0].id
            if name.lstrip("_")[:1].isupper() and isinstance(node.value, ast.Subscript | ast.BinOp | ast.Name):
                words = {leaf.id for leaf in ast.walk(node.value) if isinstance(leaf, ast.Name)}
                texts = [leaf.value for leaf in ast.walk(node.value) if isinstance(leaf, ast.Constant)]
                yield (
                    name,
                    words | {word for text in texts if isinstance(text, str) for word in re.findall(r"\w+", text)},
                )


def names_of_any(modules: dict[str, ast.Module]) -> Names:
    """By module, the names under which Any stands there: its own, those of aliases, and those that were imported."""
    origins = {module: dict(imported(tree)) for module, tree in modules.items()}
    known: Names = {module: set() for module in modules}
    grown = True
    while grown:
        before = sum(map(len, known.values()))
        for module, tree in modules.items():
            for name, (source, original) in origins[module].items():
                if (source, original) == ("typing", "Any") or original in known.get(source, ()):
                    known[module].add(name)
            known[module].update(name for name, parts in aliases(tree) if parts & known[module])
        grown = sum(map(len, known.values())) > before
    return known


def lines(modules: dict[str, ast.Module]) -> dict[str, int]:
    """On how many lines of each module Any stands."""
    known = names_of_any(modules)
    return {
        module: len({n.lineno for n in ast.walk(tree) if isinstance(n, ast.Name) and n.id in known[module]})
        for module, tree in modules.items()
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


def test_other_types_do_not_count() -> None:
    tree = ast.parse(Path("tests/support/source.py").read_text(encoding="utf-8"))
    assert lines({"source": tree}) == {"source": 0}
