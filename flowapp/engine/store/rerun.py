"""Running an execution again: a new one, linked to the old one, from the start or from the step where it failed.

From the failed step, the new execution goes on with what the old one left (`state["stopped"]`, see engine.machine.decisions): what
ran before is copied as `reused` under the same sequence numbers, so that nothing of it happens a second time.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any, Literal, cast

from sqlalchemy import insert, literal, select, tuple_
from sqlalchemy.orm import Session

from flowapp.engine.graph.graph import Graph
from flowapp.engine.language.definition import Definition
from flowapp.engine.machine.decisions import StepVisit, resumed
from flowapp.engine.machine.types import State
from flowapp.engine.store import admission
from flowapp.engine.store.control import awaiting, cancel, cancel_awaited
from flowapp.engine.store.quota import quotas
from flowapp.errors import ConflictError
from flowapp.models import TERMINAL, Execution, StepRun, Version, Workflow, new_id, utcnow
from flowapp.texts import say

From = Literal["start", "failed"]
Which = Literal["same", "newest"]

_COPIED = ("completed", "failed", "waiting", "uncertain")
_USED = re.compile(r"\bsteps(?:\.|\[\s*\\?[\"'])([\w-]+)")


def repeat(
    session: Session,
    execution: Execution,
    *,
    from_step: From = "start",
    version: Which = "same",
    input_data: Any = None,
    started_by: str | None = None,
    replay_id: str | None = None,
    trigger_type: str = "manual",
) -> Execution:
    """The new execution, pending; the caller commits, then wakes it. `input_data`: instead of the old one's.

    With a `replay_id` an execution is repeated once only: the second call returns what the first one made. The workflow's
    re-entry policy and debounce do not hold, since a person asked for this; its concurrency does. ConflictError where the
    old one has not ended, did not stop at a step, or does not fit the newest version. StorageFullError (engine.store.quota).
    """
    quotas.check(session, execution.organization_id)
    key = f"replay:{replay_id}:{execution.id}" if replay_id else None
    known = _known(session, execution.workflow_id, key)
    if known is not None:
        return known
    workflow, chosen = _program(session, execution, version)
    stopped = (execution.state or {}).get("stopped", {})  # by a release that left their sub-workflows running
    cancel_awaited(session, execution.id, awaiting(stopped.values()))
    row = _row(execution, workflow, chosen, started_by, replay_id, key) | {"trigger_type": trigger_type}
    if from_step == "start":
        return _insert(session, row, None, input_data)
    state, again = _resumed(execution)
    if chosen.id != execution.version_id:
        _check_fit(session, execution, chosen, state, again)
    new = _insert(session, row, state, input_data)
    new.seq, new.current_step_id = execution.seq, execution.current_step_id
    session.flush()
    _copy_runs(session, execution, new, again)
    return new


def _known(session: Session, workflow_id: str, key: str | None) -> Execution | None:
    if key is None:
        return None
    return session.scalar(
        select(Execution).where(Execution.workflow_id == workflow_id, Execution.idempotency_key == key)
    )


def can_go_on(execution: Execution) -> bool:
    """Whether it failed at a step that it can go on from."""
    return execution.status == "failed" and bool((execution.state or {}).get("stopped"))


def _program(session: Session, execution: Execution, version: Which) -> tuple[Workflow, Version]:
    """The workflow and the version to run: of one that was never published, the newest that was tried."""
    if execution.status not in TERMINAL:
        raise ConflictError(say("This execution has not ended yet. Cancel it, or wait until it ends."))
    workflow = session.get_one(Workflow, execution.workflow_id)
    if workflow.status == "archived":
        raise ConflictError(say("This workflow is archived. Activate or pause it before you run it."))
    if version == "same":
        return workflow, session.get_one(Version, execution.version_id)
    if workflow.published_version_id:
        return workflow, session.get_one(Version, workflow.published_version_id)
    tried = select(Version).where(Version.workflow_id == workflow.id).order_by(Version.id.desc()).limit(1)
    return workflow, session.scalars(tried).one()


def _row(
    old: Execution, workflow: Workflow, version: Version, started_by: str | None, replay_id: str | None, key: str | None
) -> dict[str, object]:
    now = utcnow()
    return {
        "id": new_id(),
        "organization_id": workflow.organization_id,
        "workflow_id": workflow.id,
        "version_id": version.id,
        "status": "pending",
        "trigger_entity_type": old.trigger_entity_type,
        "trigger_entity_id": old.trigger_entity_id,
        "contact_id": old.contact_id,
        "input_data": old.input_data,
        "context": {name: value for name, value in (old.context or {}).items() if name != "skipped_because"},
        "retry_of_id": old.id,
        "replay_id": replay_id,
        "idempotency_key": key,
        "started_by": started_by,
        "rung_at": now,
        "created_at": now,
    }


def _insert(session: Session, row: dict[str, Any], state: State | None, input_data: Any) -> Execution:
    if input_data is not None:
        row["input_data"] = input_data
    gate = admission.gate_now(session, row["workflow_id"], row["version_id"])
    replaced: list[Execution] = []
    if gate is not None:
        asked = replace(gate, reentry="always", debounce_seconds=0)
        replaced = admission.check_in(session, row, asked, row["created_at"])
    new = Execution(**row, state=state or {})
    session.add(new)
    session.flush()
    for earlier in replaced:
        cancel(session, earlier)
    return new


# --- from the failed step


def _resumed(old: Execution) -> tuple[State, set[StepVisit]]:
    """The state to go on with, and the visits of the old execution that begin anew."""
    found = resumed(cast(State, old.state)) if old.status == "failed" and old.state else None
    if found is None:
        raise ConflictError(say("This execution did not fail at a step. Run it again from the start."))
    return found


def _copy_runs(session: Session, old: Execution, new: Execution, again: set[StepVisit]) -> None:
    """What the old one's steps gave becomes the new one's. Its log stays where it is."""
    table = StepRun.__table__
    other: Mapping[str, Any] = {
        "execution_id": literal(new.id, StepRun.execution_id.type),
        "source": literal("reused"),
    }
    rows = select(*(other.get(column.name, column) for column in table.columns)).where(
        table.c.execution_id == old.id,
        table.c.organization_id == old.organization_id,
        table.c.status.in_(_COPIED),
        tuple_(table.c.token, table.c.step_id, table.c.iteration).not_in(sorted(again)),
    )
    session.execute(insert(table).from_select([column.name for column in table.columns], rows))  # type: ignore[arg-type]


def _check_fit(session: Session, old: Execution, version: Version, state: State, again: set[StepVisit]) -> None:
    """ConflictError where the version lacks a step that the execution needs to go on."""
    before = Definition.model_validate(session.get_one(Version, old.version_id).definition)
    known = {step.step_id: step for step in before.steps}
    graph = Graph(Definition.model_validate(version.definition))
    tokens, loops = state["tokens"], state.get("loops", {})
    waiting = {token["step"] for n, token in tokens.items() if (n, token["step"], token["iteration"]) not in again}
    for step_id in {token["step"] for token in tokens.values()} | {loop["step"] for loop in loops.values()}:
        name = known[step_id].name if step_id in known else step_id
        if step_id not in graph.steps:
            raise ConflictError(
                say(
                    "The newest version has no step “%(step)s”, where this execution would continue. Run "
                    "it again from the start, or on its original version.",
                    step=name,
                )
            )
        if step_id in waiting and graph.steps[step_id].action_type != known[step_id].action_type:
            raise ConflictError(
                say(
                    "In the newest version, “%(step)s”, where this execution waits, is a different kind of "
                    "step. Run it again from the start, or on its original version.",
                    step=name,
                )
            )
    ran = session.scalars(select(StepRun.step_id).where(StepRun.execution_id == old.id).distinct())
    _check_results(graph, {token["step"] for token in tokens.values()}, {*known, *ran})


def _check_results(graph: Graph, stands: Iterable[str], known: set[str]) -> None:
    """A step to come may use a result of a step that is new and lies behind: it will never run."""
    stands = set(stands)
    to_come = {s for s in graph.steps if s in stands or any(graph.leads(at, s) for at in stands)}
    for step_id in sorted(to_come):
        for used in _USED.findall(str(graph.steps[step_id].params)):
            if used in graph.steps and used not in known and used not in to_come:
                raise ConflictError(
                    say(
                        "“%(step)s” uses the result of “%(used)s”, which is new and has not run. Run it "
                        "again from the start.",
                        step=graph.steps[step_id].name,
                        used=graph.steps[used].name,
                    )
                )
