"""Regular expressions whose time is linear in the text, for patterns that strangers to them write.

Python's `re` can take exponential time. This matcher tries alternatives in the same order (leftmost, greedy first), but
visits each pair of instruction and position once at most, as in https://swtch.com/~rsc/regexp/regexp2.html. What needs
more does not exist here: look-around, back references, possessive repetition. `(?i)`, `(?m)`, `(?s)` stand at the
beginning. A loop whose body may be empty can end earlier than with `re`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from functools import lru_cache
from typing import Literal, NamedTuple, Union

from flowapp.errors import StepError
from flowapp.texts import say

MAX_PATTERN = 500
MAX_CODE = 500  # instructions, counted repetitions written out
MAX_MATCHED = 20_000  # characters of one text
MAX_LEVELS = 40
STEP = 8  # what a visit costs, in units of Work

_TOKEN = re.compile(r"\\.|\[\^?\]?(?:\\.|[^\]\\])*\]|\(\?:|\(\?P?<[A-Za-z_]\w*>|\(\?|.", re.DOTALL)
_REPEAT = re.compile(r"([*+?]|\{([0-9]{1,4})(,([0-9]{0,4}))?\})([?+]?)")
_ANCHORS = {"^": "start", "$": "end", r"\A": "first", r"\Z": "last", r"\z": "last", r"\b": "edge", r"\B": "inside"}

One = tuple[Literal["one"], Callable[[str], object]]
Assertion = tuple[Literal["assert"], str]
Row = tuple[Literal["row"], "list[Node]"]
Group = tuple[Literal["group"], int, "Node"]
Either = tuple[Literal["either"], "list[Node]"]
Repeat = tuple[Literal["repeat"], "Node", int, "int | None", bool]
Node = Union[One, Assertion, Row, Group, Either, Repeat]  # noqa: UP007 - its parts name it
Spans = tuple[int | None, ...]


class Instruction(NamedTuple):
    """`accept` a character; or else: save a position, assert, go on at `to` (and, where that fails, at `other`)."""

    name: str
    accept: Callable[[str], object] | None = None
    to: int = 0
    other: int = 0


class Pattern:
    """A compiled pattern with `groups` groups."""

    def __init__(self, text: str) -> None:
        flags = re.match(r"\(\?([ims]+)\)", text)
        self.flags = sum({getattr(re, letter.upper()) for letter in flags[1]}) if flags else 0
        self.tokens = list(_TOKEN.finditer(text, flags.end() if flags else 0))
        self.text, self.at, self.groups = text, 0, 0
        self.code: list[Instruction] = []
        tree = self._either(0)
        if self.at < len(self.tokens):
            raise StepError(
                say("The pattern cannot be used: “)” without “(” at character %(place)s.", place=self._place() + 1)
            )
        self._emit(("group", 0, tree))
        self._add(Instruction("done"))

    def find(self, text: str, charge: Callable[[int], None]) -> Iterator[Spans]:
        """Every match: start and end of the whole, then of each group. StepError for a long text; `charge` may raise."""
        if len(text) > MAX_MATCHED:
            raise StepError(say("The text is too long for a pattern: more than %(most)s characters.", most=MAX_MATCHED))
        width = len(self.code)
        seen = bytearray(width * (len(text) + 1))
        at = 0
        while at <= len(text):
            spans = self._match(text, at, seen, charge)
            if spans is None:
                at += 1
                continue
            yield spans
            end = spans[1] or 0
            # Beyond the end all that was seen has failed, there it may have led to this match.
            seen[end * width : (end + 1) * width] = bytes(width)
            at = max(end, at + 1)

    def _match(self, text: str, start: int, seen: bytearray, charge: Callable[[int], None]) -> Spans | None:
        code, width, visits = self.code, len(self.code), 0
        stack: list[tuple[int, int, Spans]] = [(0, start, (None,) * (2 * self.groups + 2))]
        while stack:
            charge(visits * STEP)
            visits = 0
            pc, at, spans = stack.pop()
            while not seen[at * width + pc]:
                seen[at * width + pc] = 1
                visits += 1
                name, accept, to, other = code[pc]
                if name == "one":
                    if at == len(text) or not accept or not accept(text[at]):
                        break
                    at, pc = at + 1, pc + 1
                elif name == "fork":
                    stack.append((other, at, spans))
                    pc = to
                elif name == "jump":
                    pc = to
                elif name == "save":
                    spans = (*spans[:to], at, *spans[to + 1 :])
                    charge(len(spans))  # a copy, which what waits on the stack may keep
                    pc += 1
                elif name == "done":
                    return spans
                elif self._holds(name, text, at):
                    pc += 1
                else:
                    break
        charge(visits * STEP)
        return None

    def _holds(self, name: str, text: str, at: int) -> bool:
        if name in ("start", "first"):
            return at == 0 or (name == "start" and bool(self.flags & re.M) and text[at - 1] == "\n")
        if name in ("end", "last"):
            return at == len(text) or (name == "end" and bool(self.flags & re.M) and text[at] == "\n")
        before, after = (0 <= i < len(text) and (text[i].isalnum() or text[i] == "_") for i in (at - 1, at))
        return (before != after) == (name == "edge")

    def _place(self) -> int:
        return self.tokens[self.at].start() if self.at < len(self.tokens) else len(self.text)

    def _next(self) -> str:
        return self.tokens[self.at][0] if self.at < len(self.tokens) else ""

    def _either(self, level: int) -> Node:
        if level > MAX_LEVELS:
            raise StepError(
                say(
                    "The pattern is nested too deeply: at most %(most)s levels are allowed.",
                    most=MAX_LEVELS,
                )
            )
        options = [self._row(level)]
        while self._next() == "|":
            self.at += 1
            options.append(self._row(level))
        return ("either", options) if len(options) > 1 else options[0]

    def _row(self, level: int) -> Node:
        parts: list[Node] = []
        while self._next() not in ("", "|", ")"):
            parts.append(self._repeated(self._atom(level)))
        return ("row", parts)

    def _atom(self, level: int) -> Node:
        token = self._next()
        place = self._place() + 1
        self.at += 1
        if token in _ANCHORS:
            return ("assert", _ANCHORS[token])
        if token == "(?":  # noqa: S105 - of a pattern
            raise StepError(
                say("The pattern cannot be used: there is no “(?…” as at character %(place)s here.", place=place)
            )
        if token.startswith("("):
            number = None
            if token != "(?:":  # noqa: S105
                self.groups += 1
                number = self.groups
            inner = self._either(level + 1)
            if self._next() != ")":
                raise StepError(say("The pattern cannot be used: “(” without “)” at character %(place)s.", place=place))
            self.at += 1
            return inner if number is None else ("group", number, inner)
        if token in ("*", "+", "?", "[") or re.fullmatch(r"\\[0-9GkpPXQEC]|\\", token):
            raise StepError(
                say(
                    "The pattern cannot be used: “%(token)s” at character %(place)s has no meaning here.",
                    token=token,
                    place=place,
                )
            )
        return ("one", _accepts(token, self.flags))

    def _repeated(self, node: Node) -> Node:
        repeat = _REPEAT.match(self.text, self._place())
        if not repeat:
            return node
        while self.at < len(self.tokens) and self._place() < repeat.end():
            self.at += 1
        if repeat[5] == "+" or _REPEAT.match(self.text, repeat.end()):
            raise StepError(say("The pattern cannot be used: repeated twice at character %(end)s.", end=repeat.end()))
        if repeat[2]:
            low, high = int(repeat[2]), int(repeat[4]) if repeat[4] else None if repeat[3] else int(repeat[2])
        else:
            low, high = int(repeat[1] == "+"), 1 if repeat[1] == "?" else None
        if high is not None and high < low:
            raise StepError(say("The pattern cannot be used: “%(repeat)s” counts down.", repeat=repeat[0]))
        return ("repeat", node, low, high, bool(repeat[5]))

    def _add(self, instruction: Instruction) -> int:
        if len(self.code) >= MAX_CODE:
            raise StepError(say("The pattern is too expensive: use smaller numbers between { and }."))
        self.code.append(instruction)
        return len(self.code) - 1

    def _emit(self, node: Node) -> None:
        if node[0] == "one":
            self._add(Instruction("one", node[1]))
        elif node[0] == "assert":
            self._add(Instruction(node[1]))
        elif node[0] == "row":
            for part in node[1]:
                self._emit(part)
        elif node[0] == "group":
            self._add(Instruction("save", to=2 * node[1]))
            self._emit(node[2])
            self._add(Instruction("save", to=2 * node[1] + 1))
        elif node[0] == "either":
            self._emit_either(node[1])
        else:
            self._emit_repeat(*node[1:])

    def _emit_either(self, options: list[Node]) -> None:
        ends = []
        for option in options[:-1]:
            fork = self._add(Instruction("fork"))
            self._emit(option)
            ends.append(self._add(Instruction("jump")))
            self.code[fork] = Instruction("fork", to=fork + 1, other=len(self.code))
        self._emit(options[-1])
        for end in ends:
            self.code[end] = Instruction("jump", to=len(self.code))

    def _emit_repeat(self, node: Node, low: int, high: int | None, lazy: bool) -> None:
        for _ in range(low):
            self._emit(node)
        forks = []
        for _ in range(1 if high is None else high - low):
            forks.append(self._add(Instruction("fork")))
            self._emit(node)
        if high is None:
            self._add(Instruction("jump", to=forks[0]))
        for fork in forks:
            inside, beyond = fork + 1, len(self.code)
            self.code[fork] = Instruction("fork", to=beyond if lazy else inside, other=inside if lazy else beyond)


@lru_cache(maxsize=2048)
def _accepts(token: str, flags: int) -> Callable[[str], object]:
    """Whether one character is what a token asks for; of a single character `re` can say it without searching."""
    if token[0] == "[":  # a bracket inside would be a warning
        token = "[" + re.sub(r"\\.|[\[&|~]", lambda m: m[0] if len(m[0]) > 1 else f"\\{m[0]}", token[1:])
    elif token[0] != "\\" and token != ".":  # noqa: S105
        token = re.escape(token)
    try:
        return re.compile(token, flags).fullmatch
    except re.error as error:
        raise StepError(
            say("The pattern cannot be used: %(reason)s in “%(token)s”.", reason=error.msg, token=token)
        ) from None


@lru_cache(maxsize=256)
def _compiled(text: str) -> Pattern:
    return Pattern(text)


def compile_pattern(text: str) -> Pattern:
    """A pattern made ready. StepError says what is wrong with it."""
    if not 0 < len(text) <= MAX_PATTERN:
        raise StepError(say("A pattern must have 1 to %(most)s characters.", most=MAX_PATTERN))
    return _compiled(text)
