"""A default that is left out when something is stored counts all the same: when it is tried and when it runs."""

from __future__ import annotations

from typing import Any

import pytest

from flowapp.catalog import get_action
from flowapp.engine.store import admission
from flowapp.extensions import db
from flowapp.integrations import service
from flowapp.models import Integration
from flowapp.models.tenancy import system_session
from flowapp.security.egress import SafeHttp
from flowapp.tasks import runtime
from flowapp.tasks import test_step as try_step
from flowapp.tasks.services import open_services
from tests.api.conftest import Api
from tests.support.servers.sink import Sink

TOKEN = "t0ken-of-the-service"


def connect(api: Api, config: dict[str, Any], kind: str = "webhook", **credentials: str) -> str:
    """An integration stored as its form stores it."""
    row = Integration(
        organization_id=api.place.id, integration_type=kind, provider="", name="shop", config=config,
        credentials=runtime().vault.encrypt(credentials),
    )  # fmt: skip
    with system_session(db.engine) as system:
        system.add(row)
        system.commit()
        return row.id


@pytest.mark.usefixtures("worker")
def test_a_bearer_integration_signs_in(app: Any, api: Api, sink: Sink) -> None:
    with app.app_context():
        row_id = connect(api, {"base_url": sink.url()}, secret=TOKEN)
        with system_session(db.engine) as system:
            row = system.get_one(Integration, row_id)
            assert service.try_out(runtime().vault, row, SafeHttp(("127.0.0.1",)))["success"]
    step = {
        "step_id": "call",
        "name": "Call",
        "action_type": "send_webhook",
        "params": {"url": "/x", "integration": "shop"},
    }
    made = api.post("/workflows/", {"name": "W", "steps": [step]}, 201)
    ended = api.post(f"/workflows/{made['id']}/execute/", {"async_execution": False})
    assert ended["status"] == "completed", ended
    definition = {"name": "W", "variables": {}, "edges": [], "steps": [{**step, "order": 1}]}
    with app.app_context():
        assert try_step(api.place.id, made["id"], definition, "call", {}, {}, None)["status"] == "completed"
    assert [sent.headers.get("Authorization") for sent in sink.wait_for(3)] == [f"Bearer {TOKEN}"] * 3


@pytest.mark.parametrize(
    ("kind", "config", "words"),
    [
        ("webhook", {}, "The integration “shop” cannot be used. Its settings are no longer complete"),
        ("pigeon", {"base_url": "https://a.example"}, "has an unknown type: pigeon"),
    ],
)
def test_what_cannot_be_used_any_more_says_so(
    app: Any, api: Api, kind: str, config: dict[str, Any], words: str
) -> None:
    from flowapp.errors import StepError

    with app.app_context():
        connect(api, config, kind, secret=TOKEN)
        with pytest.raises(StepError, match=words):
            open_services(runtime(), api.place.id, api.place.project_id, "UTC").integration("shop")


def test_a_mail_server_of_defaults_alone(app: Any, api: Api) -> None:
    with app.app_context():
        connect(api, {"host": "mail.example"}, "email")
        handle = open_services(runtime(), api.place.id, api.place.project_id, "UTC").integration("shop")
    assert (handle.config["port"], handle.config["security"], handle.credentials["password"]) == (587, "starttls", "")


def test_a_version_of_a_later_release_is_read_as_far_as_it_is_known() -> None:
    read = admission._read({"config": {"concurrency": 2, "brand_new": True}})
    assert read is not None and (read.concurrency, read.concurrency_policy, read.reentry) == (2, "queue", "always")
    assert admission._read({}) is None


def test_the_branches_of_a_step_count_with_its_defaults() -> None:
    spec = get_action("validate_data")
    assert "invalid" not in spec.branches_of({})
    assert "invalid" in spec.branches_of({"on_invalid": "branch"})
