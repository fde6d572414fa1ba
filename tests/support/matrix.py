"""On which databases a test runs. A test that asks for one gets them by where it lies: adding one needs no thought.

Services, the engine and whatever else writes SQL of its own run on SQLite and on PostgreSQL. Pages, the API and commands
leave their SQL to them, so there SQLite is enough; a file that asks the database something of its own says
`pytestmark = pytest.mark.both_databases`. `make test-all` runs every test on both.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

TESTS = Path(__file__).resolve().parents[1]
SQLITE = ["sqlite"]
POSTGRESQL = [pytest.param("postgresql", marks=pytest.mark.postgres)]
BOTH = [*SQLITE, *POSTGRESQL]
ON_SQLITE = ("api", "pages", "web", "guards", "security", "cli", "test_logs.py")
FULL = os.environ.get("FLOWAPP_TEST_DATABASES") == "both"


def databases(node: pytest.Function) -> list[Any]:
    """The kinds of database that the test runs on."""
    folder = node.path.relative_to(TESTS).parts[0]
    one = folder in ON_SQLITE and node.get_closest_marker("both_databases") is None
    return SQLITE if one and not FULL else BOTH


def names(mark: pytest.Mark) -> list[str]:
    """The names that a parametrize mark gives values to."""
    given = mark.args[0] if mark.args else mark.kwargs["argnames"]
    return [name.strip() for name in given.split(",")] if isinstance(given, str) else list(given)
