"""Operations on text."""

from __future__ import annotations

import re

from flowapp.actions.data.transform_data.base import ENTRY, MISSING, Work, get_path, set_path, text_of, whole_number
from flowapp.actions.data.transform_data.declared import Family, Kinds
from flowapp.actions.data.transform_data.options import Options
from flowapp.catalog import N_
from flowapp.catalog.rows import Example
from flowapp.errors import StepError
from flowapp.texts import say
from flowapp.values.text import without_accents

TEXTS = Kinds()
TEXT = Family(N_("Change text"), N_("Changes text: of a field, or the data itself."), "text")
JOIN = Family(
    N_("Join a list into text"),
    N_("Makes one text of a list, with a separator between its entries."),
    fields=("separator",),
    whole=True,
)
MAX_LENGTH = 1_000_000
_ESCAPES = {r"\n": "\n", r"\t": "\t", r"\s": " "}


@TEXTS.add(
    "split",
    N_("Split text into a list"),
    ("field", "to", "separator"),
    help=N_("Makes a list of a text, cut at a separator."),
    example=Example({"tags": "red, green"}, {"field": "tags"}, {"tags": ["red", "green"]}),
)
def _split(work: Work, operation: Options, data: object) -> object:
    separator = _unescaped(operation.separator) or ","

    def parts(text: object) -> list[str]:
        if not isinstance(text, str):
            raise StepError(say("Only text can be split."))
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


def written(text: object) -> str:
    r"""Text of a field of the form. What a form cannot hold at the ends of a line, alone as \n, \t or \s."""
    text = "" if text is None else str(text)
    return _unescaped(text) if re.fullmatch(r"(\\[nts])+", text) else text


@JOIN.add(
    "",
    "",
    example=Example(["Ann", "Ben"], {"separator": ", "}, "Ann, Ben"),
)
def _join(value: object, operation: Options, work: Work) -> str:
    if not isinstance(value, list):
        raise StepError(say("This needs a list. Enter the field that contains one."))
    parts = ["" if entry is None else text_of(entry, work) for entry in value]
    between = _unescaped(operation.separator)
    work.charge(len(between) * len(parts))
    return between.join(parts)


@TEXT.add(
    "upper",
    N_("UPPERCASE"),
    help=N_("Writes text in capital letters."),
    example=Example({"name": "Ann Lee"}, {"field": "name"}, {"name": "ANN LEE"}),
)
def _upper(value: object, _operation: Options, work: Work) -> str:
    return text_of(value, work).upper()


@TEXT.add(
    "lower",
    N_("lowercase"),
    help=N_("Writes text in small letters."),
    example=Example({"name": "Ann Lee"}, {"field": "name"}, {"name": "ann lee"}),
)
def _lower(value: object, _operation: Options, work: Work) -> str:
    return text_of(value, work).lower()


@TEXT.add(
    "title",
    N_("Title Case"),
    help=N_("Begins every word with a capital letter."),
    example=Example({"name": "ann lee"}, {"field": "name"}, {"name": "Ann Lee"}),
)
def _title(value: object, _operation: Options, work: Work) -> str:
    return re.sub(r"(?<![\w'\u2019])\w", lambda match: match[0].upper(), text_of(value, work).lower())


@TEXT.add(
    "trim",
    N_("Trim spaces"),
    help=N_("Takes away spaces and line breaks at both ends."),
    example=Example({"name": "  Ann "}, {"field": "name"}, {"name": "Ann"}),
)
def _trim(value: object, _operation: Options, work: Work) -> str:
    return text_of(value, work).strip()


@TEXT.add(
    "squeeze",
    N_("Collapse spaces"),
    help=N_("Leaves one space between words, and none at the ends."),
    example=Example({"name": " Ann   Lee "}, {"field": "name"}, {"name": "Ann Lee"}),
)
def _squeeze(value: object, _operation: Options, work: Work) -> str:
    return " ".join(text_of(value, work).split())


@TEXT.add(
    "replace",
    N_("Replace text"),
    ("find", "replacement"),
    ("find",),
    help=N_("Replaces every occurrence of a text."),
    example=Example({"phone": "06.12.34"}, {"field": "phone", "find": ".", "replacement": " "}, {"phone": "06 12 34"}),
)
def _replace(value: object, operation: Options, work: Work) -> str:
    text, old, new = text_of(value, work), written(operation.find), written(operation.replacement)
    if not old:
        raise StepError(say("There is no text to search for: fill in “find”."))
    work.charge(text.count(old) * len(new))
    return text.replace(old, new)


@TEXT.add(
    "pad",
    N_("Pad to a length"),
    ("length", "fill", "side"),
    ("length",),
    help=N_("Fills text up to a length."),
    example=Example(
        {"number": "42"}, {"field": "number", "length": 5, "fill": "0", "side": "start"}, {"number": "00042"}
    ),
)
def _pad(value: object, operation: Options, work: Work) -> str:
    text, fill = text_of(value, work), written(operation.fill) or " "
    missing = whole_number(operation.length, "length", 0, MAX_LENGTH) - len(text)
    if missing <= 0:
        return text
    work.charge(missing)
    more = (fill * (missing // len(fill) + 1))[:missing]
    return more + text if operation.side == "start" else text + more


@TEXT.add(
    "truncate",
    N_("Truncate"),
    ("length",),
    ("length",),
    help=N_("Shortens text to a length, the dots included."),
    example=Example({"note": "A long description"}, {"field": "note", "length": 7}, {"note": "A long…"}),
)
def _truncate(value: object, operation: Options, work: Work) -> str:
    """So many characters at most, the dots included."""
    text, most = text_of(value, work), whole_number(operation.length, "length", 0, MAX_LENGTH)
    return text if len(text) <= most else text[: max(most - 1, 0)] + "…"[:most]


@TEXT.add(
    "slug",
    N_("URL slug"),
    help=N_("Makes text fit for a web address or a file name."),
    example=Example({"title": "Été à Paris"}, {"field": "title"}, {"title": "ete-a-paris"}),
)
def _slug(value: object, _operation: Options, work: Work) -> str:
    bare = _bare(text_of(value, work)).encode("ascii", "ignore").decode().lower()
    return re.sub(r"[^a-z0-9]+", "-", bare).strip("-")


@TEXT.add(
    "strip_accents",
    N_("Remove accents"),
    help=N_("Takes the accents off letters."),
    example=Example({"name": "Élodie Müller"}, {"field": "name"}, {"name": "Elodie Muller"}),
)
def _strip_accents(value: object, _operation: Options, work: Work) -> str:
    return _bare(text_of(value, work))


_LETTERS = str.maketrans(
    {"œ": "oe", "Œ": "OE", "æ": "ae", "Æ": "AE", "ß": "ss", "ø": "o", "Ø": "O", "ł": "l", "Ł": "L"}
)


def _bare(text: str) -> str:
    """Accents taken off letters; signs that do not consist of a letter and an accent stay."""
    return without_accents(text.translate(_LETTERS))
