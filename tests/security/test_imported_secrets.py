"""A secret that somebody wrote into a file of workflows by hand is encrypted where it has a place, and else refused."""

from __future__ import annotations

from typing import Any

from flowapp import tasks
from flowapp.models import Workflow
from flowapp.models.tenancy import system_session
from tests.api.conftest import Api, place
from tests.support.servers import canary

__all__ = ["place"]


def file_of(api: Api, **changes: Any) -> dict[str, Any]:
    step = {"step_id": "a", "action_type": "send_webhook", "params": {"url": "https://a.example/"}}
    made = api.post("/workflows/", {"name": "W", "steps": [step], "triggers": [{"trigger_type": "webhook"}]}, 201)
    file: dict[str, Any] = api.get(f"/workflows/{made['id']}/export/")
    file["workflows"][0]["name"] = "Imported"
    file["workflows"][0].update(changes)
    return file


def test_it_is_encrypted_where_a_step_or_trigger_has_a_place_for_it(app: Any, place: Any) -> None:
    api, known = Api(app.test_client(), place), canary.make(4)
    step = {"step_id": "a", "action_type": "send_webhook", "params": {
        "url": "https://a.example/", "headers": {"Authorization": f"Bearer {known[0]}", "X-Api-Key": known[1]}, "json": {"password": known[2]},
    }}  # fmt: skip
    trigger = {"trigger_type": "webhook", "key": "hook", "config": {"auth": "header", "secret": known[3]}}
    answer = api.post("/import/?mode=copy", file_of(api, steps=[step], triggers=[trigger]), 200)
    with system_session(tasks.runtime().engine) as system:
        draft = system.get_one(Workflow, answer["workflows"][0]["id"]).draft
    assert str(draft).count("$secret") == 4
    assert canary.found(known, {"database": canary.database(tasks.runtime().engine)}) == []


def test_it_is_refused_where_its_address_is_known_only_when_the_step_runs(app: Any, place: Any) -> None:
    api, (secret,) = Api(app.test_client(), place), canary.make(1)
    params = {"url": "{{ input.url }}", "headers": {"Authorization": f"Bearer {secret}"}}
    file = file_of(api, steps=[{"step_id": "a", "action_type": "send_webhook", "params": params}])
    refused = api("POST", "/import/?mode=copy", file, 422)
    assert "A secret cannot be sent to an address" in refused.text and secret not in refused.text
    assert canary.found([secret], {"database": canary.database(tasks.runtime().engine)}) == []
