"""Expressions in a query: a person writes `{{ x }}` into SQL, the database gets a parameter."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

from flowapp.catalog.context import StepContext
from flowapp.errors import StepError
from flowapp.texts import say

_OPENS = re.compile(r"""--|/\*|"|'|\{\{""")
_CLOSES = {"--": "\n", "/*": "*/", '"': '"'}
_IN_TEXT = re.compile(r"''|'|\{\{")
_BRACES = re.compile(r"\{\{|\}\}")


def bind(ctx: StepContext, query: str, params: dict[str, object]) -> tuple[str, dict[str, object]]:
    """The query with each expression replaced by a parameter of its own, and all parameters.

    `'%{{ x }}%'` becomes one text parameter, quotes included; `{{ x }}` keeps its type.
    """

    def value_of(part: str) -> object:
        in_quotes = part.startswith("'")
        value = ctx.render(part[1:-1].replace("''", "'") if in_quotes else part)
        if isinstance(value, dict) or (isinstance(value, list) and in_quotes):
            raise StepError(say("%(part)s is not a single value: use one of its fields.", part=part), permanent=True)
        return str(value) if in_quotes and value is not None else value

    return replace_expressions(query, params, value_of)


def replace_expressions(
    query: str, params: dict[str, object], value_of: Callable[[str], object] = lambda _: None
) -> tuple[str, dict[str, object]]:
    """The query with a parameter in place of each expression, and all parameters; `value_of` gives the new ones.

    It is asked for an expression that stands alone, `{{ x }}`, or for a text in quotes with expressions in it.
    """
    bound, written, done = dict(params), list[str](), 0
    for start, end in _with_expressions(query):
        name = f"value_{len(bound) + 1}"
        while name in bound:
            name += "_"
        bound[name] = value_of(query[start:end])
        written += [query[done:start], f":{name}"]
        done = end
    return "".join([*written, query[done:]]), bound


def _with_expressions(query: str) -> Iterator[tuple[int, int]]:
    """Where expressions stand alone, and texts in quotes that hold some; comments and quoted names are passed over.

    What has no end reaches to the end of the query: the database's parser says so.
    """
    at = 0
    while opening := _OPENS.search(query, at):
        (start, at), filled = opening.span(), False
        if opening[0] == "{{":
            end = _end_of_expression(query, at)
            at, filled = end or at, end > 0
        elif opening[0] == "'":
            at, filled = _end_of_text(query, at)
        else:
            end = query.find(_CLOSES[opening[0]], at)
            at = end + len(_CLOSES[opening[0]]) if end >= 0 else len(query)
        if filled:
            yield start, at


def _end_of_text(query: str, at: int) -> tuple[int, bool]:
    """Where the text in quotes that was opened before `at` ends, and whether it holds an expression and has an end."""
    filled = False
    while mark := _IN_TEXT.search(query, at):
        at = mark.end()
        if mark[0] == "'":
            return at, filled
        if mark[0] == "{{" and (end := _end_of_expression(query, at)):
            at, filled = end, True
    return len(query), False


def _end_of_expression(query: str, at: int) -> int:
    """Where the expression that was opened before `at` ends; 0 where another one begins first, or none ends."""
    found = _BRACES.search(query, at)
    return found.end() if found and found[0] == "}}" else 0
