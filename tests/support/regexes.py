"""How long Python's `re` can take over a text: from the parsed pattern, not from a clock.

`re` tries one way after another. The time over a text of n characters is exponential where a loop can read the same
text in two ways, and at least quadratic where a text can be split between two loops in many places, one of which may be
the search for the match's beginning. Both are questions about an automaton (Weideman et al., “Analyzing matching time
behavior of backtracking regular expression matchers”, 2016), answered here over Glushkov's: one position for each
character of the pattern, one edge for each way from one to the next.
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from re import _constants as c  # type: ignore[attr-defined]
from re import _parser  # type: ignore[attr-defined]
from typing import Any

SIMPLE = {c.LITERAL, c.NOT_LITERAL, c.ANY, c.ANY_ALL, c.IN}
FEW = 3  # a repetition with a bound stands for so many of its body
SAMPLES = "aZ09 \t\n_-.,:;/@'\"éß☃\u2028“”{}()[]<>=+*%$#&?!\\|~^`\x00"
CATEGORIES = {
    c.CATEGORY_DIGIT: r"\d", c.CATEGORY_NOT_DIGIT: r"\D", c.CATEGORY_SPACE: r"\s", c.CATEGORY_NOT_SPACE: r"\S",
    c.CATEGORY_WORD: r"\w", c.CATEGORY_NOT_WORD: r"\W",
}  # fmt: skip


@dataclass
class Part:
    """A piece of the pattern: in how many ways it can begin and end where, and be empty."""

    first: Counter[int] = field(default_factory=Counter)
    last: Counter[int] = field(default_factory=Counter)
    empty: int = 1


class Automaton:
    """Positions, the characters of each, and the ways between them."""

    def __init__(self, pattern: str | bytes, flags: int, method: str) -> None:
        parsed = _parser.parse(pattern, flags)
        self.flags = parsed.state.flags
        self.alphabet = sorted({*SAMPLES, *_mentioned(parsed)})
        self.reads: list[frozenset[str]] = []
        self.after: dict[int, Counter[int]] = defaultdict(Counter)
        self.inner: list[Any] = []  # of lookaheads: each is looked for at every place
        whole = self._sequence(parsed)
        items = list(parsed)
        bound = method == "fullmatch" or (bool(items) and items[-1][0] in (c.AT, c.ASSERT, c.ASSERT_NOT))
        self.accepting = set() if bound else set(whole.last)
        anchored = bool(items) and items[0][0] is c.AT and items[0][1] in (c.AT_BEGINNING, c.AT_BEGINNING_STRING)
        if method not in ("match", "fullmatch") and not (anchored and not self.flags & re.M):
            start = self._position(frozenset(self.alphabet))  # the search for the beginning
            self.after[start] += Counter({start: 1}) + whole.first

    def _position(self, reads: frozenset[str]) -> int:
        self.reads.append(reads)
        return len(self.reads) - 1

    def _sequence(self, items: Iterable[Any]) -> Part:
        whole = Part()
        for item in items:
            whole = self._joined(whole, self._item(*item))
        return whole

    def _joined(self, one: Part, two: Part) -> Part:
        for position, ways in one.last.items():
            self.after[position] += _times(two.first, ways)
        return Part(
            one.first + _times(two.first, one.empty),
            two.last + _times(one.last, two.empty),
            min(one.empty * two.empty, 2),
        )

    def _item(self, op: Any, given: Any) -> Part:
        if op in SIMPLE or op in (c.GROUPREF, c.GROUPREF_IGNORE):
            position = self._position(self._read(op, given))
            return Part(Counter([position]), Counter([position]), 0)
        if op is c.SUBPATTERN:
            return self._sequence(given[-1])
        if op is c.ATOMIC_GROUP:
            return self._sequence(given)
        if op is c.BRANCH:
            return self._either(self._sequence(branch) for branch in given[1])
        if op in (c.MAX_REPEAT, c.MIN_REPEAT, c.POSSESSIVE_REPEAT):
            return self._repeated(*given)
        if op is c.ASSERT and given[0] < 0:  # what stands before is read as if it were part of the match
            return self._sequence(given[1])
        if op in (c.ASSERT, c.ASSERT_NOT):
            self.inner.append(given[1])
            return Part()
        if op is c.AT:
            return Part()
        raise AssertionError(f"{op} is not known here")

    @staticmethod
    def _either(parts: Iterable[Part]) -> Part:
        whole = Part(empty=0)
        for part in parts:
            whole = Part(whole.first + part.first, whole.last + part.last, min(whole.empty + part.empty, 2))
        return whole

    def _repeated(self, low: int, high: Any, body: Any) -> Part:
        simple = len(body) == 1 and body[0][0] in SIMPLE
        if high is c.MAXREPEAT or (high > FEW and not simple):
            part = self._sequence(body)
            for position, ways in part.last.items():
                self.after[position] += _times(part.first, ways)
            return Part(part.first, part.last, part.empty or int(low == 0))
        whole = Part()
        for number in range(min(int(high), FEW)):
            one = self._sequence(body)
            whole = self._joined(whole, Part(one.first, one.last, one.empty or int(number >= low)))
        return whole

    def _read(self, op: Any, given: Any) -> frozenset[str]:
        found = {char for char in self.alphabet if self._fits(op, given, char)}
        if self.flags & re.IGNORECASE:
            lower = {char.lower() for char in found}
            found = {char for char in self.alphabet if char.lower() in lower}
        return frozenset(found)

    def _fits(self, op: Any, given: Any, char: str) -> bool:
        if op is c.LITERAL:
            return ord(char) == given
        if op is c.NOT_LITERAL:
            return ord(char) != given
        if op is c.ANY:
            return char != "\n" or bool(self.flags & re.DOTALL)
        if op is c.IN:
            negated = given[0][0] is c.NEGATE
            return any(_in_class(one, what, char) for one, what in given) != negated
        return True


def _times(ways: Counter[int], number: int) -> Counter[int]:
    return Counter({position: count * number for position, count in ways.items() if number})


def _in_class(op: Any, what: Any, char: str) -> bool:
    if op is c.LITERAL:
        return ord(char) == what
    if op is c.RANGE:
        return what[0] <= ord(char) <= what[1]
    return op is c.CATEGORY and re.match(CATEGORIES[what], char) is not None


def _mentioned(node: Any) -> Iterator[str]:
    """Characters that the pattern names, and their neighbours."""
    for op, given in node:
        if op in (c.LITERAL, c.NOT_LITERAL):
            yield from _near(given)
        elif op is c.RANGE:
            yield from (*_near(given[0]), *_near(given[1]))
        elif op is c.IN:
            yield from _mentioned(given)
        elif op is c.BRANCH:
            for branch in given[1]:
                yield from _mentioned(branch)
        elif op is not c.CATEGORY and isinstance(given, tuple):
            for inner in given:
                if isinstance(inner, _parser.SubPattern):
                    yield from _mentioned(inner)
        elif isinstance(given, _parser.SubPattern):
            yield from _mentioned(given)


def _near(code: int) -> set[str]:
    found = {chr(near) for near in (code - 1, code, code + 1) if 0 <= near < 0x110000}
    return found | {char.swapcase() for char in found if len(char.swapcase()) == 1}


def fault(pattern: str | bytes, flags: int = 0, method: str = "search") -> str:
    """What can take long about the pattern when it is used by that method of `re`; empty where nothing can."""
    automaton = Automaton(pattern, flags, method)
    found = _exponential(automaton) or _quadratic(automaton)
    return found or next(filter(None, (_of_lookahead(inner, automaton) for inner in automaton.inner)), "")


def _of_lookahead(body: Any, outer: Automaton) -> str:
    loops = any(op in (c.MAX_REPEAT, c.MIN_REPEAT) and given[1] is c.MAXREPEAT for op, given in body)
    return f"a lookahead with a loop, tried at every place of {len(outer.reads)}" if loops else ""


def _exponential(a: Automaton) -> str:
    """A loop that reads one text in two ways."""
    for q in _in_loops(a):
        if q in a.accepting:
            continue
        seen, todo = {(q, q, False)}, [(q, q, False)]
        while todo:
            one, two, apart = todo.pop()
            for x, ways in a.after[one].items():
                for y in a.after[two]:
                    if not a.reads[x] & a.reads[y]:
                        continue
                    state = (x, y, apart or x != y or (one == two and ways > 1))
                    if state == (q, q, True):
                        return f"a loop reads the same text in two ways, at {_shown(a, q)}"
                    if state not in seen:
                        seen.add(state)
                        todo.append(state)
    return ""


def _quadratic(a: Automaton) -> str:
    """Two loops, the second after the first, that share a text: p to p, p to q and q to q by the same word."""
    loops = _in_loops(a)
    for p in loops:
        for q in loops - {p}:
            if q not in a.accepting and _shared(a, p, q):
                return f"two loops share a text, at {_shown(a, p)} and {_shown(a, q)}"
    return ""


def _shared(a: Automaton, p: int, q: int) -> bool:
    seen, todo = {(p, p, q)}, [(p, p, q)]
    around_p, around_q = _loop_of(a, p), _loop_of(a, q)
    while todo:
        one, two, three = todo.pop()
        for x in a.after[one].keys() & around_p:
            for z in a.after[three].keys() & around_q:
                both = a.reads[x] & a.reads[z]
                for y in a.after[two] if both else ():
                    if not both & a.reads[y]:
                        continue
                    if (x, y, z) == (p, q, q):
                        return True
                    if (x, y, z) not in seen:
                        seen.add((x, y, z))
                        todo.append((x, y, z))
    return False


def _reached(a: Automaton, position: int) -> set[int]:
    seen: set[int] = set()
    todo = list(a.after[position])
    while todo:
        one = todo.pop()
        if one not in seen:
            seen.add(one)
            todo += a.after[one]
    return seen


def _in_loops(a: Automaton) -> set[int]:
    return {position for position in range(len(a.reads)) if position in _reached(a, position)}


def _loop_of(a: Automaton, position: int) -> set[int]:
    return {one for one in _reached(a, position) if position in _reached(a, one)}


def _shown(a: Automaton, position: int) -> str:
    reads = a.reads[position]
    return "any character" if len(reads) == len(a.alphabet) else f"[{''.join(sorted(reads))[:20]}]"
