"""What the operations of `transform_data` read of a row of its form."""

from __future__ import annotations

from flowapp.catalog.fields import Lines
from flowapp.catalog.rows import ExplainedRow


class Options(ExplainedRow):
    """A row's values; `operation.Operation` says what the form asks, and which values there are."""

    op: str
    text: str
    number: str
    date: str
    way: str
    coding: str
    algorithm: str
    field: str
    to: str
    value: object
    values: dict[str, object]
    fields: Lines
    conditions: object
    function: str
    count: int | str | None
    descending: bool
    how: str
    other_field: str
    separator: str
    find: str
    replacement: str
    length: int | str | None
    fill: str
    side: str
    format: str
    by: str
    since: str
    unit: str
    period: str
    timezone: str
    decimals: int | str | None
    currency: str
    minimum: int | float | str | None
    maximum: int | float | str | None
    notation: str
    language: str
    pretty: bool
    header: bool
    quoting: str
