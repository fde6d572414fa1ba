"""What a process asks its database, through SQLAlchemy and on the driver itself (flowapp.models.driver)."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from unittest.mock import patch

from sqlalchemy import Engine, event

from flowapp.models import driver


@contextmanager
def noted(engine: Engine) -> Iterator[list[str]]:
    """The texts of all statements meanwhile, in order."""
    seen: list[str] = []

    def note(_connection: Any, _cursor: Any, statement: str, *_more: Any) -> None:
        seen.append(statement)

    class Noting(driver.Driver):
        def __setattr__(self, name: str, value: Any) -> None:
            super().__setattr__(name, value)
            if name == "text" and value:
                seen.append(value)

    event.listen(engine, "before_cursor_execute", note)
    try:
        with patch.object(driver, "Driver", Noting):
            yield seen
    finally:
        event.remove(engine, "before_cursor_execute", note)
