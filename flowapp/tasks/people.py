"""`ctx.people`: a step tells members something, or asks them to decide."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from html import escape
from typing import Any, Protocol, TypeVar

from sqlalchemy import select
from sqlalchemy.orm import Session

from flowapp.accounts import members as accounts
from flowapp.catalog import Asked, Email, Mailer, Question
from flowapp.config import Settings
from flowapp.engine.runtime.visit import Visit
from flowapp.errors import StepError
from flowapp.logs import kept_text
from flowapp.models import ROLES, Member, Notification, Organization, User, Workflow
from flowapp.notifications import settings
from flowapp.security.links import sign
from flowapp.security.roles import Role
from flowapp.texts import labelled, localized, say

T = TypeVar("T")
_BUTTON = "display:inline-block;padding:10px 18px;border-radius:6px;color:#fff;text-decoration:none;font-weight:bold"
_APPROVAL = """\
{message}

{of_workflow}

{approve_line}
{reject_line}

{personal}
"""
_APPROVAL_HTML = """\
<p>{message}</p>
<p>{of_workflow}</p>
<p><a href="{link}?decision=approved" style="{button};background:#2b8a3e">{approve}</a>
&nbsp; <a href="{link}?decision=rejected" style="{button};background:#c92a2a">{reject}</a></p>
<p><small>{personal}</small></p>
"""


class ServiceHost(Protocol):
    """One execution's services, as its people and sub-workflows use them."""

    @property
    def mail(self) -> Mailer: ...

    @property
    def public_url(self) -> str: ...

    @property
    def settings(self) -> Settings: ...

    def within(self, work: Callable[[Session], T]) -> T: ...


class Members:
    """The members of the execution's organization, on behalf of one visit of a step."""

    def __init__(self, services: ServiceHost, visit: Visit, step_id: str, key: str) -> None:
        self._services, self._visit, self._step_id, self._key = services, visit, step_id, key

    def notify(
        self, role: str, title: str, body: str, link: str, *, members: Sequence[str] = (), emails: Sequence[str] = (),
        level: str = "info", by_email: bool = False,
    ) -> int:  # fmt: skip
        """Tells members with that role or a higher one, and these, in the app, and `emails` by e-mail; how many that is."""

        def write(session: Session) -> tuple[int, list[str]]:
            people = {user.id: user for user in (with_role(session, role) if role else [])}
            named = session.scalars(select(Member).where(Member.user_id.in_(members)))
            people |= {member.user_id: member.user for member in named}
            told = list(people.values())
            notify(session, told, title, body, link, kind="message", level=level, key=self._key)
            by_mail = settings.by_email(session, session.info["organization_id"], "message", told)
            return len(told), [user.email for user in by_mail]

        told = self._services.within(write)
        by_mail = told[1] if by_email else []
        text = f"{body}\n\n{self._services.public_url + link if link.startswith('/') else link}".strip()
        for number, address in enumerate([*by_mail, *emails]):
            self._services.mail.send(Email([address], title, text, message_id=f"<{self._key}.{number}@flowapp>"))
        return told[0] + len(emails)

    def asked(self, question: Question) -> tuple[list[User], list[str]]:
        """Whom the question goes to, and whom it names who is no member. StepError where that is nobody."""
        people, missing = self._services.within(lambda session: _asked(session, question))
        if not people:
            role = question.role
            raise StepError(
                say("Nobody in the organization has the role %(role)s, so nobody could decide.", role=say(role)),
                permanent=True,
            )
        return people, missing

    def ask_approval(self, question: Question, *, by_email: bool) -> Asked:
        """A notification, and an e-mail with buttons, to everybody who is asked; each with a link of their own.

        Asking again for the same visit (its worker died) notifies nobody twice; the e-mails have the same Message-ID.
        """
        page = f"/executions/{self._visit.execution_id}#approval-{self._step_id}-{self._visit.iteration}"

        people, missing = self.asked(question)
        title, message = question.title, question.message

        def write(session: Session) -> tuple[str, Organization, list[User]]:
            notified = set(session.scalars(select(Notification.user_id).where(_to(people), Notification.link == page)))
            new = [user for user in people if user.id not in notified]
            notify(session, new, title, message, page, kind="decision")
            workflow, organization = _names(session, self._visit)
            return workflow, organization, settings.by_email(session, organization.id, "decision", people)

        workflow, organization, by_mail = self._services.within(write)
        sent = [
            self._services.mail.send(self._email(user, title, message, workflow, organization))
            for user in (by_mail if by_email else ())
        ]
        return Asked(len(people), any(mail.caught for mail in sent), missing)

    def _email(self, user: User, title: str, message: str, workflow: str, organization: Organization) -> Email:
        settings = self._services.settings
        value = [self._visit.execution_id, self._step_id, user.id, self._visit.iteration]
        link = f"{self._services.public_url}/approvals/{sign(settings.secret_key, 'approval', value)}"
        words = {
            "message": message.strip() or title,
            **_approval_texts(workflow, link, organization.language_for(user)),
        }
        shown = {name: escape(text).replace("\n", "<br>") for name, text in words.items()}
        return Email(
            [user.email],
            " ".join(title.split()),
            _APPROVAL.format(**words),
            _APPROVAL_HTML.format(link=link, button=_BUTTON, **shown),
            sender_name=sender_name(organization.name),
            message_id=f"<{self._key}.{user.id}@flowapp>",
        )


