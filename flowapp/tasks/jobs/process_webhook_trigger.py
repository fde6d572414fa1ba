"""Starts what a delivery to a webhook starts, without HTTP: for deliveries that were kept elsewhere."""

from __future__ import annotations

from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from flowapp import exact_json
from flowapp.catalog import N_, get_trigger
from flowapp.catalog.hooks import Delivery, HookParams
from flowapp.engine.store.start import start
from flowapp.errors import InvalidError, NotFoundError
from flowapp.models import Execution, Trigger, Version, Workflow, utcnow
from flowapp.models.tenancy import system_session, tenant_session
from flowapp.tasks.jobs import ITSELF, Result, job
from flowapp.tasks.runtime import runtime
from flowapp.tasks.starting import commit_and_start
from flowapp.texts import say
from flowapp.workflows.kept_starts import paused_hook


@job(
    N_("Starts a webhook's workflow with a stored delivery."),
    counts={"started": N_("Started")},
    when=ITSELF,
)
def run(key: str, body: Any = None, headers: Any = None) -> Result:
    """The execution's id; the first one's for a repeated delivery.

    `key` is that of the webhook's address, `body` JSON or its text as it was signed. What the trigger asks for holds:
    UnauthenticatedError for a wrong signature. A paused workflow keeps the delivery: skipped, with why, and `started` is 0.
    NotFoundError where no workflow that runs or is paused has the key.
    """
    raw = body.encode() if isinstance(body, str) else exact_json.dumps(body if body is not None else {})
    try:
        data = exact_json.loads(raw)
    except ValueError as error:
        raise InvalidError.at("body", say("This is not valid JSON: %(error)s.", error=str(error))) from None
    sent = {str(name).lower(): str(value) for name, value in (headers or {}).items()}
    with system_session(runtime().engine) as session:
        organization_id = session.scalar(select(Trigger.organization_id).where(Trigger.hook_key == key))
    if organization_id is None:
        raise NotFoundError(say("There is no such webhook."))
    with tenant_session(runtime().engine, organization_id) as session:
        execution, created = _start(session, key, raw, data, sent)
        runs = created and execution.status != "skipped"
        commit_and_start(session, execution, created=created)
    return {"started": int(runs), "execution_id": execution.id}


def _start(session: Session, key: str, raw: bytes, data: object, sent: dict[str, str]) -> tuple[Execution, bool]:
    from flowapp.security.opened import shown_headers

    found = session.execute(
        select(Trigger, Workflow, Version)
        .join(Workflow, Workflow.id == Trigger.workflow_id)
        .join(Version, Version.id == Workflow.published_version_id)
        .where(Trigger.hook_key == key, Trigger.is_active, Workflow.status == "active")
    ).one_or_none() or paused_hook(session, key)
    if found is None:
        raise NotFoundError(say("There is no such webhook, or its workflow is not active."))
    trigger, workflow, version = found
    config = get_trigger(trigger.trigger_type).params.model_validate(runtime().vault.open(trigger.config))
    if not isinstance(config, HookParams):
        raise NotFoundError(say("There is no such webhook."))
    address = f"{runtime().settings.base_url}/hooks/{key}"
    config.verify(Delivery(sent, raw, utcnow(), lambda: address))
    if not config.starts(data):
        raise InvalidError.at("body", say("This starts nothing: the trigger waits for other events."))
    delivery = config.delivery_id(data, sent)
    return start(
        session,
        workflow,
        version,
        trigger=trigger,
        input_data=data,
        context={"method": "POST", "query": {}, "headers": shown_headers(sent, config.terms().hidden)},
        idempotency_key=f"{trigger.key}:{delivery}" if delivery else None,
    )
