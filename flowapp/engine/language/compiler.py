"""From one expression's source to a closure: parsed by Jinja, evaluated by us over JSON values only.

No Jinja code runs after parsing: there are no calls, no attributes of Python objects, no templates. A program has a
bounded number of nodes and no loops; what its filters and operators work through is charged to a `Frame`.
"""

from __future__ import annotations

import difflib
import inspect
import itertools
import re
from collections.abc import Callable, Iterable, Mapping
from functools import lru_cache
from typing import Any

from jinja2 import Environment, TemplateError, nodes
from jinja2.parser import Parser

from flowapp.engine.language.closures import (
    Node,
    call_filter,
    compare_missing,
    default_filter,
    is_present,
    soft,
    value_or_missing,
)
from flowapp.engine.language.filters import ALIASES, FILTERS
from flowapp.engine.language.operators import (
    COMPARISONS,
    TESTS,
    TESTS_WITH_ARGUMENT,
    Frame,
    calculate,
    incomparable,
    text_of,
)
from flowapp.engine.language.values import MISSING, Absent, bounded, kind, range_end, to_text
from flowapp.errors import ExpressionError, UnreadableError
from flowapp.texts import say
from flowapp.values.patterns import read_pattern

MAX_SOURCE = 10_000  # characters of one expression
MAX_NODES = 1_000
MAX_NESTING = 60

_ENVIRONMENT = Environment(autoescape=False)  # noqa: S701 - parses only, renders nothing
_UNKNOWN_ESCAPE = re.compile(r"\\(.)", re.DOTALL)


Key = str | int


class CompiledExpression:
    """`run(frame)` gives its value; `paths` are the fields it names; `plain`: just one; `safe`: the filter stands last.

    `faults` is what can be told to be wrong before it runs: refused where it is saved, not in what was published before.
    """

    __slots__ = ("faults", "paths", "plain", "run", "safe")

    def __init__(self, source: str) -> None:
        tree = parse(source)
        builder = _Builder()
        self.run = builder.build(tree)
        self.paths = tuple(dict.fromkeys(builder.paths))
        self.faults = tuple(builder.faults)
        self.plain = isinstance(tree, nodes.Name | nodes.Getattr | nodes.Getitem) and len(builder.paths) == 1
        self.safe = isinstance(tree, nodes.Filter) and tree.name == "safe"


def parse(source: str) -> nodes.Expr:
    """Jinja's tree of one expression. Raises ExpressionError with what the parser did not understand."""
    if len(source) > MAX_SOURCE:
        raise ExpressionError(say("The expression is too long: more than %(max)s characters.", max=MAX_SOURCE))
    if not source.strip():
        raise ExpressionError(say("The expression is empty: put a name such as input.email between the braces."))
    # Python warns about escapes it does not know (`\d`): they mean themselves.
    source = _UNKNOWN_ESCAPE.sub(lambda m: m[0] if m[1] in "\\'\"abfnrtvxuUN\n" else "\\" + m[0], source)
    try:
        parser = Parser(_ENVIRONMENT, source, state="variable")
        tree = parser.parse_expression()
        if not parser.stream.eos:
            unexpected = str(parser.stream.current.value)[:50]
            raise ExpressionError(say("“%(found)s” is not expected here.", found=unexpected))
    except TemplateError as error:
        message = str(error.message).replace("end of template", "end of the expression")
        raise ExpressionError(message[:200]) from None
    except RecursionError:
        raise ExpressionError(say("The expression is nested too deeply.")) from None
    except (ValueError, OverflowError, SyntaxError) as error:
        reason = str(error)[:100]
        raise ExpressionError(say("A number or text in it cannot be read: %(reason)s", reason=reason)) from None
    return tree


def lookup(scope: Mapping[str, object], path: tuple[Key, ...]) -> object:
    """The value at `path`. Raises Absent with the part of the path that is not there."""
    value: object = scope
    for at, key in enumerate(path):
        value = child(value, key, path[: at + 1])
    return value


