"""What a process gives to the executions that it runs."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from random import random

from flowapp.engine.runtime.activity import Watch
from flowapp.engine.runtime.recorder import Message
from flowapp.engine.runtime.visit import Services
from flowapp.engine.store.rows import ExecutionRow
from flowapp.models import Execution, utcnow


@dataclass(slots=True, kw_only=True)
class Host:
    """`services(organization_id, project_id, timezone)` opens what steps may use; `publish` hands messages to the live bus after a
    commit; `stopping()` says that the process wants to end; `chance` gives the jitter of retries;
    `wake` has an execution looked at again, `hand_over` several that were taken and not begun (execution, organization);
    `ended(row)` is told of an end after its commit, where somebody waits for it; `cancelled` of the sub-workflows that a commit has
    ended; `stored`
    counts bytes that were written; `watch` hears what this thread is doing.
    """

    services: Callable[[str, str, str], Services]
    publish: Callable[[str, str, list[Message]], None]  # organization, execution, messages
    stopping: Callable[[], bool] = lambda: False
    now: Callable[[], datetime] = utcnow
    chance: Callable[[], float] = random
    wake: Callable[[str, str], None] = lambda _execution, _organization: None
    hand_over: Callable[[list[tuple[str, str]]], object] = lambda _executions: None
    ended: Callable[[ExecutionRow], None] = lambda _row: None
    cancelled: Callable[[list[Execution]], None] = lambda _executions: None
    stored: Callable[[tuple[str, str, int]], None] = lambda _written: None  # organization, workflow, bytes
    watch: Watch = field(default_factory=Watch)
