"""Starts and ends of executions on the bus: where nobody listens, no statement more is made for them."""

from __future__ import annotations

import pytest

from flowapp.models import Event, Organization
from tests.engine.place import Place, _actions, place, step
from tests.support.statements import noted

__all__ = ["_actions", "place"]
# What the start and the run of an execution of one pure step ask the database where nobody listens.
STATEMENTS = {"sqlite": (1, 3), "postgresql": (1, 1)}


@pytest.mark.both_databases
@pytest.mark.parametrize("hears", [False, True])
def test_an_organization_where_nobody_listens_pays_nothing(place: Place, hears: bool) -> None:
    workflow = place.workflow([step("a", value="x")])
    with place.session() as session:
        session.get_one(Organization, place.org).hears_executions = hears
        session.commit()
    place.first_wake_up(place.begin(workflow))  # the version is compiled, connections are there
    with noted(place.engine) as starting:
        execution_id = place.begin(workflow)
    with noted(place.engine) as running:
        place.first_wake_up(execution_id)
    assert place.get(execution_id).status == "completed"
    inserted = [text for text in starting if text.startswith("INSERT")]
    if not hears:
        assert (len(inserted), len(running)) == STATEMENTS[place.engine.dialect.name], running
    with place.session() as session:
        events = session.query(Event).filter_by(entity_id=execution_id).order_by(Event.id)  # as they are handed on
        told = [event.type.rpartition(".")[2] for event in events]
    assert told == (["started", "completed"] if hears else [])
