"""What an execution is about is read as the room declared it: the engine knows no noun."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from sqlalchemy import Connection, select

from flowapp.catalog.entities import ENTITIES, SYNONYMS, Entity, entity
from flowapp.models import Organization
from tests.engine.place import Place, _actions, place
from tests.engine.runtime.test_flow_branches import real
from tests.engine.runtime.test_flow_goals import contact

__all__ = ["_actions", "place"]


def read(connection: Connection, organization_id: str, entity_id: str) -> dict[str, Any] | None:
    """The organization as a boat, read in the engine's transaction; there is but one."""
    table = Organization.__table__
    name = connection.scalar(select(table.c.name).where(table.c.id == organization_id))
    return {"id": entity_id, "name": name} if entity_id == "1" else None


@pytest.fixture
def _boat(_actions: None) -> Iterator[None]:
    kept = dict(ENTITIES), dict(SYNONYMS)
    entity(Entity("boat", "Boat", aliases=("bateau",), flat={"boat_id": "id"}, read=read))
    yield
    for now, before in zip((ENTITIES, SYNONYMS), kept, strict=True):
        now.clear()
        now.update(before)


def name(place: Place) -> str:
    with place.session() as session:
        return session.get_one(Organization, place.org).name


SAY = [real("say", "log", message="{{ boat.name }} {{ boat_id }}")]


@pytest.mark.usefixtures("_boat")
def test_the_entity_of_the_trigger(place: Place) -> None:
    execution_id = place.begin(place.workflow(SAY), entity=("boat", "1"))
    place.runner.run(execution_id, place.org)
    assert place.get(execution_id).output_data["message"] == f"{name(place)} 1"


@pytest.mark.usefixtures("_boat")
def test_one_that_is_not_there_any_more(place: Place) -> None:
    execution_id = place.begin(place.workflow(SAY), entity=("boat", "2"))
    place.runner.run(execution_id, place.org)
    found = place.get(execution_id)
    assert (found.status, "boat" in found.error_message) == ("failed", True)


@pytest.mark.usefixtures("_boat")
def test_beside_the_contact(place: Place) -> None:
    steps = [real("say", "log", message="{{ contact_name }} {{ boat.name }}")]
    execution_id = place.begin(place.workflow(steps), entity=("boat", "1"), contact_id=contact(place))
    place.runner.run(execution_id, place.org)
    assert place.get(execution_id).output_data["message"] == f"Ada {name(place)}"
