"""What the errors of a database show of its password."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from flowapp.catalog import open_integration
from flowapp.connectors.database.target import target_of


@pytest.mark.parametrize(
    ("password", "told"),
    [
        ("", "port 5432 failed for “secret-of-the-shop”"),
        ("p", "port 5432 failed for “secret-of-the-shop”"),
        ("543", "port 5432 failed for “secret-of-the-shop”"),
        ("secret-of-the-shop", "port 5432 failed for “•"),
    ],
)
def test_only_what_can_be_told_from_words_is_masked(password: str, told: str) -> None:
    config = {"kind": "postgresql", "host": "db.example.com", "database": "shop", "username": "ann"}
    handle = open_integration("database", id="1", name="Shop", config=config, credentials={"password": password})
    access: Any = SimpleNamespace()
    fault = target_of(handle, access).fault("port 5432 failed for “secret-of-the-shop”", permanent=True)
    assert told in fault.message
