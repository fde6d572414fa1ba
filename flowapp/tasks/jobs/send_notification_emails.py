"""E-mails what members were told in the app, after the transaction that told them."""

from __future__ import annotations

from flowapp.catalog import N_
from flowapp.errors import StepError
from flowapp.logs import get_logger
from flowapp.models import Organization, read_id
from flowapp.models.tenancy import tenant_session
from flowapp.tasks.jobs import job
from flowapp.tasks.runtime import runtime

log = get_logger(__name__)


@job(
    N_("E-mails notifications to the members who want them by e-mail, for example that a note mentions them."),
    when=N_("When it happens"),
    counts={"sent": N_("Sent"), "caught": N_("Caught, not sent"), "refused": N_("Refused")},
)
def run(organization_id: str, ids: str) -> dict[str, int]:
    """How many e-mails were `sent`, `caught` where no mail server is connected, and `refused` by it.

    `ids`: of the notifications, with commas.
    """
    from flowapp.notifications import mentions
    from flowapp.tasks.mail import OrganizationMailer
    from flowapp.tasks.people import sender_name

    current = runtime()
    known = [one for text in ids.split(",") if (one := read_id(text.strip()))]
    with tenant_session(current.engine, organization_id) as session:
        name = session.get_one(Organization, organization_id).name
        emails = mentions.emails(session, known, url=current.public_url(), sender_name=sender_name(name))
    mail, done = OrganizationMailer(current, organization_id), {"sent": 0, "caught": 0, "refused": 0}
    for email in emails:
        try:
            done["caught" if mail.send(email).caught else "sent"] += 1
        except StepError as error:
            log.warning("a notification could not be e-mailed", to=email.to, error=error.message)
            done["refused"] += 1
    return dict(done)
