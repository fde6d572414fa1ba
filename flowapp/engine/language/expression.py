"""Expressions inside JSON values: `Nouveau contact: {{ form_data.name }}` (DESIGN §4).

Text is cut at `{{` and `}}`; nothing else is special (`{%` and `{#` are plain text). One expression alone keeps its
type, inside text it becomes text. What an expression gives is never read as an expression again.
"""

from __future__ import annotations

import difflib
import itertools
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import lru_cache
from typing import NamedTuple

from flowapp.catalog import N_
from flowapp.engine.language.compiler import CompiledExpression
from flowapp.engine.language.operators import Frame, text_of
from flowapp.engine.language.scope import Scope, StepView
from flowapp.engine.language.values import MAX_DEPTH, MISSING, Absent, kind
from flowapp.errors import ExpressionError, MissingFieldError, Problem
from flowapp.texts import labelled, say

__all__ = [
    "MISSING",
    "Compiled",
    "Expression",
    "check",
    "compile_value",
    "cut",
    "has_expression",
    "references",
    "render",
]

MAX_TEMPLATE = 2**20  # characters of one text with expressions in it
MAX_EXPRESSIONS = 2_000  # in one text
_CACHED = 4096  # longer texts are compiled each time: they would fill the cache
_OPEN, _CLOSE = "{{", "}}"

Run = Callable[[Frame], object]
Path = tuple[str, ...]


class Expression(NamedTuple):
    """One `{{ … }}` of a text. `paths` are the fields that it names; `safe`: it ends with the filter of that name."""

    run: Run
    paths: tuple[Path, ...]
    safe: bool
    faults: tuple[str, ...]


class Compiled:
    """A value whose expressions are compiled. `references` are the paths that they name, in order, each once.

    `faults`: of a text, what is refused where it is saved, although it compiles.
    """

    __slots__ = ("_run", "_value", "faults", "references")

    def __init__(
        self, value: object, run: Run | None, references: tuple[Path, ...] = (), faults: tuple[str, ...] = ()
    ) -> None:
        self._value = value
        self._run = run
        self.references = references
        self.faults = faults

    def evaluate(self, scope: Scope | Mapping[str, object], lenient: bool = False) -> object:
        """The value with its expressions replaced; parts without any are passed on as they are, not copied.

        Raises MissingFieldError for a field that is not there (where `lenient`: MISSING, inside text nothing, inside
        an object or list null), and ExpressionError for what cannot be computed or exceeds the budget.
        """
        if self._run is None:
            return self._value
        try:
            return self._run(Frame(scope, lenient))
        except RecursionError:
            raise ExpressionError(say("The value is nested too deeply.")) from None

    def within(self, frame: Frame) -> object:
        """The value as a part of another one that is evaluated."""
        return self._value if self._run is None else self._run(frame)


def compile_value(value: object) -> Compiled:
    """Compiles a JSON value: text, or lists and objects with texts inside. Raises ExpressionError."""
    if isinstance(value, str):
        if _OPEN not in value:
            return Compiled(value, None)
        return _compile_cached(value) if len(value) <= _CACHED else _compile_text(value)
    if isinstance(value, dict | list):
        return _compile_container(value, 0)
    return Compiled(value, None)


def render(value: object, scope: Scope | Mapping[str, object]) -> object:
    """`value` with its expressions evaluated; see Compiled.evaluate."""
    return compile_value(value).evaluate(scope)


def compile_object(values: Mapping[str, Compiled], value: Mapping[str, object]) -> Compiled:
    """An object whose entries are compiled already: those of `value`."""
    return _combined(value, list(values.values()))


def has_expression(value: object) -> bool:
    """Whether a text in `value` holds an expression (object keys are never looked at)."""
    return any(_OPEN in text for _, text in _texts(value, ""))


def references(value: object) -> list[Path]:
    """Every path that the expressions in `value` name, such as ("steps", "save", "id"). Raises ExpressionError."""
    return list(compile_value(value).references)


