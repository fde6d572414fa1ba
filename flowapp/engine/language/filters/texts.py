"""Filters of texts."""

from __future__ import annotations

import re
import unicodedata
from urllib.parse import quote, urlencode

from flowapp.catalog import N_
from flowapp.engine.language.filters.declared import checked_text, count, filter_
from flowapp.engine.language.values import MAX_TEXT, to_text
from flowapp.errors import ExpressionError
from flowapp.texts import say
from flowapp.values.text import slug


@filter_(
    "upper",
    N_("UPPERCASE"),
    N_("Converts text to uppercase"),
    example=("Ann Lee", "upper", "ANN LEE"),
    suits=("text",),
)
def _upper(value: object) -> str:
    return to_text(value).upper()


@filter_(
    "lower",
    N_("lowercase"),
    N_("Converts text to lowercase"),
    example=("Ann Lee", "lower", "ann lee"),
    suits=("text",),
)
def _lower(value: object) -> str:
    return to_text(value).lower()


@filter_(
    "title",
    N_("Title Case"),
    N_("Capitalizes every word"),
    example=("ann lee", "title", "Ann Lee"),
    suits=("text",),
)
def _title(value: object) -> str:
    return re.sub(r"(?<![\w'\u2019])\w", lambda match: match[0].upper(), to_text(value).lower())


@filter_(
    "capitalize",
    N_("First letter uppercase"),
    N_("Capitalizes the first letter and lowercases the rest"),
    example=("ann LEE", "capitalize", "Ann lee"),
    suits=("text",),
)
def _capitalize(value: object) -> str:
    return to_text(value).capitalize()


@filter_(
    "trim",
    N_("Trim spaces"),
    N_("Removes spaces and line breaks from both ends"),
    example=("  Ann ", "trim", "Ann"),
    suits=("text",),
)
def _trim(value: object) -> str:
    return to_text(value).strip()


@filter_(
    "replace('a', 'b')",
    N_("Replace text"),
    N_("Replaces every occurrence of a text with another"),
    example=("2026/03/31", "replace('/', '-')", "2026-03-31"),
    suits=("text",),
)
def _replace(value: object, old: object, new: object) -> str:
    text, before, after = to_text(value), to_text(old), to_text(new)
    if not before:
        raise ExpressionError(say("replace needs a text to search for."))
    if len(text) + text.count(before) * (len(after) - len(before)) > MAX_TEXT:
        raise ExpressionError(say("The text becomes too large: more than %(most)s characters.", most=MAX_TEXT))
    return text.replace(before, after)


@filter_(
    "truncate(80)",
    N_("Shorten"),
    N_("Shortens text to the given number of characters, dots included"),
    example=("A long description", "truncate(7)", "A long…"),
    suits=("text",),
)
def _truncate(value: object, length: object = 255, end: object = "…") -> str:
    text, most, dots = to_text(value), count(length, 0, MAX_TEXT), to_text(end)
    return text if len(text) <= most else text[: max(most - len(dots), 0)] + dots[:most]


@filter_(
    "split(',')",
    N_("Split into a list"),
    N_("Splits text into a list, at spaces if no separator is given"),
    example=("red,green", "split(',')", ["red", "green"]),
    suits=("text",),
)
def _split(value: object, separator: object = None) -> list[str]:
    between = None if separator is None else to_text(separator)
    if between == "":
        raise ExpressionError(say("split needs a separator, or no argument to split at spaces."))
    return to_text(value).split(between)


def _slug_before(value: object) -> str:
    bare = unicodedata.normalize("NFKD", to_text(value)[:1000]).encode("ascii", "ignore").decode().lower()
    return re.sub(r"[^a-z0-9]+", "-", bare).strip("-")


@filter_(
    "slug",
    N_("URL slug"),
    N_("Makes a slug for URLs and file names: “Été à Paris” becomes “ete-a-paris”"),
    example=("Été à Paris", "slug", "ete-a-paris"),
    suits=("text",),
    before=_slug_before,
)
def _slug(value: object) -> str:
    return slug(to_text(value)[:1000], "-")


@filter_(
    "urlencode",
    N_("For a web address"),
    N_("Makes text safe for use in a URL; an object becomes a query string"),
    example=("Ann & Ben", "urlencode", "Ann%20%26%20Ben"),
    suits=(
        "text",
        "object",
    ),
)
def _urlencode(value: object) -> str:
    if isinstance(value, dict):
        return urlencode({checked_text(to_text(key)): checked_text(to_text(entry)) for key, entry in value.items()})
    return quote(checked_text(to_text(value)), safe="")


@filter_(
    "string",
    N_("Text"),
    N_("Converts any value to text"),
    example=(42, "string", "42"),
    suits=(
        "number",
        "boolean",
    ),
)
def _string(value: object) -> str:
    return to_text(value)


@filter_(
    "safe",
    N_("HTML as it is"),
    N_("In an HTML message, inserts HTML as it is; without it, < and & become text"),
    example=("<b>Ann</b>", "safe", "<b>Ann</b>"),
    suits=("text",),
)
def _safe(value: object) -> str:
    """The compiler sees that it stands last; beside HTML there is nothing to mark."""
    return to_text(value)
