"""What services send, as the database can keep it."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any

_LONGEST_ID = 64


def storable(value: object) -> Any:
    """The value without the characters that no text of the database has: NUL and halves of surrogate pairs."""
    if isinstance(value, str):
        whole = value if value.isascii() else value.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
        return whole.replace("\0", "")
    if isinstance(value, Mapping):
        return {str(storable(name)): storable(entry) for name, entry in value.items()}
    return [storable(entry) for entry in value] if isinstance(value, list | tuple) else value


def key_of(item_id: str) -> str:
    """What tells an item from others: its id, or a digest of one that is long or may not be stored."""
    if len(item_id) <= _LONGEST_ID and item_id.isprintable():
        return item_id
    return hashlib.sha256(item_id.encode(errors="surrogatepass")).hexdigest()
