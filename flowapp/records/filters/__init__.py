"""Conditions as workflows know them, turned into SQL: which records meet them, without reading the records."""

from flowapp.records.filters.context import Context, Kind
from flowapp.records.filters.statement import MAX_RULES, Filter, filter_of

__all__ = ["MAX_RULES", "Context", "Filter", "Kind", "filter_of"]
