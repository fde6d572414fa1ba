"""The whole year, as `flask seed-demo` adds it: in less than a minute. It runs with the tests that take their time."""

from __future__ import annotations

import time
from typing import Any

import pytest

from tests.cli.test_commands import run, superuser

pytestmark = [pytest.mark.both_databases, pytest.mark.faults]


def test_the_whole_year_takes_less_than_a_minute(app: Any) -> None:
    superuser(app)
    began = time.monotonic()
    assert "2000 contacts, 300 companies and 400 deals" in run(app, "seed-demo")
    assert time.monotonic() - began < 60
