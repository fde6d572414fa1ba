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
    N_(
        "Notifies people of how a workflow fares: that it keeps failing, works again, was stopped, or how an execution ended."
    ),
    when=N_("When it happens"),
    counts={"sent": N_("Sent"), "caught": N_("Caught, not sent"), "refused": N_("Refused")},
)
def run(workflow_id: str, kind: str = "failing", key: str = "", execution_id: str = "") -> Result:
    """How many e-mails were `sent`, `caught` where no mail server is connected, and `refused` by it. InvalidError,
    NotFoundError.

    Of the kinds completed, failed and cancelled (of `execution_id`, else of the workflow's last one that ended so), people are
    told in the app, too, and the event automation.workflow.notified is recorded.
    """
    from flowapp.notifications import alerts, outcomes, stops
    from flowapp.tasks.mail import OrganizationMailer
    from flowapp.tasks.people import sender_name

    if kind not in (*alerts.KINDS, *outcomes.KINDS):
        raise InvalidError.at(
            "kind", say("Choose one of: %(kinds)s.", kinds=", ".join((*alerts.KINDS, *outcomes.KINDS)))
        )
    current, organization_id = runtime(), organization_of(Workflow, workflow_id)
    with tenant_session(current.engine, organization_id) as session:
        workflow = session.get_one(Workflow, workflow_id)
        name = session.get_one(Organization, organization_id).name
        how = {"key": key or new_id(), "url": current.public_url(), "sender_name": sender_name(name)}
        if kind in outcomes.KINDS:
            emails = outcomes.emails(session, workflow, kind, execution_id, **how)
        elif kind == "stopped":
            emails = stops.emails(session, workflow, **how)
        else:
            emails = alerts.emails(session, workflow, "failing" if kind == "failing" else "recovered", **how)
        session.commit()
    mail = OrganizationMailer(current, organization_id)
    done = {"sent": 0, "caught": 0, "refused": 0}
    for email in emails:
        try:
            done["caught" if mail.send(email).caught else "sent"] += 1
        except StepError as error:
            log.warning("an alert could not be sent", workflow_id=workflow_id, to=email.to, error=error.message)
            done["refused"] += 1
    return dict(done)
