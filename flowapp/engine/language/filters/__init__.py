"""The filters of the expression language: `{{ input.name | trim | title }}`.

Pure functions over JSON values, each bounded: the caller charges the size of what goes in and checks what comes out;
a filter whose result can be far larger than its input (replace, join, tojson) checks before it builds.
Null counts as an empty text or an empty list. What a filter cannot use is an ExpressionError.

Each says of itself, beside its code, what it is called, what it does, an example and which values it suits: the picker
of values shows that, and docs/definition.md is made of it.
"""

from flowapp.engine.language.filters import dates, lists, numbers, texts, various
from flowapp.engine.language.filters.declared import FILTERS, Example, Filter

# These look at the entries of a list, not into them, and so cost less.
SHALLOW = frozenset(
    {"length", "first", "last", "map", "keys", "values", "items", "get", "reverse", "sort", "sum", "min", "max"}
)
ALIASES = {"d": "default", "count": "length", "lowercase": "lower", "uppercase": "upper", "json": "tojson"}

__all__ = ["ALIASES", "FILTERS", "SHALLOW", "Example", "Filter", "dates", "lists", "numbers", "texts", "various"]
