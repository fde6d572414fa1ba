"""One SQL statement with its parameters, as the drivers take it. Nothing that a step inserts becomes SQL."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from flowapp.errors import StepError
from flowapp.texts import say

_NAME = r"(?<![:\w]):(?P<name>[A-Za-z_]\w*)"
_COMMENT = r"/\*.*?(?:\*/|\Z)"
# What is no code: comments, texts and quoted names; a doubled quote ends one and begins the next. One that has no end
# reaches to the end of the statement.
_PARTS = {
    "postgresql": re.compile(
        rf"""--[^\n]*|{_COMMENT}|\b[eE]'(?:[^'\\]|\\.?)*(?:'|\Z)|'[^']*(?:'|\Z)|"[^"]*(?:"|\Z)"""
        rf"""|(?<!\w)\$(?P<tag>(?:[A-Za-z_]\w*)?)\$.*?(?:\$(?P=tag)\$|\Z)|{_NAME}""",
        re.DOTALL,
    ),
    "mysql": re.compile(
        rf"""--(?=\s|\Z)[^\n]*|\#[^\n]*|{_COMMENT}|'(?:[^'\\]|\\.?)*(?:'|\Z)|"(?:[^"\\]|\\.?)*(?:"|\Z)"""
        rf"""|`[^`]*(?:`|\Z)|{_NAME}""",
        re.DOTALL,
    ),
    "sqlite": re.compile(
        rf"""--[^\n]*|{_COMMENT}|'[^']*(?:'|\Z)|"[^"]*(?:"|\Z)|`[^`]*(?:`|\Z)|\[[^\]]*(?:\]|\Z)|{_NAME}""", re.DOTALL
    ),
}
READS = frozenset({"select", "with", "values", "table", "show", "explain", "describe", "desc", "pragma"})
_FIRST_WORD = re.compile(r"[\s(]*(\w*)")
_INTO_FILE = re.compile(r"\binto\s+(outfile|dumpfile)\b", re.IGNORECASE)
_RETURNING = re.compile(r"\breturning\b", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Statement:
    """`text` has the placeholders `%(name)s`; `word`: with which it begins; `returning`: whether it has that word."""

    text: str
    values: dict[str, object]
    word: str
    writes_file: bool
    returning: bool


def read(kind: str, query: str, params: Mapping[str, object]) -> Statement:
    """The statement of a query with parameters `:name`. StepError (permanent) where it cannot be sent."""
    written, code, used, done = list[str](), list[str](), dict[str, object](), 0
    for found in _PARTS[kind].finditer(query):
        between = query[done : found.start()]
        written.append(between.replace("%", "%%"))
        name, done = found["name"], found.end()
        if name is None:
            _refuse(kind, found[0])
            written.append(found[0].replace("%", "%%"))
        else:
            used[name] = _value(params, name)
            written.append(f"%({name})s")
        code += [between, " "]
    written.append(query[done:].replace("%", "%%"))
    code.append(query[done:])
    bare = "".join(code)
    _check(unused=sorted(set(params) - used.keys()), code=bare)
    word = _FIRST_WORD.match(bare)
    return Statement(
        text="".join(written),
        values=used,
        word=word[1].lower() if word else "",
        writes_file=bool(_INTO_FILE.search(bare)),
        returning=bool(_RETURNING.search(bare)),
    )


def _value(params: Mapping[str, object], name: str) -> object:
    if name not in params:
        raise StepError(say("The query uses “:%(name)s”, but there is no parameter of that name.", name=name), permanent=True)  # fmt: skip
    return params[name]


def _refuse(kind: str, part: str) -> None:
    """StepError for what would be executed although it looks like a comment, and for values that cannot be bound."""
    if kind == "mysql" and part.startswith(("/*!", "/*M!")):
        raise StepError(say("Comments that MySQL executes (/*! … */) cannot be used."), permanent=True)
    if "{{" in part and not part.startswith(("--", "/*", "#")):
        raise StepError(
            say("A value cannot be inserted between these quotes: %(part)s. Use a parameter, :name.", part=part[:100]),
            permanent=True,
        )


def _check(*, unused: list[str], code: str) -> None:
    if ";" in code and code.partition(";")[2].strip(" \t\r\n;"):
        raise StepError(say("Write one statement only: “;” can only stand at its end."), permanent=True)
    if not code.strip(" \t\r\n;"):
        raise StepError(say("Enter the query, for example SELECT * FROM contacts."), permanent=True)
    if unused:
        raise StepError(say("The query does not use the parameter “:%(name)s”.", name=unused[0]), permanent=True)
