"""How many polls a process makes at a time."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager


class Places:
    """At most `count` polls at a time. One organization has half of them: its slow services hold up nobody else's polls."""

    def __init__(self, count: int) -> None:
        self._count, self._of_one = count, max(1, count // 2)
        self._taken: Counter[str] = Counter()
        self._lock = threading.Lock()

    @contextmanager
    def taken(self, organization_id: str) -> Iterator[bool]:
        """Takes a place for as long as the block runs. False where there is none for the organization."""
        with self._lock:
            free = self._taken.total() < self._count and self._taken[organization_id] < self._of_one
            self._taken[organization_id] += free
        try:
            yield free
        finally:
            with self._lock:
                self._taken[organization_id] -= free
                self._taken += Counter()  # forgets those that have none
