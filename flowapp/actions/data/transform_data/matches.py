"""Changes of text by patterns."""

from __future__ import annotations

import re

from flowapp.actions.data.transform_data.base import Work, text_of
from flowapp.actions.data.transform_data.options import Options
from flowapp.actions.data.transform_data.patterns import Spans, compile_pattern
from flowapp.actions.data.transform_data.text import TEXT, written
from flowapp.catalog import N_
from flowapp.catalog.rows import Example
from flowapp.errors import StepError
from flowapp.texts import say

PATTERN_CONVERSIONS = ("replace_pattern", "extract", "extract_all")


@TEXT.add(
    "replace_pattern",
    N_("Replace a pattern"),
    ("find", "replacement"),
    ("find",),
    help=N_("Replaces whatever a pattern (a regular expression) matches."),
    example=Example(
        {"phone": "06.12-34"}, {"field": "phone", "find": "[^0-9]", "replacement": ""}, {"phone": "061234"}
    ),
)
def _replace_pattern(value: object, operation: Options, work: Work) -> str:
    text, new = text_of(value, work), written(operation.replacement)
    parts, at = [], 0
    for spans in compile_pattern(str(operation.find)).find(text, work.charge):
        filled = _filled(new, text, spans)
        work.charge(len(filled))
        parts += [text[at : spans[0]], filled]
        at = spans[1] or 0
    return "".join([*parts, text[at:]])


@TEXT.add(
    "extract",
    N_("Extract the first match of a pattern"),
    ("find",),
    ("find",),
    help=N_("Takes the part of a text that a pattern matches first."),
    example=Example(
        {"subject": "Order 4711 of Ann"},
        {"field": "subject", "to": "order", "find": "[0-9]+"},
        {"subject": "Order 4711 of Ann", "order": "4711"},
    ),
)
def _extract(value: object, operation: Options, work: Work) -> str | None:
    """The first group, where the pattern has one; null where nothing fits."""
    text = text_of(value, work)
    spans = next(compile_pattern(str(operation.find)).find(text, work.charge), None)
    return None if spans is None else _part(text, spans, min(len(spans) // 2 - 1, 1))


@TEXT.add(
    "extract_all",
    N_("Extract all matches of a pattern"),
    ("find",),
    ("find",),
    help=N_("Makes a list of all parts of a text that a pattern matches."),
    example=Example("Orders 12 and 15", {"find": "[0-9]+"}, ["12", "15"]),
)
def _extract_all(value: object, operation: Options, work: Work) -> list[str | None]:
    text = text_of(value, work)
    matches = compile_pattern(str(operation.find)).find(text, work.charge)
    return [_part(text, spans, min(len(spans) // 2 - 1, 1)) for spans in matches]


def _part(text: str, spans: Spans, group: int) -> str | None:
    start, end = spans[2 * group], spans[2 * group + 1]
    return None if start is None or end is None else text[start:end]


def _filled(new: str, text: str, spans: Spans) -> str:
    """`$1` or `\\1` is the first group, `$0` the whole, `$$` a dollar sign."""

    def group(match: re.Match[str]) -> str:
        if not match[1]:
            return "$"
        if int(match[1]) >= len(spans) // 2:
            raise StepError(say("The pattern has no group %(match)s, which “replacement” refers to.", match=match[1]))
        return _part(text, spans, int(match[1])) or ""

    return re.sub(r"\$\$|[$\\]([0-9])", group, new)
