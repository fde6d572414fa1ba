"""Entities: a room declares what its noun looks like in expressions, and no file of the engine has to know."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from flowapp.catalog import load
from flowapp.catalog.entities import ENTITIES, SYNONYMS, Entity, entity
from flowapp.engine.graph.checks import check
from flowapp.engine.graph.sample import values
from flowapp.engine.language.definition import parse
from flowapp.engine.language.expression import render
from flowapp.engine.language.scope import Scope


@pytest.fixture(autouse=True)
def _boat() -> Iterator[None]:
    load()
    kept = dict(ENTITIES), dict(SYNONYMS)
    entity(
        Entity(
            "boat", "Boat", aliases=("bateau",), flat={"boat_id": "id", "old_port": None},
            sample={"name": "Argo"}, read=lambda _connection, _organization, _id: {"id": "1", "name": "Argo"},
        )
    )  # fmt: skip
    yield
    for now, before in zip((ENTITIES, SYNONYMS), kept, strict=True):
        now.clear()
        now.update(before)


@pytest.mark.parametrize(("given", "asked"), [("boat", "bateau"), ("bateau", "boat"), ("organisation", "company")])
def test_other_names_mean_the_same(given: str, asked: str) -> None:
    scope = Scope(input={given: {"name": "Argo"}})
    assert render(f"{{{{ {asked}.name }}}}", scope) == "Argo"
    assert {given, asked} <= set(scope.names())


def test_its_own_names() -> None:
    view = {"id": "1", "name": "Argo"}
    assert ENTITIES["boat"].names(view) == {"boat": view, "bateau": view, "boat_id": "1"}
    contact = {"id": "2", "name": "Ann Lee", "email": "ann@example.com"}
    found = ENTITIES["contact"].names(contact)
    assert (found["contact_id"], found["contact_name"], found["contact_email"]) == ("2", "Ann Lee", "ann@example.com")


def test_checks_know_its_names_and_the_picker_offers_it() -> None:
    definition = parse(
        {
            "name": "W",
            "triggers": [{"trigger_type": "manual"}],
            "steps": [
                {
                    "step_id": "a",
                    "action_type": "log",
                    "params": {"message": "{{ bateau.name }} {{ boat_id }} {{ old_port }}"},
                }
            ],
        }
    )
    assert check(definition) == ([], [])
    offered = {
        group.kind: [item["path"] for item in group.items] for group in values(definition.canonical(), "a", {}, {})
    }
    assert offered["boat"] == ["boat.name"]
    assert "contact.email" in offered["contact"]
    assert {"company.nom", "company.montant_potentiel"} <= set(offered["company"])
    assert {"deal.montant", "deal.stage"} <= set(offered["deal"])
    assert "owner.email" in offered["owner"]
