"""The kinds of field that an action may have."""

from __future__ import annotations

from typing import Literal

Kind = Literal[
    "text",  # one line
    "long",  # several lines
    "sql",  # SQL: the function binds what expressions give (catalog.sql_expressions)
    "html",  # HTML: what expressions insert is escaped
    "addresses",  # e-mail addresses: what expressions insert adds none
    "number",
    "integer",
    "boolean",
    "choice",  # one of `choices`
    "list",  # texts
    "pairs",  # names with values
    "json",  # any JSON value, also written as text
    "datetime",
    "file",  # text, or {"base64", "content_type", "filename"}
    "value",  # any JSON value; text stays as it is
]
