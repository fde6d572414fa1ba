"""Steps of one execution, run by the real runner with the real services, use a token that was renewed between them."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import Field
from sqlalchemy import select

from flowapp import tasks
from flowapp.catalog import ACTIONS, ActionSpec, Done, Params, StepContext
from flowapp.engine.language.definition import parse
from flowapp.engine.store.start import start
from flowapp.models import StepRun, Version, Workflow
from flowapp.models.tenancy import tenant_session
from flowapp.tasks.actors import run_now
from tests.integrations.test_oauth import Service
from tests.support.connectors.oauth import install_oauth
from tests.support.servers.oauth import OAuthServer
from tests.support.servers.sink import Sink
from tests.support.tenant import Tenant


class CallParams(Params):
    integration: str = Field("Acme")


@pytest.fixture
def server(sink: Sink) -> OAuthServer:
    return OAuthServer(sink)


def test_the_second_step_of_a_run_reads_the_new_token(
    runtime: tasks.Runtime, tenant: Tenant, server: OAuthServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    install_oauth(monkeypatch)
    service = Service(runtime, tenant, server)
    service.sign_in()

    def call(ctx: StepContext, params: CallParams) -> Done:
        handle = ctx.integration(params.integration)
        token = ctx.access_token(handle)
        answer = ctx.http.request("GET", server.url("/me"), headers={"Authorization": f"Bearer {token}"})
        service.expire()  # before the next step
        return Done({"status": answer.status, "echo": token})

    spec = ActionSpec("test_call", "call", "", "test", "test", "idempotent", CallParams, call)
    monkeypatch.setitem(ACTIONS, "test_call", spec)
    results = _run(runtime, tenant, [f"s{number}" for number in range(3)])
    assert [one["status"] for one in results] == [200, 200, 200]
    assert [call["grant_type"] for call in server.calls] == ["authorization_code", "refresh_token", "refresh_token"]
    sent = [one.headers["Authorization"] for one in server.sink.requests if one.path == "/me"]
    assert len(set(sent)) == 3
    for header in sent:
        assert header.removeprefix("Bearer ") not in str(results), "a token is masked in what a step gives"


def _run(runtime: tasks.Runtime, tenant: Tenant, step_ids: list[str]) -> list[Any]:
    steps: list[dict[str, Any]] = [{"step_id": one, "action_type": "test_call", "params": {}} for one in step_ids]
    definition = parse({"name": "W", "steps": steps}).canonical()
    with tenant_session(runtime.engine, tenant.organization_id) as session:
        workflow = Workflow(project_id=tenant.project_id, name="W", status="active", draft=definition)
        session.add(workflow)
        session.flush()
        version = Version(workflow_id=workflow.id, number=1, definition=definition, fingerprint="f")
        session.add(version)
        session.flush()
        workflow.published_version_id = version.id
        execution, _ = start(session, workflow, version, input_data={})
        session.commit()
    run_now(execution.id, tenant.organization_id)
    with tenant_session(runtime.engine, tenant.organization_id) as session:
        return list(
            session.scalars(select(StepRun.output).where(StepRun.execution_id == execution.id).order_by(StepRun.seq))
        )
