"""`ctx.workflows`: a step starts another workflow."""

from __future__ import annotations

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from flowapp.catalog import Signal
from flowapp.engine.runtime.visit import Visit
from flowapp.engine.store.control import child_keys
from flowapp.engine.store.error_workflows import find
from flowapp.engine.store.rows import Options
from flowapp.engine.store.start import start
from flowapp.errors import StepError
from flowapp.models import OPEN, Execution, Version, Workflow
from flowapp.tasks.people import ServiceHost
from flowapp.tasks.starting import commit_and_start
from flowapp.texts import say

MAX_DEPTH = 10
MAX_DESCENDANTS = 100_000  # of one execution, however deep: workflows that start workflows multiply


class SubWorkflows:
    """Starts sub-workflows for one visit of a step."""

    def __init__(self, services: ServiceHost, visit: Visit, key: str) -> None:
        self._services, self._visit, self._token = services, visit, visit.token
        self._keys = child_keys(key, visit.attempt)

    def start(self, workflow: str, input_data: object, *, wait: bool) -> str:
        """The new execution's id; the same one when this attempt runs again, after a crash or for a signal."""
        signal = self._visit.signal
        if signal is not None and (deleted := self._services.within(lambda session: self._deleted(session, signal))):
            return deleted
        execution, created = self._services.within(lambda session: self._begin(session, workflow, input_data, wait))
        if created and wait and execution.status == "skipped":  # no end of it will ever be signalled
            reason = (execution.context or {}).get("skipped_because", "")
            raise StepError(
                say("“%(workflow)s” was skipped: %(reason)s", workflow=workflow, reason=reason), permanent=True
            )
        return execution.id

    def _deleted(self, session: Session, signal: Signal) -> str:
        """The id of the execution that this attempt waited for, where it was deleted: of it there is only the signal of
        its end left. "": it is there."""
        if self._begun(session) is not None:
            return ""
        ended = _named(signal)
        if ended and session.get(Execution, ended) is None:
            return ended
        raise StepError(
            say("The execution of the other workflow that this step waited for was deleted."), permanent=True
        )

    def _begun(self, session: Session) -> Execution | None:
        """What this attempt started before; or an earlier one, where that still runs, or has just ended."""
        of_visit = (Execution.parent_id == self._visit.execution_id, Execution.idempotency_key.in_(self._keys))
        found = {
            execution.idempotency_key: execution for execution in session.scalars(select(Execution).where(*of_visit))
        }
        ended = _named(self._visit.signal)
        for number, key in enumerate(self._keys):
            known = found.get(key)
            if known is not None and (number == 0 or known.status in OPEN or known.id == ended):
                return known
        return None

    def _begin(self, session: Session, reference: str, input_data: object, wait: bool) -> tuple[Execution, bool]:
        execution, created = self._start(session, reference, input_data, wait)
        commit_and_start(session, execution, created=created)
        return execution, created

    def _start(self, session: Session, reference: str, input_data: object, wait: bool) -> tuple[Execution, bool]:
        visit = self._visit
        begun = self._begun(session)
        if begun is not None:  # whatever became of its workflow since
            return begun, False
        target, version, above = other_workflow(session, visit, reference)
        root = visit.root or visit.execution_id
        options: Options = {"ancestors": above, "root": root, "depth": visit.depth, "bulk": visit.bulk}
        if wait:
            options["parent"] = [visit.execution_id, self._token]
        started = start(
            session,
            target,
            version,
            trigger_type="workflow",
            input_data=input_data,
            idempotency_key=self._keys[0],
            contact_id=visit.contact_id or None,
            more={"options": options, "parent_id": visit.execution_id},
        )
        _count_descendant(session, root)
        return started


def other_workflow(session: Session, visit: Visit, reference: str) -> tuple[Workflow, Version, list[str]]:
    """The workflow that a step may run, its published version, and the workflows above it. StepError where it may not."""
    target = find(session, visit.organization_id, reference)
    if target is None:
        raise StepError(say("There is no workflow “%(reference)s”.", reference=reference), permanent=True)
    if target.published_version_id is None or target.status == "archived":
        raise StepError(
            say("“%(name)s” cannot run, because it is archived or was never published.", name=target.name),
            permanent=True,
        )
    above = [*visit.ancestors, visit.workflow_id]
    if target.id in above:
        raise StepError(
            say("“%(name)s” is already running above this step, so it would never end.", name=target.name),
            permanent=True,
        )
    if len(above) > MAX_DEPTH:
        raise StepError(
            say("Workflows can run other workflows at most %(most)s levels deep.", most=MAX_DEPTH),
            permanent=True,
        )
    return target, session.get_one(Version, target.published_version_id), above


def _named(signal: Signal | None) -> str:
    """The execution of whose end a signal tells."""
    return str(signal.payload.get("execution_id") or "") if signal and isinstance(signal.payload, dict) else ""


def _count_descendant(session: Session, root: str) -> None:
    """One more, in the transaction that starts it. StepError where the first of them all has started too many.

    Where that one was deleted meanwhile, nobody counts: what it started began long ago.
    """
    counted = session.execute(
        update(Execution)
        .where(Execution.id == root, Execution.descendants < MAX_DESCENDANTS)
        .values(descendants=Execution.descendants + 1)
        .execution_options(synchronize_session=False)
    )
    if counted.rowcount != 1 and session.get(Execution, root) is not None:  # type: ignore[attr-defined]
        raise StepError(
            say(
                "One execution can start at most %(most)s others, including those that they start.",
                most=MAX_DESCENDANTS,
            ),
            permanent=True,
        )
