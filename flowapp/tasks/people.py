"""`ctx.people`: a step tells members something, or asks them to decide."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from sqlalchemy import select
from sqlalchemy.orm import Session

from flowapp.catalog import Letter
from flowapp.engine.visit import Visit
from flowapp.errors import StepError
from flowapp.models import ROLES, Member, Notification, User
from flowapp.security.links import sign

if TYPE_CHECKING:
    from flowapp.tasks.services import StepServices


class Members:
    """The members of the execution's organization, on behalf of one visit of a step."""

    def __init__(self, services: StepServices, visit: Visit, step_id: str, key: str) -> None:
        self._services, self._visit, self._step_id, self._key = services, visit, step_id, key

    def notify(self, role: str, title: str, body: str, link: str, *, emails: Sequence[str] = ()) -> int:
        """Tells members with that role or a higher one in the app, and `emails` by e-mail; how many people that is."""

        def write(session: Session) -> int:
            people = with_role(session, role)
            session.add_all(
                Notification(user_id=user.id, title=title[:300], body=body, link=link[:500]) for user in people
            )
            return len(people)

        told = self._services.within(write)
        for number, address in enumerate(emails):
            text = f"{body}\n\n{link}".strip()
            self._services.mail.send(Letter([address], title, text, message_id=f"<{self._key}.{number}@flowapp>"))
        return told + len(emails)

    def ask_approval(self, role: str, title: str, message: str, *, by_email: bool) -> int:
        """A notification, and an e-mail with buttons, to everybody who may decide; each with a link of their own."""
        people = self._services.within(lambda session: with_role(session, role))
        if not people:
            raise StepError(f"Nobody in the organization has the role {role}: nobody could decide.", permanent=True)
        page = f"/executions/{self._visit.execution_id}"
        self.notify(role, title, message, page)
        for user in people if by_email else ():
            self._services.mail.send(self._letter(user, title, message))
        return len(people)

    def _letter(self, user: User, title: str, message: str) -> Letter:
        settings = self._services.settings
        token = sign(settings.secret_key, "approval", [self._visit.execution_id, self._step_id, user.id])
        link = f"{settings.public_url}/approvals/{token}"
        text = f"{message}\n\nApprove: {link}?decision=approved\nReject: {link}?decision=rejected"
        return Letter([user.email], title, text, message_id=f"<{self._key}.{user.id}@flowapp>")


def with_role(session: Session, role: str) -> list[User]:
    """The members of the session's organization with that role or a higher one, by e-mail."""
    if role not in ROLES:
        raise StepError(f"There is no role “{role}”: choose one of {', '.join(ROLES)}.", permanent=True)
    enough = ROLES[: ROLES.index(role) + 1]
    members = session.scalars(select(Member).where(Member.role.in_(enough)))
    return sorted((member.user for member in members), key=lambda user: user.email)
