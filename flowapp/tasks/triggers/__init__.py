"""Starting workflows from Python: what scripts and a shell of this installation call (docs/architecture.md).

    with app.app_context():
        trigger_manual(firm, workflow_id=workflow.id, contact="ann@example.com", context={"source": "manual"})

`firm` is the organization, or its id. Each commits by itself, and has workers run what it started.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager

from sqlalchemy import select
from sqlalchemy.orm import Session

from flowapp import workflows
from flowapp.catalog import get_trigger
from flowapp.crm import contacts
from flowapp.data import forms
from flowapp.engine.store.start import start
from flowapp.models import Contact, Execution, Organization, Trigger, Workflow
from flowapp.models.tenancy import tenant_session
from flowapp.tasks.runtime import runtime
from flowapp.tasks.starting import commit_and_start

Firm = Organization | str


def find_workflows_by_trigger(firm: Firm, trigger_type: str) -> Sequence[Workflow]:
    """The active workflows that such a trigger starts, by name. NotFoundError for a trigger that does not exist."""
    of_kind = (Trigger.trigger_type == get_trigger(trigger_type).type, Trigger.is_active, Workflow.status == "active")
    with _session(firm) as session:
        ids = select(Trigger.workflow_id).join(Workflow, Workflow.id == Trigger.workflow_id).where(*of_kind)
        return session.scalars(select(Workflow).where(Workflow.id.in_(ids)).order_by(Workflow.name, Workflow.id)).all()


def trigger_manual(
    firm: Firm,
    workflow_id: str | int,
    contact: Contact | str | None = None,
    context: Mapping[str, object] | None = None,
    input_data: object = None,
) -> Execution:
    """Starts a workflow by hand; `contact` by its id, number or e-mail address. NotFoundError, ConflictError (archived)."""
    with _session(firm) as session:
        workflow = workflows.get(session, str(workflow_id))
        version = workflows.version_to_run(session, workflow, actor_id=None)
        about = contact.id if isinstance(contact, Contact) else contacts.find(session, contact).id if contact else ""
        execution, _ = start(
            session,
            workflow,
            version,
            trigger=workflows.trigger_meant(workflow, version, "manual"),
            input_data=input_data,
            context=dict(context or {}),
            entity=("contact", about) if about else ("", ""),
        )
        commit_and_start(session, execution)
    return execution


def trigger_form_submitted(firm: Firm, form_id: str | int, submission_data: Mapping[str, object]) -> list[Execution]:
    """Takes answers as the form's page does, and starts what listens. InvalidError names each wrong answer."""
    with _session(firm) as session:
        _, started = forms.submit(session, forms.get(session, str(form_id)), submission_data)
        commit_and_start(session, *started)
    return started


def _session(firm: Firm) -> AbstractContextManager[Session]:
    return tenant_session(runtime().engine, firm if isinstance(firm, str) else firm.id)
