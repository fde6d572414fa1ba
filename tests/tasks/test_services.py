"""A service of the StepContext is declared in one place, and whoever gives services gives all of them."""

from __future__ import annotations

from typing import Any

import pytest

from flowapp.catalog.context import SERVICES, StepContext, StepServices
from flowapp.engine.language.scope import Scope
from flowapp.engine.runtime.simulate import VirtualClock
from flowapp.engine.runtime.visit import AttemptServices, Visit
from flowapp.models import utcnow
from flowapp.tasks.runtime import runtime
from flowapp.tasks.services import VisitServices, open_services
from flowapp.tasks.simulation import Recording, RecordingServices
from tests.actions.conftest import Bench
from tests.support.servers.services import NoServices


def real(app: Any) -> Any:
    with app.app_context():
        return open_services(runtime(), "organization", "project", "UTC")


def visit(services: Any) -> Visit:
    return Visit(
        "execution", "workflow", "organization", "project", 1, 0, lambda: services, Scope, utcnow, lambda *_a, **_k: None
    )  # fmt: skip


@pytest.fixture
def given(app: Any) -> dict[type, StepServices]:
    """What each implementation gives to a visit."""
    services = real(app)
    recording = Recording(services, VirtualClock(utcnow()), None)
    return {
        VisitServices: services.of_visit(visit(services), "step", "key"),
        RecordingServices: recording.of_visit(visit(services), "step", "key"),
        NoServices: NoServices().of_visit(visit(None), "step", "key"),
        Bench: Bench(),  # type: ignore[dict-item]
    }


def test_every_implementation_gives_every_service(given: dict[type, StepServices]) -> None:
    assert {"http", "mail", "tables", "people"} <= SERVICES
    for kind, services in given.items():
        assert type(services) is kind
        assert not {name for name in SERVICES if not hasattr(services, name)}, kind


def test_the_implementations_are_known(given: dict[type, StepServices]) -> None:
    known = {*given, StepContext, AttemptServices}
    assert {kind.__name__ for kind in StepServices.__subclasses__()} <= {kind.__name__ for kind in known}


def test_the_context_hands_the_services_through_whole(given: dict[type, StepServices]) -> None:
    services = given[VisitServices]
    rest = {name: None for name in StepContext.__dataclass_fields__ if name != "services"}
    context = StepContext(services=services, **rest)  # type: ignore[abstract, arg-type]
    for name in SERVICES:
        assert getattr(context, name) == getattr(services, name)
    with pytest.raises(AttributeError):
        _ = context.nothing_of_this_name  # type: ignore[attr-defined]
