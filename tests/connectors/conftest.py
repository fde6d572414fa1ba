"""Actions of connectors against doubles of their services."""

from __future__ import annotations

import pytest

from flowapp.catalog import load


@pytest.fixture(scope="session", autouse=True)
def _catalog() -> None:
    load()
