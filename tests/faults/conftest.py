"""The table of what the fault tests saw, at the end of the run."""

from __future__ import annotations

import pytest

from tests.faults import report
from tests.faults.sizes import FULL


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """A fault test may take longer than others."""
    for item in items:
        if item.get_closest_marker("faults"):
            item.add_marker(pytest.mark.timeout(1200 if FULL else 240))


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    if not report.ROWS:
        return
    terminalreporter.section("faults, full form" if FULL else "faults, short form")
    for line in report.table():
        terminalreporter.write_line(line)
    if FULL:
        terminalreporter.write_line(f"kept in {report.save()}")
