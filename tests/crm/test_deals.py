"""Deals: stages of a pipeline, a reason for what is lost, and the events that say what a change means."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from sqlalchemy import func, select, text
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from flowapp.crm import companies, contacts, deals, pipelines
from flowapp.errors import ConflictError, InvalidError
from flowapp.events import SYSTEM
from flowapp.models import Deal, Pipeline
from tests.crm.conftest import recorded, types


def make(session: Session, **data: Any) -> Deal:
    return deals.create(session, {"title": "Engine", **data}, cause=SYSTEM)


def test_the_first_pipeline_is_there_when_it_is_asked_for(session: Session) -> None:
    first = pipelines.default(session)
    assert [(stage.name, stage.slug, stage.kind) for stage in first.stages] == [
        ("PROSPECTION", "prospection", "open"),
        ("QUALIFICATION", "qualification", "open"),
        ("PROPOSITION", "proposition", "open"),
        ("SIGNÉ", "signe", "won"),
        ("PERDU", "perdu", "lost"),
    ]
    assert (first.number, first.is_default, len(pipelines.every(session))) == (1, True, 1)


def test_a_new_deal_begins_in_the_first_stage(session: Session) -> None:
    ann = contacts.create(session, {"email": "ann@b.example", "first_name": "Ann"}, cause=SYSTEM)
    acme = companies.create(session, {"nom": "Acme"}, cause=SYSTEM)
    deal = make(session, montant="1250.50", contact=ann.email, company="acme", expected_close="2026-12-31")
    session.commit()
    assert (deal.value, deal.currency, deal.stage.name, deal.status, deal.number) == (
        Decimal("1250.50"), "EUR", "PROSPECTION", "open", 1,
    )  # fmt: skip
    event = recorded(session)[-1]
    told = event.payload
    assert (event.type, event.entity_type, event.entity_id) == ("deal.created", "deal", deal.id)
    assert told["deal"]["montant"] == told["deal"]["value"] == 1250.5
    assert (told["deal_title"], told["contact_email"], told["contact_name"]) == ("Engine", "ann@b.example", "Ann")
    assert (told["company"]["nom"], told["company_id"], told["deal"]["expected_close"]) == (
        "Acme",
        acme.id,
        "2026-12-31",
    )


@pytest.mark.parametrize("stage", ["SIGNÉ", "signé", "signe", "Signe"])
def test_a_move_says_from_where_to_where(session: Session, stage: str) -> None:
    deal = make(session, stage="Proposition")
    entered = deal.stage_entered_at
    deals.move(session, deal, stage, cause=SYSTEM)
    assert (deal.stage.name, deal.status, deal.stage_entered_at > entered, deal.closed_at is not None) == (
        "SIGNÉ", "won", True, True,
    )  # fmt: skip
    assert types(session) == ["deal.created", "deal.updated", "deal.stage_changed", "deal.won"]
    moved = recorded(session)[2].payload
    assert (moved["old_stage"], moved["new_stage"], moved["new_stage_id"]) == ("PROPOSITION", "SIGNÉ", deal.stage_id)
    assert moved["changes"]["stage"] == {"old": "PROPOSITION", "new": "SIGNÉ"}


def test_a_lost_deal_says_why(session: Session) -> None:
    deal = make(session)
    for way in ({"stage": "PERDU"}, {"status": "lost"}, {"stage": "perdu", "lost_reason": "  "}):
        with pytest.raises(InvalidError) as caught:
            deals.update(session, deal, way, cause=SYSTEM)
        assert caught.value.problems[0].path == "lost_reason"
        session.expire(deal)
        assert deal.status == "open"
    deals.move(session, deal, "PERDU", lost_reason="Too dear", cause=SYSTEM)
    assert types(session)[1:] == ["deal.updated", "deal.stage_changed", "deal.lost"]
    deals.move(session, deal, "PROPOSITION", cause=SYSTEM)
    assert (deal.status, deal.lost_reason, deal.closed_at) == ("open", "", None)
    with pytest.raises(InvalidError):
        make(session, stage="PERDU")


def test_the_database_knows_no_loss_without_a_reason(session: Session) -> None:
    deal = make(session)
    session.flush()
    with pytest.raises(IntegrityError):
        session.execute(text("UPDATE deals SET status = 'lost' WHERE number = :n"), {"n": deal.number})


def test_a_value_that_changes_is_told_apart(session: Session) -> None:
    deal = make(session, value=100)
    deals.update(session, deal, {"value": "100.00"}, cause=SYSTEM)
    assert types(session) == ["deal.created"]
    deals.update(session, deal, {"value": 250}, cause=SYSTEM)
    assert types(session)[1:] == ["deal.updated", "deal.value_changed"]
    assert recorded(session)[-1].payload["changes"]["montant"] == {"old": 100, "new": 250}


def test_sums_of_money_are_exact(session: Session) -> None:
    for value in ("0.10", "0.20", "9999999999.99"):
        make(session, value=value)
    total = session.scalar(select(func.sum(Deal.value)).where(Deal.value < Decimal("0.25")))
    assert total == Decimal("0.30")
    assert session.scalar(select(func.sum(Deal.value))) == Decimal("10000000000.29")


@pytest.mark.parametrize(
    ("data", "path"),
    [
        ({"title": " "}, "title"),
        ({"value": "many"}, "value"),
        ({"montant": "1e20"}, "value"),
        ({"value": "0.00001"}, "value"),
        ({"currency": "Euro"}, "currency"),
        ({"stage": "Nowhere"}, "stage"),
        ({"status": "odd"}, "status"),
        ({"pipeline": "Other"}, "pipeline"),
        ({"owner_id": "nobody@b.example"}, "owner_id"),
        ({"company": "Nobody"}, "company_id"),
        ({"contacts": ["nobody@b.example"]}, "contacts"),
        ({"expected_close": "soon"}, "expected_close"),
        ({"fields": {"size": 1}}, "fields.size"),
    ],
)
def test_what_cannot_be_stored_is_refused(session: Session, data: dict[str, Any], path: str) -> None:
    with pytest.raises(InvalidError) as caught:
        make(session, **data)
    assert caught.value.problems[0].path == path


def test_contacts_come_in_their_order(session: Session) -> None:
    ann, bob = (contacts.create(session, {"email": f"{name}@b.example"}, cause=SYSTEM) for name in ("ann", "bob"))
    deal = make(session, contacts=[bob.id, ann.id])
    assert [one.email for one in deal.contacts] == ["bob@b.example", "ann@b.example"]
    deals.update(session, deal, {"contact": ann.email}, cause=SYSTEM)
    assert [one.email for one in deal.contacts] == ["ann@b.example", "bob@b.example"]
    deals.update(session, deal, {"contacts": []}, cause=SYSTEM)
    assert deal.contacts == []


def test_one_visit_of_a_step_makes_one_deal(session: Session) -> None:
    made = [deals.create(session, {"title": "Engine"}, cause=SYSTEM, source_key="visit") for _ in range(2)]
    assert made[0] is made[1]
    assert types(session) == ["deal.created"]


def test_pipelines_are_changed_as_a_whole(session: Session) -> None:
    deal = make(session, stage="QUALIFICATION")
    first = deal.stage.pipeline_id
    pipeline = session.get_one(Pipeline, first)
    stages = [pipelines.stage_json(stage) for stage in pipeline.stages]
    pipelines.change(session, pipeline, {"stages": [{**stages[1], "name": "Qualified"}, {"name": "Demo"}, *stages[3:]]})
    assert [stage.name for stage in pipeline.stages] == ["Qualified", "Demo", "SIGNÉ", "PERDU"]
    with pytest.raises(ConflictError):
        pipelines.change(session, pipeline, {"stages": stages[2:]})
    session.rollback()


def test_another_pipeline_can_be_the_default(session: Session) -> None:
    partners = pipelines.create(session, {"name": "Partners", "is_default": True, "stages": [{"name": "New"}]})
    assert (make(session).pipeline_id, partners.slug) == (partners.id, "partners")
    assert make(session, stage="qualification").stage.name == "QUALIFICATION"  # found where it is
    with pytest.raises(ConflictError):
        pipelines.remove(session, partners)
    other = pipelines.get(session, "DEALS")
    pipelines.change(session, other, {"is_default": True})
    session.refresh(partners)
    assert not partners.is_default
