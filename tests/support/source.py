"""The product's own source, parsed once for the guards."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path

ROOT = Path("flowapp")


@cache
def trees() -> Mapping[Path, ast.Module]:
    """Every file of the product."""
    return {path: ast.parse(path.read_text(encoding="utf-8")) for path in sorted(ROOT.rglob("*.py"))}


def module_name(path: Path) -> str:
    """`flowapp/engine/__init__.py` is flowapp.engine."""
    parts = path.with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def functions() -> Iterator[tuple[Path, ast.FunctionDef | ast.AsyncFunctionDef]]:
    """Every function and method, those inside others too."""
    for path, tree in trees().items():
        for node in ast.walk(tree):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                yield path, node


def classes() -> Iterator[tuple[Path, ast.ClassDef]]:
    for path, tree in trees().items():
        for node in ast.walk(tree):
            if isinstance(node, ast.ClassDef):
                yield path, node


@cache
def nodes() -> Mapping[str, tuple[ast.AST, ...]]:
    """All nodes of each file, by its path inside the package."""
    return {path.relative_to(ROOT).as_posix(): tuple(ast.walk(tree)) for path, tree in trees().items()}


def called(node: ast.AST) -> str:
    """The name that a call names, dotted where it is an attribute of a name; empty for anything else."""
    if not isinstance(node, ast.Call):
        return ""
    if isinstance(node.func, ast.Attribute) and isinstance(node.func.value, ast.Name):
        return f"{node.func.value.id}.{node.func.attr}"
    return node.func.id if isinstance(node.func, ast.Name) else ""
