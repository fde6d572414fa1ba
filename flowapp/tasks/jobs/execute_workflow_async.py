"""Starts an execution of a workflow, as `POST …/workflows/<id>/execute/` does."""

from __future__ import annotations

from typing import Any

from flowapp.catalog import N_
from flowapp.engine.store.start import start
from flowapp.models import Workflow
from flowapp.models.tenancy import tenant_session
from flowapp.tasks.jobs import ITSELF, Result, job, organization_of
from flowapp.tasks.runtime import runtime
from flowapp.tasks.starting import commit_and_start


@job(N_("Starts a workflow with given data."), counts={"started": N_("Started")}, when=ITSELF)
def run(
    workflow_id: str,
    input_data: Any = None,
    context: Any = None,
    idempotency_key: str = "",
    trigger_entity_type: str = "",
    trigger_entity_id: str = "",
) -> Result:
    """The new execution's id; the first one's where the key was used before. NotFoundError, ConflictError (archived)."""
    from flowapp import workflows

    with tenant_session(runtime().engine, organization_of(Workflow, workflow_id)) as session:
        workflow = workflows.get(session, workflow_id)
        version = workflows.version_to_run(session, workflow, actor_id=None)
        execution, created = start(
            session,
            workflow,
            version,
            trigger_type="api_call",
            trigger=workflows.trigger_meant(workflow, version, "api_call"),
            input_data=input_data,
            context=context,
            idempotency_key=idempotency_key or None,
            entity=(trigger_entity_type, trigger_entity_id),
        )
        commit_and_start(session, execution, created=created)
    return {"started": int(created), "execution_id": execution.id}
