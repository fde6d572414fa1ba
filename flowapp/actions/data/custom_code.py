"""Runs a person's own Python on the data."""

from __future__ import annotations

import ast
from functools import lru_cache

from pydantic import Field, field_validator

from flowapp.catalog import N_, Done, Outcome, Params, StepContext, action, ui
from flowapp.security import helpers
from flowapp.texts import say

_SHORT = 2_000  # characters of code that are parsed in this process
_TAKEN = ("input", "result")  # the code's names for the whole mapping, and for what it hands on


@lru_cache(maxsize=64)
def _fault(code: str) -> str:
    """Why code cannot be read; nothing where it can."""
    # The parser goes back over what it cannot make out: nobody can say how often in a long text.
    try:
        return find_fault(code) if len(code) <= _SHORT else helpers.call(find_fault, code)
    except helpers.OverBudgetError as error:
        return error.message


def find_fault(code: str) -> str:
    """`_fault` without a budget."""
    try:
        tree = ast.parse(code)
    except SyntaxError as error:
        if error.lineno is None:
            return say("The code cannot be read: %(message)s.", message=error.msg)
        return say("The code cannot be read, line %(line)s: %(message)s.", line=str(error.lineno), message=error.msg)
    except (ValueError, RecursionError, MemoryError):
        return say("The code cannot be read: it is nested too deeply or contains a null character.")
    return "" if tree.body else say("Write some code.")


class CustomCodeParams(Params):
    """`code` hands on the variable `result`, or what it returns, or the value of its last line."""

    code: str = Field(
        max_length=50_000,
        json_schema_extra=ui(
            N_("Code"),
            N_(
                "Python. The step's result is the value of “result”; if that is not set, the returned "
                "value or the value of the last line. print() writes to the log. The code has no access to "
                "files or the network, and is limited to 2 seconds and 128 MB."
            ),
            widget="textarea",
            raw=True,
            placeholder="result = {'total': sum(line['amount'] for line in lines)}",
        ),
    )
    input: dict[str, object] = Field(
        {},
        json_schema_extra=ui(
            N_("Input"),
            N_("Each name becomes a variable in the code; “input” holds all of them."),
            widget="keyvalue",
        ),
    )

    @field_validator("code")
    @classmethod
    def _readable(cls, code: str) -> str:
        if fault := _fault(code):
            raise ValueError(fault)
        return code

    @field_validator("input")
    @classmethod
    def _free_names(cls, names: dict[str, object]) -> dict[str, object]:
        for name in _TAKEN:
            if name in names:
                raise ValueError(say("Choose a name other than “%(name)s”: the code needs that one itself.", name=name))
        return names


def sample_of(_ctx: StepContext, params: CustomCodeParams) -> object:
    """The names that the code writes into its result, where it writes them down; the code is only read."""
    if len(params.code) > _SHORT:
        return None
    tree = ast.parse(params.code)
    assigned = [
        node.value
        for node in ast.walk(tree)
        if isinstance(node, ast.Assign) and any(isinstance(to, ast.Name) and to.id == "result" for to in node.targets)
    ]
    returned = [node.value for node in ast.walk(tree) if isinstance(node, ast.Return)]
    last = [node.value for node in tree.body[-1:] if isinstance(node, ast.Expr)]
    given = next((values[-1] for values in (assigned, returned, last) if values), None)
    return _written(given) if isinstance(given, ast.Dict | ast.List) else None


def _written(node: ast.expr) -> object:
    """The value of an expression as far as it stands there; what is computed is not known."""
    if isinstance(node, ast.Dict):
        pairs = zip(node.keys, node.values, strict=True)
        return {str(key.value): _written(value) for key, value in pairs if isinstance(key, ast.Constant)}
    if isinstance(node, ast.List):
        return [_written(entry) for entry in node.elts[:1]]
    known = isinstance(node, ast.Constant) and isinstance(node.value, str | int | float)
    return node.value if isinstance(node, ast.Constant) and known else "…"


@action(
    "custom_code",
    label=N_("Custom code"),
    description=N_("Runs your own Python on the data."),
    group=N_("Data"),
    icon="code",
    synonyms="python script program function code programme fonction",
    effect="pure",
    params=CustomCodeParams,
    sample_of=sample_of,
    result={"": N_("What the code returned: an object, a list or a value")},
)
def custom_code(ctx: StepContext, params: CustomCodeParams) -> Outcome:
    """The result is the code's, so that later steps find its fields directly."""
    return Done(ctx.sandbox.run(params.code, params.input, timeout=ctx.timeout, on_print=ctx.log))
