"""What an organization's outgoing connections may reach besides public addresses."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy.orm import Session

from flowapp.accounts.installation import first_organization
from flowapp.config import Settings
from flowapp.errors import ForbiddenError, InvalidError, Problem
from flowapp.events import audit
from flowapp.models import Organization
from flowapp.records.lock import lock
from flowapp.security.allow_list import read_entry
from flowapp.texts import say

MOST = 100  # entries


def may_allow(system: Session, settings: Settings, organization_id: str) -> bool:
    """Whether the installation lets this organization allow private addresses for itself (FLOWAPP_EGRESS_ORGANIZATIONS).

    `system` sees all organizations.
    """
    if settings.egress_organizations == "first":
        return first_organization(system) == organization_id
    return settings.egress_organizations == "all"


def refused() -> ForbiddenError:
    """What an organization is told that may not."""
    return ForbiddenError(
        say("This installation does not let your organization allow private addresses. Ask whoever runs it.")
    )


def allowed_of(organization: Organization) -> list[str]:
    """Hosts, addresses and networks, as they are kept."""
    return [str(entry) for entry in organization.egress_allow or []]


def set_allowed(
    session: Session, organization: Organization, entries: Sequence[str], actor: tuple[str | None, str]
) -> list[str]:
    """Keeps these in place of those before. InvalidError names the entries that cannot stand there, as in allow.2.

    The caller commits, and has the process forget what it knew (tasks.outgoing).
    """
    read, problems = dict[str, None](), list[Problem]()
    for at, entry in enumerate(entries):
        try:
            read[read_entry(entry)] = None
        except ValueError as error:
            problems.append(Problem(f"allow.{at}", error.args[0]))
    if len(read) > MOST:
        problems.append(Problem("allow", say("At most %(most)s entries can be kept.", most=MOST)))
    if problems:
        raise InvalidError(problems)
    lock(session, organization)
    details = {"before": allowed_of(organization), "after": list(read)}
    organization.egress_allow = list[object](read)
    target = ("organization", organization.id, organization.name)
    audit(session, "organization.outgoing_changed", actor=actor, target=target, details=details)
    session.flush()
    return list(read)
