"""Starts what a delivery to a webhook starts, without HTTP: for deliveries that were kept elsewhere."""

from __future__ import annotations

from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from flowapp import exact_json
from flowapp.catalog import N_
from flowapp.engine.store.start import start
from flowapp.errors import InvalidError, NotFoundError
from flowapp.models import Execution, Trigger, Version, Workflow, utcnow
from flowapp.models.tenancy import system_session, tenant_session
from flowapp.tasks.jobs import ITSELF, Result, job
from flowapp.tasks.runtime import runtime
from flowapp.tasks.starting import commit_and_start
from flowapp.texts import say


@job(
    N_("Starts a webhook's workflow with a stored delivery."),
    counts={"started": N_("Started")},
    when=ITSELF,
)
def run(key: str, body: Any = None, headers: Any = None) -> Result:
    """The execution's id; the first one's for a repeated delivery.

    `key` is that of the webhook's address, `body` JSON or its text as it was signed. What the trigger asks for holds:
    UnauthenticatedError for a wrong signature. NotFoundError where no active workflow has the key.
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
        commit_and_start(session, execution, created=created)
    return {"started": int(created), "execution_id": execution.id}


def _start(session: Session, key: str, raw: bytes, data: object, sent: dict[str, str]) -> tuple[Execution, bool]:
    from flowapp.security.opened import shown_headers
    from flowapp.triggers.webhook import WebhookParams, delivery_id, verify

    trigger = session.scalars(select(Trigger).where(Trigger.hook_key == key, Trigger.is_active)).one_or_none()
    workflow = session.get_one(Workflow, trigger.workflow_id) if trigger else None
    if trigger is None or workflow is None or workflow.status != "active" or not workflow.published_version_id:
        raise NotFoundError(say("There is no such webhook, or its workflow is not active."))
    config = WebhookParams.model_validate(runtime().vault.open(trigger.config))
    verify(config, sent, raw, utcnow())
    hidden = {config.header_name.lower(), config.signature_header.lower()}
    delivery = delivery_id(data, sent)
    return start(
        session,
        workflow,
        session.get_one(Version, workflow.published_version_id),
        trigger=trigger,
        input_data=data,
        context={"method": "POST", "query": {}, "headers": shown_headers(sent, hidden)},
        idempotency_key=f"{trigger.key}:{delivery}" if delivery else None,
    )
