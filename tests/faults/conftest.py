"""The table of what the fault tests saw, at the end of the run."""

from __future__ import annotations

import pytest

from tests.faults import report
from tests.faults.sizes import FULL

# What does not lean on the kind of database is tried on PostgreSQL in the full form only.
ONCE_IN_SHORT = ("test_poison.py", "test_redis.py", "test_slots.py")
_left: list[pytest.Item] = []


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """A fault test may take longer than others; the short form leaves out what the summary then names."""
    _left[:] = [] if FULL else [i for i in items if i.path.name in ONCE_IN_SHORT and "[postgresql" in i.name]
    items[:] = [item for item in items if item not in _left]
    config.hook.pytest_deselected(items=_left)
    for item in items:
        if item.get_closest_marker("faults"):
            item.add_marker(pytest.mark.timeout(1200 if FULL else 240))


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    if not report.ROWS:
        return
    terminalreporter.section("faults, full form" if FULL else "faults, short form")
    for line in report.table():
        terminalreporter.write_line(line)
    if _left:
        terminalreporter.write_line(f"left to make faults, on PostgreSQL: {len(_left)} of {', '.join(ONCE_IN_SHORT)}")
    if FULL:
        terminalreporter.write_line(f"kept in {report.save()}")
