"""E-mails a link for a forgotten password. In the background, so that an address without an account takes no less time.

The link is made here: no message and no result of a job holds it.
"""

from __future__ import annotations

from flowapp.catalog import N_
from flowapp.errors import StepError
from flowapp.logs import get_logger
from flowapp.tasks.jobs import Result, job
from flowapp.tasks.runtime import runtime

log = get_logger(__name__)


@job(
    N_("E-mails a link for choosing a new password, if the address belongs to an account."),
    when=N_("When someone has forgotten their password"),
    counts={},
    private=True,
)
def run(email: str, language: str = "en", ip: str = "") -> Result:
    """Says nothing of whether there is an account. `ip`: who asked, for the audit log."""
    from flowapp.accounts import members, password_resets
    from flowapp.tasks.mail import InstallationMailer

    current = runtime()
    begun = password_resets.begin(current.engine, email)
    if begun is None:
        return {}
    user, token = begun
    link = f"{current.public_url()}/reset-password/{token}"
    try:
        sent = InstallationMailer(current).send(password_resets.email_of(user, token, link, otherwise=language))
        outcome = "caught" if sent.caught else "sent"
    except StepError as error:
        log.warning("a link for a new password could not be sent", error=error.message)
        outcome = "failed"
    members.note(current.engine, "user.password_reset_requested", user, ip=ip, details={"email": outcome})
    return {}
