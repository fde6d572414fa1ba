"""Patterns: as Python's `re` finds them, in time that the text's length bounds."""

from __future__ import annotations

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from flowapp.actions.data.transform_data.base import MAX_WORK
from flowapp.actions.data.transform_data.patterns import compile_pattern
from flowapp.errors import StepError


def spans(pattern: str, text: str) -> list[tuple[int | None, ...]]:
    return list(compile_pattern(pattern).find(text, lambda _units: None))


def expected(pattern: str, text: str) -> list[tuple[int | None, ...]]:
    found = list(re.finditer(pattern, text))
    return [
        tuple(None if at < 0 else at for group in range((match.re.groups) + 1) for at in match.span(group))
        for match in found
    ]


@pytest.mark.parametrize(
    ("pattern", "text"),
    [
        (r"\d+", "a1b22"),
        (r"(\w+)@(\w+)\.com", "ann@x.com, bob@yy.com"),
        (r"^a|b$", "ab\nab"),
        (r"(?m)^a|b$", "ab\nab"),
        (r"(?s)a.b", "a\nb"),
        (r"(?i)ÉT[a-é]", "été ÉTÉ"),
        (r"\bà\b", "a à aà"),
        (r"\Bb", "ab b"),
        (r"[]a]+[^]]", "a]]b"),
        (r"[a\]\-z]+", "z-]a"),
        (r"(a|ab)(c|bcd)(d*)", "abcd"),
        (r"a{2,3}?", "aaaaa"),
        (r"a{2,}", "aaaaa"),
        (r"a{x}", "a{x}"),
        (r"(?:ab)*c", "ababc c"),
        (r"(?P<y>\d{4})-(?P<m>\d\d)", "2025-10"),
        (r"x*", "axb"),
        (r"(a)|(b)", "ab"),
        (r"\.\*\\", "a.*\\"),
        ("🙂+", "a🙂🙂"),
    ],
)
def test_finds_what_re_finds(pattern, text) -> None:
    assert spans(pattern, text) == expected(pattern, text)


def test_a_bracket_in_a_class_is_itself() -> None:
    assert spans("[[&|~]+", "x[&|~y") == [(1, 5)]


ATOMS = st.sampled_from(["a", "b", "c", ".", "[ab]", "[^a]", r"\w", r"\s"])
REPEATS = st.sampled_from(["", "", "*", "+", "?", "{2}", "{1,2}", "{1,}", "*?", "+?", "??"])


def grouped(inner: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    row = st.lists(st.one_of(ATOMS, inner), min_size=1, max_size=3).map("".join)
    either = st.lists(row, min_size=1, max_size=2).map("|".join)
    # A plain letter at the end: the body of a loop is never empty.
    return st.builds(lambda body, times: f"(?:(?:{body})a){times}", either, REPEATS)


PATTERNS = st.lists(
    st.one_of(st.builds(lambda a, r: a + r, ATOMS, REPEATS), st.recursive(ATOMS, grouped, max_leaves=6)),
    min_size=1,
    max_size=4,
).map("".join)


@settings(max_examples=300, deadline=None)
@given(PATTERNS, st.text("abc ", max_size=12))
def test_agrees_with_re(pattern, text) -> None:
    first = re.search(pattern, text)
    assert spans(pattern, text)[:1] == ([first.span()] if first else [])


@pytest.mark.parametrize(
    ("pattern", "text"),
    [("(a+)+$", "a" * 5000 + "b"), ("(a|a)*b", "a" * 5000), ("(.*)*.*.*x", "a" * 5000), ("(a?){30}a{30}", "a" * 29)],
)
def test_work_is_bounded_by_the_length_of_the_text(pattern, text) -> None:
    """With `re` the first two never end."""
    done = 0

    def charge(units: int) -> None:
        nonlocal done
        done += units

    made = compile_pattern(pattern)
    assert list(made.find(text, charge)) == []
    copied = 2 * made.groups + 2
    assert done <= (8 + copied) * len(made.code) * (len(text) + 1) <= MAX_WORK


@pytest.mark.parametrize(
    ("pattern", "told"),
    [
        ("", "1 to 500"),
        ("a" * 501, "1 to 500"),
        ("a)", "“)” without “(” at character 2"),
        ("x(a", "“(” without “)” at character 2"),
        ("(?=a)", "“(?…”"),
        ("(?<!a)b", "“(?…”"),
        (r"(a)\1", "has no meaning"),
        ("*a", "has no meaning"),
        ("a**", "repeated twice"),
        ("a++", "repeated twice"),
        ("a{3,2}", "counts down"),
        ("(a{500}){500}", "too expensive"),
        ("[z-a]", "bad character range"),
        ("[a", "has no meaning"),
        ("a\\", "has no meaning"),
        ("(" * 60 + "a" + ")" * 60, "nested too deeply"),
    ],
)
def test_what_is_not_understood_is_refused(pattern, told) -> None:
    with pytest.raises(StepError) as caught:
        compile_pattern(pattern)
    assert told in caught.value.message