def check(value: object, path: str = "") -> list[Problem]:
    """What does not parse in `value`, each with the dotted path of its field, `path` in front."""
    problems: list[Problem] = []
    try:
        for at, text in _texts(value, path):
            try:
                problems += [Problem(at, fault, code="expression") for fault in compile_value(text).faults]
            except ExpressionError as error:
                problems.append(Problem(at, error.message, code="expression"))
    except ExpressionError as error:
        problems.append(Problem(path, error.message, code="expression"))
    return problems


def _texts(value: object, path: str, depth: int = 0) -> Iterator[tuple[str, str]]:
    if isinstance(value, str):
        yield path, value
    elif isinstance(value, dict | list):
        _check_depth(depth)
        pairs = value.items() if isinstance(value, dict) else enumerate(value)
        for key, entry in pairs:
            yield from _texts(entry, f"{path}.{key}" if path else str(key), depth + 1)


def _check_depth(depth: int) -> None:
    if depth > MAX_DEPTH:
        raise ExpressionError(say("The value is nested too deeply: more than %(max)s levels.", max=MAX_DEPTH))


def _compile_container(value: Mapping[str, object] | Sequence[object], depth: int) -> Compiled:
    _check_depth(depth)
    entries = value.values() if isinstance(value, dict) else value
    parts = [
        _compile_container(entry, depth + 1) if isinstance(entry, dict | list) else compile_value(entry)
        for entry in entries
    ]
    return _combined(value, parts)


def _combined(value: Mapping[str, object] | Sequence[object], parts: list[Compiled]) -> Compiled:
    if all(part._run is None for part in parts):  # noqa: SLF001 - of the same class
        return Compiled(value, None)
    paths = tuple(dict.fromkeys(path for part in parts for path in part.references))
    runs = [_entry(part) for part in parts]
    if isinstance(value, dict):
        names = list(value)
        return Compiled(value, lambda frame: {n: run(frame) for n, run in zip(names, runs, strict=True)}, paths)
    return Compiled(value, lambda frame: [run(frame) for run in runs], paths)


def _entry(part: Compiled) -> Run:
    """An entry of a list or object: a missing field (in a lenient evaluation) is null there."""

    def entry(frame: Frame) -> object:
        computed = part.within(frame)
        return None if computed is MISSING else computed

    return entry


def _compile_text(text: str) -> Compiled:
    parts = cut(text)
    expressions = [part for part in parts if isinstance(part, Expression)]
    references = tuple(dict.fromkeys(path for part in expressions for path in part.paths))
    faults = tuple(fault for part in expressions for fault in part.faults)
    pieces = [_literal(part) if isinstance(part, str) else part.run for part in parts]
    if len(pieces) == 1:
        return Compiled(text, pieces[0], references, faults)
    return Compiled(text, lambda frame: text_of(frame, [piece(frame) for piece in pieces]), references, faults)


def cut(text: str) -> list[str | Expression]:
    """The text's literal parts and its expressions, in order. Raises ExpressionError."""
    if len(text) > MAX_TEMPLATE:
        raise ExpressionError(
            say("The text is too long to contain expressions: more than %(max)s characters.", max=MAX_TEMPLATE)
        )
    if text.count(_OPEN) > MAX_EXPRESSIONS:
        raise ExpressionError(
            say("There are too many expressions in one text: at most %(max)s are allowed.", max=MAX_EXPRESSIONS)
        )
    return [part if literal else _expression(part) for literal, part in _cut(text)]


_compile_cached = lru_cache(maxsize=8192)(_compile_text)


def _literal(text: str) -> Run:
    return lambda _: text


def _expression(source: str) -> Expression:
    try:
        program = CompiledExpression(source)
    except ExpressionError as error:
        message = say("%(expression)s cannot be read: %(reason)s", expression=_shown(source), reason=error.message)
        raise ExpressionError(message) from None
    inner, plain = program.run, program.plain

    def run(frame: Frame) -> object:
        try:
            value = inner(frame)
            if isinstance(value, str | dict | list):
                frame.result(value, plain)
        except Absent as absent:
            if frame.lenient:
                return MISSING
            raise missing(absent) from None
        except ExpressionError as error:
            raise ExpressionError(labelled(_shown(source), error.message)) from None
        return value

    return Expression(run, program.paths, program.safe, program.faults)