def child(value: object, key: object, path: tuple[Key, ...]) -> object:
    """The field or entry `key` of `value`: objects by name, lists and texts by position; else Absent."""
    try:
        if isinstance(value, Mapping):
            return value[key if isinstance(key, str) else to_text(key)]
        if isinstance(value, list | tuple | str) and isinstance(key, int) and not isinstance(key, bool):
            return value[key]
    except (KeyError, IndexError):
        pass
    raise Absent(path, value)


@lru_cache(maxsize=4096)
def split_path(text: str) -> tuple[Key, ...]:
    """`deal.items[0].price` as keys; digits are positions."""
    parts = re.sub(r"\[([0-9]{1,9})\]", r".\1", text.strip()).split(".")
    return tuple(int(part) if part.isdecimal() and part.isascii() and len(part) < 10 else part for part in parts)


class _Builder:
    """Builds the closure of each node of Jinja's tree, counting nodes and noting the paths."""

    def __init__(self) -> None:
        self.count = 0
        self.depth = 0
        self.paths: list[tuple[str, ...]] = []
        self.faults: list[str] = []

    def build(self, node: nodes.Node) -> Node:
        self.enter()
        make = getattr(self, f"_{type(node).__name__.lower()}", None)
        if make is None:
            raise ExpressionError(_REFUSED.get(type(node), say("This kind of expression is not supported.")))
        built: Node = make(node)
        self.depth -= 1
        return built

    def enter(self) -> None:
        """One node more, and one deeper."""
        self.count += 1
        self.depth += 1
        if self.count > MAX_NODES or self.depth > MAX_NESTING:
            raise ExpressionError(say("The expression is too long or nested too deeply. Split it over several steps."))

    def _const(self, node: nodes.Const) -> Node:
        value = node.value
        if isinstance(value, str) and any("\ud800" <= char <= "\udfff" for char in value):
            raise ExpressionError(say("The text contains half a character (an unpaired surrogate)."))
        if isinstance(value, int | float) and not isinstance(value, bool):
            value = bounded(value)
        return lambda _: value

    def _name(self, node: nodes.Name) -> Node:
        if node.name in {"null", "nil"}:
            return lambda _: None
        return self._path(node.name, ())

    def _getattr(self, node: nodes.Getattr) -> Node:
        return self._chain(node)

    def _getitem(self, node: nodes.Getitem) -> Node:
        if isinstance(node.arg, nodes.Slice):
            return self._slice(self.build(node.node), node.arg)
        if isinstance(node.arg, nodes.Const):
            return self._chain(node)
        container, key = self.build(node.node), self.build(node.arg)

        def item(frame: Frame) -> object:
            parent, at = container(frame), key(frame)
            return child(parent, at, ("…", at if isinstance(at, str | int) else to_text(at)))

        return item

    def _chain(self, node: nodes.Node) -> Node:
        """A row of fixed keys, on a name or on any other expression."""
        keys: list[Key] = []
        while isinstance(node, nodes.Getattr) or (
            isinstance(node, nodes.Getitem) and isinstance(node.arg, nodes.Const)
        ):
            key = node.attr if isinstance(node, nodes.Getattr) else node.arg.value  # type: ignore[attr-defined]
            if isinstance(key, bool) or not isinstance(key, str | int):
                raise ExpressionError(say("Only a name or a whole number is allowed between [ and ]."))
            keys.insert(0, key)
            node = node.node
        if len(keys) > MAX_NESTING:
            raise ExpressionError(say("The expression is nested too deeply."))
        if isinstance(node, nodes.Name):
            return self._path(node.name, tuple(keys))
        base, rest = self.build(node), tuple(keys)

        def tail(frame: Frame) -> object:
            value = base(frame)
            for at, key in enumerate(rest):
                value = child(value, key, ("…", *rest[: at + 1]))
            return value

        return tail

    def _path(self, root: str, keys: tuple[Key, ...]) -> Node:
        self.paths.append((root, *map(str, keys)))
        whole = (root, *keys)

        def path(frame: Frame) -> object:
            try:
                value: Any = frame.scope[root]
                for key in keys:
                    value = value[key]
            except (KeyError, IndexError, TypeError):
                return lookup(frame.scope, whole)  # slower, and says what is wrong
            return value

        return path

    def _slice(self, value: Node, node: nodes.Slice) -> Node:
        if node.step is not None:
            raise ExpressionError(say("A range has only a start and an end: [1:3]."))
        ends = [self.build(end) if end is not None else (lambda _: None) for end in (node.start, node.stop)]

        def part(frame: Frame) -> object:
            whole, cut = value(frame), [end(frame) for end in ends]
            if not isinstance(whole, str | list | tuple):
                message = say("Only a list or text can be sliced with [ : ], not %(kind)s.", kind=kind(whole))
                raise ExpressionError(message)
            start, stop = map(range_end, cut)
            frame.charge(len(whole))
            return whole[start:stop]

        return part

    def _list(self, node: nodes.List) -> Node:
        entries = [self.build(entry) for entry in node.items]
        return lambda frame: [entry(frame) for entry in entries]

    _tuple = _list

    def _dict(self, node: nodes.Dict) -> Node:
        pairs = [(self.build(pair.key), self.build(pair.value)) for pair in node.items]
        return lambda frame: {to_text(key(frame)): value(frame) for key, value in pairs}

    def _concat(self, node: nodes.Concat) -> Node:
        parts = [self.build(part) for part in node.nodes]
        return lambda frame: text_of(frame, [part(frame) for part in parts])

    def _condexpr(self, node: nodes.CondExpr) -> Node:
        test, yes = self.test(node.test), self.build(node.expr1)
        no = self.build(node.expr2) if node.expr2 is not None else (lambda _: None)
        return lambda frame: yes(frame) if test(frame) else no(frame)

    def test(self, node: nodes.Node) -> Callable[[Frame], bool]:
        """Whether an expression counts as yes: with and, or, not each part of it. A missing field is empty."""
        self.enter()
        asked = self._asked(node)
        self.depth -= 1
        return asked

    def _asked(self, node: nodes.Node) -> Callable[[Frame], bool]:
        if isinstance(node, nodes.And | nodes.Or):
            left, right = self.test(node.left), self.test(node.right)
            if isinstance(node, nodes.And):
                return lambda frame: left(frame) and right(frame)
            return lambda frame: left(frame) or right(frame)
        if isinstance(node, nodes.Not):
            negated = self.test(node.node)
            return lambda frame: not negated(frame)
        if isinstance(node, nodes.Compare):
            return self._compare(node, null_if_missing=True)
        inner = self.build(node)
        return lambda frame: frame.counts(value_or_missing(inner, frame))

    def _and(self, node: nodes.And) -> Node:
        left, right = self.build(node.left), self.build(node.right)

        def both(frame: Frame) -> object:
            first = value_or_missing(left, frame)
            if first is MISSING:
                return False
            return right(frame) if first else first

        return both

    def _or(self, node: nodes.Or) -> Node:
        left, right = self.build(node.left), self.build(node.right)
        return lambda frame: value_or_missing(left, frame) or right(frame)

    def _not(self, node: nodes.Not) -> Node:
        inner = self.test(node.node)
        return lambda frame: not inner(frame)

    def _compare(self, node: nodes.Compare, *, null_if_missing: bool = False) -> Callable[[Frame], bool]:
        """`null_if_missing`: as in a lenient evaluation."""
        first = self.build(node.expr)
        rest = [(*COMPARISONS[op.op], self.build(op.expr)) for op in node.ops]

        def compare(frame: Frame) -> bool:
            try:
                left = first(frame)
                for name, test, other in rest:
                    right = other(frame)
                    holds = test(frame, left, right)
                    if holds is None and not frame.lenient:
                        raise ExpressionError(incomparable(name, left, right))
                    if not holds:
                        return False
                    left = right
            except Absent:
                if not (null_if_missing or frame.lenient):
                    raise
                return frame.language > 2 and compare_missing(frame, first, rest)
            return True

        return compare

    def _arithmetic(self, node: nodes.BinExpr) -> Node:
        left, right = self.build(node.left), self.build(node.right)
        name = node.operator
        return lambda frame: calculate(frame, name, left(frame), right(frame))

    _add = _sub = _mul = _div = _floordiv = _mod = _pow = _arithmetic

    def _neg(self, node: nodes.Neg) -> Node:
        inner = self.build(node.node)
        return lambda frame: calculate(frame, "-", 0, inner(frame))

    def _pos(self, node: nodes.Pos) -> Node:
        inner = self.build(node.node)
        return lambda frame: calculate(frame, "-", inner(frame), 0)

    def _filter(self, node: nodes.Filter) -> Node:
        name = ALIASES.get(node.name, node.name)
        known_filter = FILTERS.get(name)
        if known_filter is None or node.node is None:
            near = nearest(node.name, FILTERS)
            raise ExpressionError(say("There is no filter “%(name)s”.%(near)s", name=node.name[:50], near=near))
        args, named = self._arguments(node)
        try:
            given = inspect.signature(known_filter.function).bind(None, *args, **named).arguments
        except TypeError:
            message = say("Use the filter %(name)s like this: %(usage)s.", name=name, usage=known_filter.usage)
            raise ExpressionError(message) from None
        if name == "date":
            self.check_date(node)
        inner = self.build(node.node)
        return default_filter(inner, given) if name == "default" else call_filter(name, inner, args, named)

    def check_date(self, node: nodes.Filter) -> None:
        """Notes what is wrong with a date format that is written out."""
        given = [*node.args[:1], *(pair.value for pair in node.kwargs if pair.key == "pattern")]
        for pattern in given:
            if isinstance(pattern, nodes.Const) and isinstance(pattern.value, str):
                try:
                    read_pattern(pattern.value)
                except UnreadableError as error:
                    self.faults.append(error.reason)

    def _arguments(self, node: nodes.Filter | nodes.Test) -> tuple[list[Node], dict[str, Node]]:
        if node.dyn_args is not None or node.dyn_kwargs is not None:
            raise ExpressionError(say("* and ** are not supported here."))
        named = {str(pair.key): self.build(pair.value) for pair in node.kwargs if isinstance(pair, nodes.Keyword)}
        return [self.build(arg) for arg in node.args], named

    def _test(self, node: nodes.Test) -> Node:
        inner = self.build(node.node)
        args, named = self._arguments(node)
        if node.name in {"defined", "undefined"} and not args:
            wanted = node.name == "defined"
            return lambda frame: is_present(inner, frame) is wanted
        if node.name in TESTS and not args and not named:
            test = TESTS[node.name]
            return lambda frame: test(soft(inner, frame))
        if node.name in TESTS_WITH_ARGUMENT and len(args) == 1 and not named:
            asks = TESTS_WITH_ARGUMENT[node.name]
            return lambda frame: asks(soft(inner, frame), args[0](frame))
        known = ", ".join(["defined", "undefined", *TESTS, *TESTS_WITH_ARGUMENT])
        message = say("“is %(name)s” is not supported. Available: %(known)s.", name=node.name[:50], known=known)
        raise ExpressionError(message)


_REFUSED: dict[type[nodes.Node], str] = {
    nodes.Call: say("Functions cannot be called. Use a filter instead, such as input.name|upper."),
}


def nearest(name: str, names: Iterable[str]) -> str:
    """` Did you mean …?`, empty where nothing is near."""
    matches = difflib.get_close_matches(name[:100], [known[:100] for known in itertools.islice(names, 500)], n=1)
    return say(" Did you mean %(name)s?", name=matches[0]) if matches else ""
