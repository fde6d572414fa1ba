"""Starts an execution of a workflow, as `POST …/workflows/<id>/execute/` does."""

from __future__ import annotations

import time

from sqlalchemy.exc import InterfaceError, OperationalError

from flowapp.catalog import N_
from flowapp.crm.steps import references
from flowapp.engine.store.start import start
from flowapp.logs import get_logger
from flowapp.models import Workflow, new_id
from flowapp.models.tenancy import tenant_session
from flowapp.tasks.jobs import ITSELF, Result, job, organization_of
from flowapp.tasks.runtime import runtime
from flowapp.tasks.starting import commit_and_start

PAUSES = (1.0, 2.0)  # seconds after the first and the second try
_AWAY = (OperationalError, InterfaceError)
log = get_logger(__name__)


@job(N_("Starts a workflow with given data."), counts={"started": N_("Started")}, when=ITSELF)
def run(
    workflow_id: str,
    input_data: object = None,
    context: object = None,
    idempotency_key: str = "",
    trigger_entity_type: str = "",
    trigger_entity_id: str = "",
    trigger_data: object = None,
) -> Result:
    """The new execution's id; the first one's where the key was used before. NotFoundError, ConflictError (archived).

    `trigger_data` is another name of `input_data`. Where the database is away it tries three times, longer apart each time.
    """
    given = trigger_data if input_data is None else input_data
    key = idempotency_key or (f"job:{new_id()}")  # a try whose commit was not confirmed may have started it
    entity = (trigger_entity_type, trigger_entity_id)
    more = context if isinstance(context, dict) else None
    for pause in PAUSES:
        try:
            return _start(workflow_id, given, more, key, entity)
        except _AWAY as error:
            log.warning(
                "execution not started, trying again", workflow_id=workflow_id, error=str(error).splitlines()[0]
            )
            time.sleep(pause)
    return _start(workflow_id, given, more, key, entity)


def _start(
    workflow_id: str,
    input_data: object,
    context: dict[str, object] | None,
    idempotency_key: str,
    entity: tuple[str, str],
) -> Result:
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
            idempotency_key=idempotency_key,
            entity=references.entity(session, *entity, "trigger_entity_id"),
        )
        commit_and_start(session, execution, created=created)
    return {"started": int(created), "execution_id": execution.id}
