"""Members, as parameters name them."""

from __future__ import annotations

from sqlalchemy import select
from sqlalchemy.orm import Session

from flowapp.catalog import N_
from flowapp.catalog.resources import Choice, Choices, resource
from flowapp.models import Member, User


@resource(
    "member",
    missing=N_("There is no member “%(name)s” in this organization.%(near)s Invite them, or choose another."),
)
def members(session: Session, _project_id: str) -> Choices:
    """Everybody in the organization, by e-mail address."""
    found = select(User.email, User.name, User.id).join(Member, Member.user_id == User.id)
    people = [Choice(email, f"{name} ({email})", (user_id,)) for email, name, user_id in session.execute(found)]
    return sorted(people, key=lambda one: one.label.lower())
