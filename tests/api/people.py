"""An organization with members who hold tokens, fake steps, and a worker: what the tests of the API need."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import dramatiq
from pydantic import Field

from flowapp.catalog import ACTIONS, ActionSpec, Done, Fail, Params, StepContext
from flowapp.extensions import db
from flowapp.models import AccessToken, Member, Organization, Project, User, new_id
from flowapp.models.tenancy import system_session
from flowapp.security.roles import Role
from flowapp.security.tokens import make_token
from flowapp.tasks import runtime


@dataclass
class Place:
    """An organization; `tokens` by role."""

    id: str
    project_id: str
    user_id: str
    tokens: dict[str, str]

    def headers(self, role: str = "owner") -> dict[str, str]:
        return {"Authorization": f"Bearer {self.tokens[role]}"}


def make_place(name: str = "Acme") -> Place:
    """A new organization with a member of each role; needs the application's context."""
    with system_session(db.engine) as session:
        organization, project_id, tokens, users = Organization(id=new_id(), name=name), new_id(), {}, {}
        session.add(organization)
        session.flush()
        session.add(
            Project(id=project_id, organization_id=organization.id, name="Default", slug="default", is_default=True)
        )
        for role in Role:
            user = User(id=new_id(), email=f"{role.label}@{organization.id}.example", name=role.label)
            session.add(user)
            session.flush()
            token, prefix, digest = make_token()
            session.add(Member(organization_id=organization.id, user_id=user.id, role=role.label))
            session.add(
                AccessToken(
                    organization_id=organization.id,
                    user_id=user.id,
                    name="test",
                    role=role.label,
                    prefix=prefix,
                    token_hash=digest,
                )
            )
            tokens[role.label], users[role.label] = token, user.id
        session.commit()
        return Place(organization.id, project_id, users["owner"], tokens)


class EchoParams(Params):
    text: str = Field("")


class Echo:
    """Two step types of the tests' own, so that they lean on no real action."""

    @staticmethod
    def echo(ctx: StepContext, params: EchoParams) -> Done:
        ctx.log(f"echo {params.text}")
        return Done({"text": params.text})

    @staticmethod
    def fail(_ctx: StepContext, params: EchoParams) -> Fail:
        return Fail(params.text or "no luck", permanent=True)


def fake_actions() -> dict[str, ActionSpec]:
    return {
        name: ActionSpec(
            f"test_{name}",
            name,
            "",
            "test",
            "test",
            "pure",
            EchoParams,
            getattr(Echo, name),
            result={"text": "what it got"},
        )
        for name in ("echo", "fail")
    }


def install_fakes(monkeypatch: Any) -> None:
    for name, spec in fake_actions().items():
        monkeypatch.setitem(ACTIONS, f"test_{name}", spec)


@contextmanager
def working() -> Iterator[None]:
    """A real Dramatiq worker in this process."""
    from flowapp.tasks import actors

    actors.declare()
    worker = dramatiq.Worker(runtime().broker, worker_threads=1, worker_timeout=100)
    worker.start()
    try:
        yield
    finally:
        worker.stop()


def workflow_body(**changes: Any) -> dict[str, Any]:
    """A workflow that can be published: a webhook and one step."""
    return {
        "name": "Greeter",
        "description": "Says hello",
        "steps": [{"step_id": "hello", "action_type": "test_echo", "params": {"text": "Hello {{ input.name }}"}}],
        "triggers": [{"trigger_type": "webhook", "config": {}}],
        **changes,
    }
