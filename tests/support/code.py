"""The code under flowapp/ as syntax trees, each read once, for guards that look through all of it."""

from __future__ import annotations

import ast
from functools import cache
from pathlib import Path

CODE = Path(__file__).parents[2] / "flowapp"


@cache
def files() -> tuple[str, ...]:
    """Every file, as a path under flowapp/."""
    return tuple(sorted(file.relative_to(CODE).as_posix() for file in CODE.rglob("*.py")))


@cache
def nodes(file: str) -> tuple[ast.AST, ...]:
    """All nodes of a file's tree."""
    return tuple(ast.walk(ast.parse((CODE / file).read_text())))


def called(node: ast.AST) -> str:
    """The name that a call names, dotted where it is an attribute of a name; empty for anything else."""
    if not isinstance(node, ast.Call):
        return ""
    if isinstance(node.func, ast.Attribute) and isinstance(node.func.value, ast.Name):
        return f"{node.func.value.id}.{node.func.attr}"
    return node.func.id if isinstance(node.func, ast.Name) else ""
