"""Only the state machine changes tokens: nothing outside flowapp/engine/machine writes into a state or builds a new one."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
MACHINE = "flowapp/engine/machine/"
PARTS = {"tokens", "visits", "loops", "stopped", "goal", "responded"}  # keys of a state, none of another dictionary
ROOMS = ("flowapp/engine/", "flowapp/executions/")  # where `token` and `state` are those of executions
NAMES = {"token", "tokens", "state"}
MUTATORS = {"update", "pop", "popitem", "clear", "setdefault", "append", "extend", "remove", "insert"}


def _chain(node: ast.AST) -> Iterator[str]:
    """The names and constant keys of an expression like `run.state["tokens"][number]`, outermost first."""
    while True:
        match node:
            case ast.Subscript(value=value, slice=ast.Constant(value=str(key))):
                yield f"[{key}]"
                node = value
            case ast.Subscript(value=value):
                node = value
            case ast.Attribute(value=value, attr=name):
                yield name
                node = value
            case ast.Name(id=name):
                yield name
                return
            case _:
                return


def _is_state(node: ast.AST, *, named: bool) -> bool:
    """Whether the expression is a part of a state, by its keys; where `named`, also by the names of variables."""
    chain = list(_chain(node))
    return any(f"[{part}]" in chain for part in PARTS) or (named and bool(NAMES & set(chain)))


def writes(source: str, *, named: bool = True) -> list[int]:
    """Lines that write into a state or a token, or build a state."""
    lines = []
    for node in ast.walk(ast.parse(source)):
        targets: list[ast.expr] = []
        match node:
            case ast.Assign(targets=several):
                targets = several
            case ast.AugAssign(target=one) | ast.AnnAssign(target=one):
                targets = [one]
            case ast.Delete(targets=several):
                targets = several
            case ast.Call(func=ast.Attribute(value=owner, attr=method)) if method in MUTATORS:
                if _is_state(owner, named=named):
                    lines.append(node.lineno)
            case ast.Dict(keys=keys):
                if any(isinstance(key, ast.Constant) and key.value in {"tokens", "loops", "stopped"} for key in keys):
                    lines.append(node.lineno)
            case _:
                pass
        for target in targets:
            flat = target.elts if isinstance(target, ast.Tuple | ast.List) else [target]
            lines += [target.lineno for one in flat if isinstance(one, ast.Subscript) and _is_state(one, named=named)]
    return sorted(set(lines))


FILES = sorted(
    path for path in (ROOT / "flowapp").rglob("*.py") if not path.relative_to(ROOT).as_posix().startswith(MACHINE)
)


def test_nobody_else_writes_tokens() -> None:
    found = {}
    for path in FILES:
        name = path.relative_to(ROOT).as_posix()
        if lines := writes(path.read_text(), named=name.startswith(ROOMS)):
            found[name] = lines
    assert not found, "give what happened to engine.machine in place of writing into its state"


@pytest.mark.parametrize(
    "line",
    [
        'run.state["tokens"][number]["seq"] = 1',
        'token["status"] = "ready"',
        'self.state["responded"] = True',
        'del state["loops"]["3"]',
        'state["ok"] += 1',
        'token["until"], token["branch"] = None, ""',
        "token.update(status='ready')",
        'state["tokens"].pop(number)',
        'execution.state["tokens"].clear()',
        'new = {**state, "tokens": {}}',
        'state.setdefault("loops", {})',
    ],
)
def test_it_sees_each_way_to_write(line: str) -> None:
    assert writes(line) == [1]


@pytest.mark.parametrize(
    "line",
    [
        'step = token["step"]',
        'steps = [t["step"] for t in state["tokens"].values()]',
        "self.state = state",
        "seen[token] = 1",
    ],
)
def test_reading_and_replacing_the_whole_are_no_writes(line: str) -> None:
    assert writes(line) == []
