"""A connector is one folder: what it declares belongs to it, and one of its actions is meant where none is named."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import flowapp.connectors
from flowapp.catalog import (
    ACTIONS,
    CONNECTORS,
    IntegrationHandle,
    actions_of,
    integration_action,
    load,
    open_integration,
)
from flowapp.errors import NotFoundError, StepError
from tests.actions.conftest import Bench
from tests.support.servers.sink import Answer, Sink

FOLDER = Path(__file__).parents[1] / "support" / "connectors"


@pytest.fixture(autouse=True)
def _acme(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The connector acme, as if its folder lay in flowapp/connectors."""
    load()
    monkeypatch.setattr(flowapp.connectors, "__path__", [*flowapp.connectors.__path__, str(FOLDER)])
    load("flowapp.connectors")
    yield
    del CONNECTORS["acme"]
    for name in [name for name in ACTIONS if name.startswith("acme_")]:
        del ACTIONS[name]
    for module in [name for name in sys.modules if name.startswith("flowapp.connectors.acme")]:
        del sys.modules[module]


@pytest.fixture
def run(sink: Sink) -> Bench:
    return Bench(integrations={"acme": account(sink)})


def account(sink: Sink) -> IntegrationHandle:
    config = {"base_url": sink.url()}
    return open_integration("acme", id="1", name="acme", config=config, credentials={"key": "k"})


def test_what_is_declared_in_its_folder_belongs_to_it() -> None:
    assert set(actions_of(CONNECTORS["acme"])) == {"acme_add_note", "acme_archive"}
    assert set(actions_of(CONNECTORS["email"])) == {"send_email"}, "its default action may be one of actions/"
    assert not any(name.startswith("acme") for name in actions_of(CONNECTORS["webhook"]))


@pytest.mark.parametrize(
    ("name", "meant"),
    [
        ("", "acme_add_note"),
        ("acme_archive", "acme_archive"),
        ("archive", "acme_archive"),
        (" Archive ", "acme_archive"),
    ],
)
def test_the_action_that_is_meant(name: str, meant: str) -> None:
    assert integration_action(CONNECTORS["acme"], name).type == meant


@pytest.mark.parametrize("name", ["send_email", "delete"])
def test_an_action_that_it_has_not(name: str) -> None:
    with pytest.raises(NotFoundError, match=f"“Acme” has no action “{name}”. Available: acme_add_note, acme_archive"):
        integration_action(CONNECTORS["acme"], name)


def test_its_action_runs_as_any_step_does(run: Bench, sink: Sink) -> None:
    done: Any = run(
        integration_action(CONNECTORS["acme"]).type,
        {"n": 5},
        text="Order {{ input.n }}",
        readers="Ann <ann@example.com>",
    )
    assert done.result == {"status": 200}
    assert sink.requests[0].json == {"text": "Order 5", "readers": ['"Ann" <ann@example.com>']}


@pytest.mark.parametrize(
    ("status", "permanent"), [(400, True), (404, True), (408, False), (425, False), (429, False), (503, False)]
)
def test_its_refusals_are_read_as_those_of_every_step(run: Bench, sink: Sink, status: int, permanent: bool) -> None:
    sink.default = Answer(status, b"not now", {"Retry-After": "7"})
    with pytest.raises(StepError, match=f"/archive returned {status}: not now") as caught:
        run("acme_archive", text="x")
    assert caught.value.permanent is permanent
    assert caught.value.details == {"status": status, "body": "not now", "retry_after": 7.0}


def test_every_default_action_is_there() -> None:
    for spec in CONNECTORS.values():
        assert integration_action(spec).type == spec.default_action
