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
from flowapp.models.tenancy import system_session
from flowapp.security.roles import Role
from flowapp.tasks import runtime
from tests.support.tenant import add_organization, add_person


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
        organization_id, project_id = add_organization(session, name)
        people = {
            name: add_person(session, organization_id, name, f"{name}@{organization_id}.example", name=name)
            for name in (role.label for role in Role)
        }
        session.commit()
    tokens = {role: token for role, (_, token) in people.items()}
    return Place(organization_id, project_id, people["owner"][0], tokens)


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
