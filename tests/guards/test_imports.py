"""No circles of imports, those inside functions and for type checking included; and the engine's SQL in its own rooms."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping
from graphlib import CycleError, TopologicalSorter

import pytest

from tests.support.source import module_name, trees

STATEMENTS = {"select", "insert", "update", "delete", "text", "exists", "func", "union", "union_all"}


def imported(tree: ast.Module, modules: frozenset[str]) -> Iterator[str]:
    """The product's modules that the file imports, wherever the import stands."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names if alias.name in modules)
        elif isinstance(node, ast.ImportFrom) and node.module and node.level == 0:
            for alias in node.names:
                inner = f"{node.module}.{alias.name}"
                yield from [inner] if inner in modules else [node.module] if node.module in modules else []


def graph() -> dict[str, set[str]]:
    modules = frozenset(map(module_name, trees()))
    return {module_name(path): set(imported(tree, modules)) - {module_name(path)} for path, tree in trees().items()}


def opened(module: str, target: str) -> set[str]:
    """The packages whose __init__ runs before the target is imported: all around it that are not around the module."""
    names = target.split(".")
    around = {".".join(names[:depth]) for depth in range(2, len(names))}
    return {package for package in around if not f"{module}.".startswith(f"{package}.")}


def loading() -> dict[str, set[str]]:
    """What runs when a module is imported: its imports outside of functions, with the packages that these open."""
    modules = frozenset(map(module_name, trees()))
    found: dict[str, set[str]] = {}
    for path, tree in trees().items():
        top = [node for node in tree.body if isinstance(node, (ast.Import, ast.ImportFrom))]
        module, targets = module_name(path), set(imported(ast.Module(body=[*top], type_ignores=[]), modules))
        found[module] = (targets | {room for target in targets for room in opened(module, target)}) - {module}
    return found


def circles(graph: Mapping[str, set[str]]) -> set[frozenset[str]]:
    """Groups of modules each of which leads to each of the others."""
    reachable = {module: _reachable(graph, module) for module in _in_circles(graph)}
    groups = ({other for other in found if module in reachable.get(other, ())} for module, found in reachable.items())
    return {frozenset(group) for group in groups if len(group) > 1}


def _in_circles(graph: Mapping[str, set[str]]) -> set[str]:
    """Modules that may be in one: what nothing leads to, and what leads to nothing, is left out again and again."""
    left = {module: set(targets) for module, targets in graph.items()}
    while True:
        wanted = {target for targets in left.values() for target in targets}
        fewer = {m: {t for t in targets if t in left} for m, targets in left.items() if targets and m in wanted}
        if fewer == left:
            return set(left)
        left = fewer


def _reachable(graph: Mapping[str, set[str]], start: str) -> set[str]:
    found: set[str] = set()
    todo = [start]
    while todo:
        for target in graph.get(todo.pop(), ()):
            if target not in found:
                found.add(target)
                todo.append(target)
    return found


def test_there_are_no_circles() -> None:
    assert circles(graph()) == set()


def test_each_module_can_be_the_first_that_is_imported() -> None:
    """Helper processes import the module of the function that they are to call, and no other before it."""
    assert circles(loading()) == set()


def test_a_package_is_imported_before_its_modules() -> None:
    assert opened("flowapp.data.tables", "flowapp.workflows.projects") == {"flowapp.workflows"}
    assert opened("flowapp.data.tables", "flowapp.data.sql.queries") == {"flowapp.data.sql"}
    assert opened("flowapp.data.sql.queries", "flowapp.data.sql.names") == set()


def test_a_circle_is_seen() -> None:
    round_trip = {"a": {"b"}, "b": {"c", "d"}, "c": {"a"}, "d": {"e"}, "e": set[str]()}
    assert circles(round_trip) == {frozenset("abc")}
    assert circles({"a": {"b"}, "b": {"c"}, "c": set()}) == set()
    with pytest.raises(CycleError):
        TopologicalSorter(round_trip).prepare()


def test_sql_of_the_engine_stands_in_store_and_retention() -> None:
    elsewhere = [
        f"{path}: {alias.name}"
        for path, tree in trees().items()
        if path.parts[:2] == ("flowapp", "engine") and path.parts[2] not in ("store", "retention")
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom) and (node.module or "").partition(".")[0] == "sqlalchemy"
        for alias in node.names
        if alias.name in STATEMENTS
    ]
    assert elsewhere == []