def _approval_texts(workflow: str, link: str, language: str) -> dict[str, str]:
    """What the e-mail says itself, in its reader's language."""
    texts = {
        "of_workflow": say("Workflow: %(name)s", name=workflow),
        "approve": (approve := say("Approve")),
        "reject": (reject := say("Reject")),
        "approve_line": labelled(approve, f"{link}?decision=approved"),
        "reject_line": labelled(reject, f"{link}?decision=rejected"),
        "personal": say("These links act on your behalf. Do not forward this e-mail."),
    }
    return {name: localized(text, language) for name, text in texts.items()}


def _asked(session: Session, question: Question) -> tuple[list[User], list[str]]:
    if not question.members:
        return with_role(session, question.role), []
    found = accounts.named(session, question.members)
    people = {user.id: user for user in found.values()}
    missing = [name for name in question.members if name not in found]
    return list(people.values()) or with_role(session, Role.ADMIN.label), missing


def _to(people: list[User]) -> Any:
    return Notification.user_id.in_([user.id for user in people])


def _names(session: Session, visit: Visit) -> tuple[str, Organization]:
    """What the workflow is called, and the organization."""
    return session.get_one(Workflow, visit.workflow_id).name, session.get_one(Organization, visit.organization_id)


def notify(
    session: Session, people: Sequence[User], title: str, body: str, link: str, *, kind: str, level: str = "info", key: str = "",
) -> None:  # fmt: skip
    """Writes a notification for each of them, as they wish. The caller commits. With a `key` whom it told before is not told
    again."""
    words = {"kind": kind, "level": level, "title": title[:300], "body": kept_text(body), "link": link[:500]}
    keys = {user.id: f"{key}:{user.id}" if key else None for user in people}
    of_key = select(Notification.source_key).where(Notification.source_key.in_(keys.values()))
    told = set(session.scalars(of_key)) if key else set()
    wishes = settings.wishes(session, session.info["organization_id"], kind, [user.id for user in people])
    session.add_all(
        settings.told(wishes[user.id], Notification(user_id=user.id, source_key=keys[user.id], **words))
        for user in people
        if keys[user.id] not in told
    )


def sender_name(organization: str) -> str:
    """What mails on behalf of an organization are sent under: its name."""
    return "".join(c for c in organization if c.isprintable())[:60]


def with_role(session: Session, role: str) -> list[User]:
    """The members of the session's organization with that role or a higher one, by e-mail."""
    if role not in ROLES:
        raise StepError(
            say("There is no role “%(role)s”: choose one of %(roles)s.", role=role, roles=", ".join(ROLES)),
            permanent=True,
        )
    enough = ROLES[: ROLES.index(role) + 1]
    members = session.scalars(select(Member).where(Member.role.in_(enough)))
    return sorted((member.user for member in members), key=lambda user: user.email)