def _shown(source: str) -> str:
    source = source.strip()
    return f"{{{{ {source if len(source) <= 80 else source[:79] + '…'} }}}}"


def _cut(text: str) -> Iterator[tuple[bool, str]]:
    """(is literal, part) in order; empty literals are left out. Raises ExpressionError where `}}` is missing."""
    at = 0
    while (start := text.find(_OPEN, at)) >= 0:
        if start > at:
            yield True, text[at:start]
        end = _end(text, start + 2)
        yield False, text[start + 2 : end]
        at = end + 2
    if at < len(text):
        yield True, text[at:]


def _end(text: str, at: int) -> int:
    """Where the `}}` of an expression stands: outside quotes, and not the end of an object inside it."""
    start, depth, quote = at, 0, ""
    while at < len(text):
        char = text[at]
        if quote:
            at += char == "\\"
            quote = "" if char == quote else quote
        elif char in "'\"":
            quote = char
        elif char == "{":
            depth += 1
        elif char == "}" and depth:
            depth -= 1
        elif text.startswith(_CLOSE, at):
            return at
        at += 1
    begin = _OPEN + text[start : start + 40]
    if quote:
        message = say(
            "“%(text)s”: the quote %(quote)s is not closed. Expressions end with }}.", text=begin, quote=quote
        )
    else:
        message = say("“%(text)s”: the expression is not closed. Expressions end with }}.", text=begin)
    raise ExpressionError(message)


def missing(absent: Absent) -> MissingFieldError:
    """The error that names the path and the nearest name, or what there is."""
    *parents, key = absent.path
    full, parent, container = _dotted(absent.path), _dotted(parents), absent.container
    if isinstance(container, Mapping):
        return _no_such_name(full, parents, str(key), _names(container))
    if isinstance(container, list | tuple | str) and isinstance(key, int):
        template = N_("%(path)s does not exist: %(parent)s has %(count)s entries, counted from 0.")
        return MissingFieldError(say(template, path=full, parent=parent, count=str(len(container))))
    if isinstance(container, list | tuple):
        template = N_("%(path)s does not exist: %(parent)s is a list. Use %(parent)s[0] for its first entry.")
        return MissingFieldError(say(template, path=full, parent=parent))
    template = N_("%(path)s does not exist: %(parent)s is %(kind)s and has no fields.")
    return MissingFieldError(say(template, path=full, parent=parent, kind=kind(container)))


def _no_such_name(full: str, parents: list[str | int], key: str, names: list[str]) -> MissingFieldError:
    by_lower = {name.lower()[:100]: name for name in itertools.islice(names, 500)}
    near = difflib.get_close_matches(key.lower()[:100], list(by_lower), n=1)
    if near:
        suggestion = _dotted([*parents, by_lower[near[0]]])
        message = say("%(path)s does not exist. Did you mean %(near)s?", path=full, near=suggestion)
        return MissingFieldError(message, suggestion)
    known = ", ".join(name[:50] for name in names[:8]) + (" …" if len(names) > 8 else "")
    if not known:
        return MissingFieldError(
            say("%(path)s does not exist: %(parent)s is empty.", path=full, parent=_dotted(parents))
        )
    return MissingFieldError(say("%(path)s does not exist. Available: %(known)s.", path=full, known=known))


def _names(container: Mapping[str, object]) -> list[str]:
    if isinstance(container, Scope):
        return container.names()
    inner = container.get("result") if isinstance(container, StepView) else None
    return [*map(str, inner if isinstance(inner, dict) else ()), *map(str, container)]


def _dotted(path: list[str | int] | tuple[str | int, ...]) -> str:
    """The path as one writes it: a.b[0]['first name']."""
    text = ""
    for key in path:
        if isinstance(key, int):
            text += f"[{key}]"
        elif key.isidentifier() or key == "…":
            text += f".{key}" if text else key
        else:
            text += f"['{key[:100]}']"
    return text[:300]
