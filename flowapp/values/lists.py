"""Lists: where one is wanted, a single value is a list of one."""

from __future__ import annotations

from flowapp import exact_json


def as_list(value: object) -> list[object]:
    """The entries of a list, or of the JSON text of one; else the value alone. Nothing, and empty text, is no entry.

    A form that is sent with one `tags=red` gives text where two of them give a list.
    """
    if isinstance(value, list | tuple):
        return list(value)
    if value is None or value == "":
        return []
    if isinstance(value, str) and value.strip().startswith("[") and value.strip().endswith("]"):
        try:
            read = exact_json.loads(value)
        except (ValueError, RecursionError):
            return [value]
        return read if isinstance(read, list) else [value]
    return [value]
