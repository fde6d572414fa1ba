"""A poll whose token cannot be renewed pauses its trigger in plain words; whoever signs in again has it go on at once."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import func, select, update

from flowapp import tasks, workflows
from flowapp.catalog import TRIGGERS, Item, PollContext, Polled, TriggerSpec
from flowapp.catalog.polling import PollParams
from flowapp.logs import MASK
from flowapp.models import Execution, Notification, Trigger, TriggerPoll, utcnow
from flowapp.models.tenancy import tenant_session
from flowapp.tasks import polling
from tests.integrations.test_oauth import Service
from tests.support.connectors.oauth import install_oauth
from tests.support.servers.oauth import OAuthServer
from tests.support.servers.sink import Sink
from tests.support.tenant import Tenant


class NewParams(PollParams):
    integration: str = "Acme"


@pytest.fixture
def server(sink: Sink, monkeypatch: pytest.MonkeyPatch) -> OAuthServer:
    install_oauth(monkeypatch)
    server = OAuthServer(sink)

    def poll(ctx: PollContext, params: Any, cursor: object) -> Polled:
        token = ctx.access_token(ctx.integration(params.integration))
        ctx.http.request("GET", server.url("/new"), headers={"Authorization": f"Bearer {token}"})
        seen = cursor if isinstance(cursor, int) else 0
        return Polled([Item(str(seen), {"token": token})], seen + 1)

    spec = TriggerSpec("acme_new", "New", "", "Acme", "bolt", "poll", NewParams, poll=poll)
    monkeypatch.setitem(TRIGGERS, "acme_new", spec)
    return server


def test_who_is_signed_out_is_told_once_and_goes_on_where_it_stood(
    runtime: tasks.Runtime, tenant: Tenant, server: OAuthServer
) -> None:
    service = Service(runtime, tenant, server)
    service.sign_in()
    with tenant_session(runtime.engine, tenant.organization_id) as session:
        step = {"step_id": "a", "action_type": "log", "params": {"message": "x"}}
        body = {"name": "W", "status": "active", "steps": [step], "triggers": [{"trigger_type": "acme_new"}]}
        workflows.create(session, body, actor_id=None)
        trigger = session.scalars(select(Trigger)).one()
        session.commit()

    def polled() -> tuple[str, int, int]:
        """Status, executions, people told, after its interval."""
        with tenant_session(runtime.engine, tenant.organization_id) as session:
            session.execute(update(Trigger).values(next_fire_at=utcnow()))
            session.commit()
        polling.poll(trigger.id, tenant.organization_id)
        with tenant_session(runtime.engine, tenant.organization_id) as session:
            row = session.get_one(TriggerPoll, trigger.id)
            counts = [session.scalar(select(func.count()).select_from(one)) or 0 for one in (Execution, Notification)]
            return row.status, counts[0], counts[1]

    assert [polled(), polled()] == [("ok", 0, 0), ("ok", 1, 0)]
    server.revoke()
    service.expire()
    status, executions, told = polled()
    assert (status, executions) == ("signed_out", 1) and told
    asked = len(server.calls)
    assert polled() == ("signed_out", 1, told)
    assert len(server.calls) == asked, "nobody is asked meanwhile"
    service.sign_in()
    with tenant_session(runtime.engine, tenant.organization_id) as session:
        assert session.get_one(Trigger, trigger.id).next_fire_at <= utcnow()  # type: ignore[operator]
        (first,) = session.scalars(select(Execution))
        assert first.input_data == {"token": MASK}, "a token is masked in what a poll gives"
    assert polled() == ("ok", 2, told)
