"""The Dramatiq actors: load, call, commit, wake."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import dramatiq

from flowapp import exact_json
from flowapp.broker import QUEUE
from flowapp.engine.runtime.program import Programs
from flowapp.engine.runtime.runner import Runner
from flowapp.engine.store.journal import Journal
from flowapp.engine.store.leases import Keeper
from flowapp.logs import get_logger
from flowapp.tasks import jobs, polling
from flowapp.tasks.due import hand_over
from flowapp.tasks.endings import announce_ends, ended
from flowapp.tasks.runtime import Runtime, runtime
from flowapp.tasks.services import ExecutionServices

TURN = 5.0  # seconds after which an execution that could go on lets others have a thread
log = get_logger(__name__)


def make_runner(current: Runtime, **changes: Any) -> Runner:
    """The runner of a process; `changes` replace parts of it in tests."""
    lease = timedelta(seconds=current.settings.lease_seconds)
    parts: dict[str, Any] = {
        "journal": lambda organization_id: Journal(current.engine, organization_id, current.name, lease),
        "services": lambda *place: ExecutionServices(current, *place),
        "publish": current.bus.publish,
        "now": current.clock.now,
        "programs": Programs(current.vault.open),
        "keeper": Keeper(lease.total_seconds(), current.clock.now),
        "stopping": lambda: current.stopping.is_set() or current.pause.state() is not None,
        "wake": current.bus.wake,
        "hand_over": hand_over,
        "ended": ended,
        "cancelled": announce_ends,
        "watch": current.watch,
        "turn": TURN,
        "stored": current.tally.add,
    }
    return Runner(**{**parts, **changes})


def run_now(execution_id: str, organization_id: str, *, fresh: bool = False, row: str = "") -> None:
    """Runs an execution in this thread, as far as it goes. `fresh`: nobody has been asked to before; `row`: as JSON."""
    known = exact_json.loads(row) if row else None
    _runner().run(execution_id, organization_id, fresh=fresh, row=known)


def _runner() -> Runner:
    current = runtime()
    if current.runner is None:
        current.runner = make_runner(current)
    return current.runner


def declare() -> None:
    """Declares the actors on the process's broker: the doorbell, and one for each background job."""

    @dramatiq.actor(actor_name="run_execution", queue_name=QUEUE)
    def run_execution(execution_id: str, organization_id: str, fresh: bool = False, row: str = "") -> None:
        """Runs one execution. An error here is a bug or a database that is away: the scheduler wakes it again, as it does
        for what a paused installation left."""
        if runtime().pause.state():
            return
        try:
            run_now(execution_id, organization_id, fresh=fresh, row=row)
        except Exception:
            log.exception("run failed, the scheduler will wake it again", execution_id=execution_id)

    @dramatiq.actor(actor_name="run_due", queue_name=QUEUE)
    def run_due(organization_id: str, *ids: str) -> None:
        """Runs executions whose time has come. What an error leaves is woken again."""
        if runtime().pause.state():
            return
        try:
            _runner().run_together(ids, organization_id)
        except Exception:
            log.exception("run failed, the scheduler will wake them again", executions=len(ids))

    @dramatiq.actor(actor_name="poll_trigger", queue_name=QUEUE)
    def poll_trigger(trigger_id: str, organization_id: str) -> None:
        """Polls for what starts a workflow. What an error leaves is woken again, as is what a paused installation leaves."""
        if runtime().pause.state():
            return
        try:
            with runtime().watch.working("poll_trigger"):
                polling.poll(trigger_id, organization_id)
        except Exception:
            log.exception("poll failed, the scheduler will wake it again", trigger_id=trigger_id)

    jobs.declare()
