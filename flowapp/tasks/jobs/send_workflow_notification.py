"""Tells people by e-mail how a workflow fares (notifications.alerts). Not in the scheduler: a mail server may be slow."""

from __future__ import annotations

from flowapp.catalog import N_
from flowapp.errors import InvalidError, StepError
from flowapp.logs import get_logger
from flowapp.models import Organization, Workflow, new_id
from flowapp.models.tenancy import tenant_session
from flowapp.tasks.jobs import Result, job, organization_of
from flowapp.tasks.runtime import runtime
from flowapp.texts import say

log = get_logger(__name__)


@job(
    N_("Notifies people by e-mail that a workflow keeps failing, or works again."),
    when=N_("When it happens"),
    counts={"sent": N_("Sent"), "caught": N_("Caught, not sent"), "refused": N_("Refused")},
)
def run(workflow_id: str, kind: str = "failing", key: str = "") -> Result:
    """How many e-mails were `sent`, `caught` where no mail server is connected, and `refused` by it. InvalidError,
    NotFoundError."""
    from flowapp.notifications import alerts
    from flowapp.tasks.mail import OrganizationMailer
    from flowapp.tasks.people import sender_name

    if kind not in ("failing", "recovered"):
        raise InvalidError.at("kind", say("Choose failing or recovered."))
    current, organization_id = runtime(), organization_of(Workflow, workflow_id)
    with tenant_session(current.engine, organization_id) as session:
        workflow = session.get_one(Workflow, workflow_id)
        name = session.get_one(Organization, organization_id).name
        emails = alerts.emails(
            session,
            workflow,
            "failing" if kind == "failing" else "recovered",
            key=key or new_id(),
            url=current.public_url(),
            sender_name=sender_name(name),
        )
    mail = OrganizationMailer(current, organization_id)
    done = {"sent": 0, "caught": 0, "refused": 0}
    for email in emails:
        try:
            done["caught" if mail.send(email).caught else "sent"] += 1
        except StepError as error:
            log.warning("an alert could not be sent", workflow_id=workflow_id, to=email.to, error=error.message)
            done["refused"] += 1
    return dict(done)
