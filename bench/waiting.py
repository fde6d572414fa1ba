"""T100k: what many waiting executions cost while nothing happens, and how fast they wake when all are due in one minute."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from sqlalchemy import select

from bench.bulk import EXECUTIONS, LINES, RUNS, TIMERS, Copies
from bench.measure import Sink, send
from bench.processes import cpu
from bench.stacks import BenchError, Product
from bench.stats import Row, Target, percentile
from flowapp.models.tenancy import SYSTEM, use_tenant

DEFINITION = {
    "name": "nap",
    "triggers": [{"trigger_type": "webhook"}],
    "steps": [
        {"step_id": "nap", "order": 1, "action_type": "wait_time", "params": {"duration": "2 hours"}},
        {"step_id": "done", "order": 2, "action_type": "log", "params": {"message": "Awake"}},
    ],
}


@dataclass(frozen=True, slots=True)
class Sizes:
    """How much; times in seconds. `away` must be enough to insert all and to look on while nothing happens."""

    count: int = 100_000
    away: float = 75.0
    quiet: float = 20.0
    minute: float = 60.0
    patience: float = 540.0


QUICK = Sizes(count=2000, away=20.0, quiet=5.0, minute=4.0, patience=60.0)


def measure(product: Product, sink: Sink, sizes: Sizes) -> tuple[list[Row], dict[str, Any]]:
    """Inserts the waiting executions, watches the processors, then waits until all have gone on."""
    product.make(DEFINITION)
    (template,) = send(product, sink, 1, path=product.hooks["nap"]).ids
    _wait_for(product, template)
    copies = _insert(product, template, sizes)
    time.sleep(2)
    if time.time() * 1000 + sizes.quiet * 1000 > copies.first_ms:
        raise BenchError("Inserting the waiting executions took too long.")
    already = product.completed()
    with _share(product, sizes.quiet) as share:
        time.sleep(sizes.quiet)
    before = cpu(product.pids)
    woken = _woken(product, copies, already, sizes)
    used = cpu(product.pids)
    used.subtract(before)
    late = [woken[n] - copies.ms(n) / 1000 for n in range(1, copies.count + 1)]
    took = max(woken.values()) - copies.ms(1) / 1000
    rows = [
        Row("waiting, idle: % of one processor", share[0], target=Target("≤", 3)),
        Row("wake-ups per second", copies.count / took),
        Row("processor ms per wake-up", 1000 * sum(used.values()) / copies.count, target=Target("≤", 1.6)),
        Row("wake-up after its time, p50, s", percentile(late, 50)),
        Row("wake-up after its time, p99, s", percentile(late, 99)),
    ]
    return rows, {
        "count": copies.count,
        "due_in_seconds": sizes.minute,
        "idle_by_role": share[1],
        "wake_by_role": dict(used),
    }


def _wait_for(product: Product, template: str) -> None:
    """Until the execution waits."""
    end = time.monotonic() + 20
    while time.monotonic() < end:
        with product.engine.connect() as connection:
            use_tenant(connection, SYSTEM)
            found = select(EXECUTIONS.c.status).where(EXECUTIONS.c.id == template)
            if connection.execute(found).scalar_one() == "waiting":
                return
        time.sleep(0.1)
    raise BenchError("The execution does not wait.")


def _insert(product: Product, template: str, sizes: Sizes) -> Copies:
    first = int((time.time() + sizes.away) * 1000)
    copies = Copies(product.engine, template, sizes.count, first, int(sizes.minute * 1000))
    until = '"until":'
    known = f"{until}{_until(product, template)}"
    state = f"replace(CAST(t.state AS TEXT), '{known}', '{until}' || ({copies.sql_ms()} / 1000.0))"
    state += "" if copies.is_sqlite else "::json"
    copies.insert(EXECUTIONS, "id", {"id": copies.sql_id(), "state": state})
    copies.insert(RUNS, "execution_id", {"execution_id": copies.sql_id()})
    copies.insert(LINES, "execution_id", {"execution_id": copies.sql_id()})
    ours = {"id": copies.sql_id("001"), "execution_id": copies.sql_id(), "due_at": copies.sql_time()}
    copies.insert(TIMERS, "execution_id", ours)
    return copies


def _until(product: Product, template: str) -> str:
    """The time in the template's state, as it is written there."""
    with product.engine.connect() as connection:
        use_tenant(connection, SYSTEM)
        state = connection.execute(select(EXECUTIONS.c.state).where(EXECUTIONS.c.id == template)).scalar_one()
    return json.dumps(state["tokens"]["1"]["until"])


@contextmanager
def _share(product: Product, seconds: float) -> Iterator[list[Any]]:
    """Percent of one processor that all processes used meanwhile, in all and by role; known at the end."""
    found: list[Any] = []
    before = cpu(product.pids)
    yield found
    used = cpu(product.pids)
    used.subtract(before)
    found += [100 * sum(used.values()) / seconds, {role: round(100 * s / seconds, 2) for role, s in used.items()}]


def _woken(product: Product, copies: Copies, already: int, sizes: Sizes) -> dict[int, float]:
    """When each copy's wait ended, in seconds since 1970. BenchError where some do not go on."""
    end = copies.ms(copies.count) / 1000 + sizes.patience
    while (ended := product.completed() - already) < copies.count:
        if time.time() > end:
            raise BenchError(f"{copies.count - ended} of {copies.count} waiting executions did not go on.")
        time.sleep(0.5)
    first, last = copies.id(1), copies.id(copies.count)
    with product.engine.connect() as connection:
        use_tenant(connection, SYSTEM)
        found = connection.execute(
            select(RUNS.c.execution_id, RUNS.c.ended_at).where(
                RUNS.c.execution_id.between(first, last), RUNS.c.step_id == "nap"
            )
        ).all()
    return {int(str(row.execution_id)[-12:], 16): row.ended_at.timestamp() for row in found}
