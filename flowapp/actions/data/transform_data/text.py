"""Operations on text."""

from __future__ import annotations

import re

from flowapp.actions.data.transform_data.base import (
    ENTRY,
    MISSING,
    Family,
    Kinds,
    Work,
    get_path,
    set_path,
    text_of,
    whole_number,
)
from flowapp.actions.data.transform_data.options import Options
from flowapp.actions.data.transform_data.patterns import Spans, compile_pattern
from flowapp.catalog import N_
from flowapp.errors import StepError
from flowapp.values.text import without_accents

TEXTS = Kinds()
TEXT = Family(N_("Change text"), "text")
JOIN = Family(N_("Join a list into text"), fields=("separator",), whole=True)
PATTERN_CONVERSIONS = ("replace_pattern", "extract", "extract_all")
MAX_LENGTH = 1_000_000
_ESCAPES = {r"\n": "\n", r"\t": "\t", r"\s": " "}


@TEXTS.add("split", N_("Split text into a list"), ("field", "to", "separator"))
def _split(work: Work, operation: Options, data: object) -> object:
    separator = _unescaped(operation.separator) or ","

    def parts(text: object) -> list[str]:
        if not isinstance(text, str):
            raise StepError("Only text can be split.")
        work.charge(len(text) + ENTRY * text.count(separator))
        return [part.strip() for part in text.split(separator) if part.strip()]

    if not operation.field:
        return parts(data)
    many = data if isinstance(data, list) else [data]
    done = [
        set_path(record, operation.to or operation.field, parts(value))
        if isinstance(record, dict) and (value := get_path(record, operation.field)) not in (MISSING, None)
        else record
        for record in many
    ]
    return done if isinstance(data, list) else done[0]


def _unescaped(text: str) -> str:
    return re.sub(r"\\[nts]", lambda match: _ESCAPES[match[0]], text)


def _written(text: object) -> str:
    r"""What a form cannot hold at the ends of a line, alone as \n, \t or \s."""
    text = "" if text is None else str(text)
    return _unescaped(text) if re.fullmatch(r"(\\[nts])+", text) else text


@JOIN.add("", "")
def _join(value: object, operation: Options, work: Work) -> str:
    if not isinstance(value, list):
        raise StepError("This needs a list. Enter the field that contains one.")
    parts = ["" if entry is None else text_of(entry, work) for entry in value]
    between = _unescaped(operation.separator)
    work.charge(len(between) * len(parts))
    return between.join(parts)


@TEXT.add("upper", N_("UPPERCASE"))
def _upper(value: object, _operation: Options, work: Work) -> str:
    return text_of(value, work).upper()


@TEXT.add("lower", N_("lowercase"))
def _lower(value: object, _operation: Options, work: Work) -> str:
    return text_of(value, work).lower()


@TEXT.add("title", N_("Title Case"))
def _title(value: object, _operation: Options, work: Work) -> str:
    return re.sub(r"(?<![\w'\u2019])\w", lambda match: match[0].upper(), text_of(value, work).lower())


@TEXT.add("trim", N_("Trim spaces"))
def _trim(value: object, _operation: Options, work: Work) -> str:
    return text_of(value, work).strip()


@TEXT.add("squeeze", N_("Collapse spaces"))
def _squeeze(value: object, _operation: Options, work: Work) -> str:
    return " ".join(text_of(value, work).split())


@TEXT.add("replace", N_("Replace text"), ("find", "replacement"), ("find",))
def _replace(value: object, operation: Options, work: Work) -> str:
    text, old, new = text_of(value, work), _written(operation.find), _written(operation.replacement)
    if not old:
        raise StepError("There is no text to search for: fill in “find”.")
    work.charge(text.count(old) * len(new))
    return text.replace(old, new)


@TEXT.add("replace_pattern", N_("Replace a pattern"), ("find", "replacement"), ("find",))
def _replace_pattern(value: object, operation: Options, work: Work) -> str:
    text, new = text_of(value, work), _written(operation.replacement)
    parts, at = [], 0
    for spans in compile_pattern(str(operation.find)).find(text, work.charge):
        written = _filled(new, text, spans)
        work.charge(len(written))
        parts += [text[at : spans[0]], written]
        at = spans[1] or 0
    return "".join([*parts, text[at:]])


@TEXT.add("extract", N_("Extract the first match of a pattern"), ("find",), ("find",))
def _extract(value: object, operation: Options, work: Work) -> str | None:
    """The first group, where the pattern has one; null where nothing fits."""
    text = text_of(value, work)
    spans = next(compile_pattern(str(operation.find)).find(text, work.charge), None)
    return None if spans is None else _part(text, spans, min(len(spans) // 2 - 1, 1))


@TEXT.add("extract_all", N_("Extract all matches of a pattern"), ("find",), ("find",))
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
            raise StepError(f"The pattern has no group {match[1]}, which “replacement” refers to.")
        return _part(text, spans, int(match[1])) or ""

    return re.sub(r"\$\$|[$\\]([0-9])", group, new)


@TEXT.add("pad", N_("Pad to a length"), ("length", "fill", "side"), ("length",))
def _pad(value: object, operation: Options, work: Work) -> str:
    text, fill = text_of(value, work), _written(operation.fill) or " "
    missing = whole_number(operation.length, "length", 0, MAX_LENGTH) - len(text)
    if missing <= 0:
        return text
    work.charge(missing)
    more = (fill * (missing // len(fill) + 1))[:missing]
    return more + text if operation.side == "start" else text + more


@TEXT.add("truncate", N_("Truncate"), ("length",), ("length",))
def _truncate(value: object, operation: Options, work: Work) -> str:
    """So many characters at most, the dots included."""
    text, most = text_of(value, work), whole_number(operation.length, "length", 0, MAX_LENGTH)
    return text if len(text) <= most else text[: max(most - 1, 0)] + "…"[:most]


@TEXT.add("slug", N_("URL slug"))
def _slug(value: object, _operation: Options, work: Work) -> str:
    bare = _bare(text_of(value, work)).encode("ascii", "ignore").decode().lower()
    return re.sub(r"[^a-z0-9]+", "-", bare).strip("-")


@TEXT.add("strip_accents", N_("Remove accents"))
def _strip_accents(value: object, _operation: Options, work: Work) -> str:
    return _bare(text_of(value, work))


_LETTERS = str.maketrans(
    {"œ": "oe", "Œ": "OE", "æ": "ae", "Æ": "AE", "ß": "ss", "ø": "o", "Ø": "O", "ł": "l", "Ł": "L"}
)


def _bare(text: str) -> str:
    """Accents taken off letters; signs that do not consist of a letter and an accent stay."""
    return without_accents(text.translate(_LETTERS))
