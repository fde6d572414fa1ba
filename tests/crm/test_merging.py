"""Two contacts become one, two companies too: what moves, which value wins, and that nothing starts."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import func, select, text, update
from sqlalchemy.orm import Session

from flowapp.crm import companies, contacts, deals, fields, lists, notes, tags, tasks, timeline
from flowapp.crm.merging import merge
from flowapp.errors import InvalidError
from flowapp.events import SYSTEM, Cause
from flowapp.executions import following
from flowapp.models import Contact, ContactEmail, Event, Execution, FieldValue, Note, Task, new_id, utcnow
from tests.crm.conftest import recorded
from tests.support.tenant import Tenant


def person(session: Session, email: str, **data: Any) -> Contact:
    return contacts.create(session, {"email": email, **data}, cause=SYSTEM)


def test_everything_moves(session: Session, tenant: Tenant) -> None:
    """A merge of scores 50 and 100 with a deal, two notes and one opt-out gives 150, all linked, opted out."""
    ann = person(session, "ann@b.example", first_name="Ann", score=50, consent="granted")
    twin = person(session, "a.lee@work.example", last_name="Lee", score=100, consent="denied", phone="+33123456789")
    deal = deals.create(session, {"title": "Engine", "contacts": [ann.id, twin.id]}, cause=SYSTEM)
    other = deals.create(session, {"title": "Wheel", "contact": twin.id}, cause=SYSTEM)
    for said in ("First", "Second"):
        notes.create(session, {"text": said, "contact_id": twin.id}, cause=SYSTEM)
    task = tasks.create(session, {"title": "Call", "contact_id": twin.id}, cause=SYSTEM)
    tags.add(session, ann, ["vip"], cause=SYSTEM)
    tags.add(session, twin, ["VIP", "R&D"], cause=SYSTEM)
    news = lists.create(session, {"name": "News"})
    for one in (ann, twin):
        lists.add(session, news, one, cause=SYSTEM)
    session.commit()
    before, gone, number = len(recorded(session)), twin.id, twin.number
    merge.contact(session, ann, twin, cause=Cause(tenant.user_id))
    session.commit()
    assert (ann.score, ann.consent, contacts.name_of(ann), ann.phone) == (150, "denied", "Ann Lee", "+33123456789")
    assert ann.emails == ["ann@b.example", "a.lee@work.example"]
    assert contacts.find(session, "a.lee@work.example") is ann
    assert [[one.id for one in each.contacts] for each in (deal, other)] == [[ann.id], [ann.id]]
    assert {note.contact_id for note in session.query(Note)} == {task.contact_id} == {ann.id}
    assert (tags.of(session, ann), [one.name for one in lists.of(session, ann)]) == (["R&D", "vip"], ["News"])
    assert lists.count(session, news) == 1
    assert contacts.get(session, gone) is contacts.get(session, str(number)) is ann
    event = recorded(session)[-1]
    assert (event.type, event.entity_id, event.payload["merged_id"], event.actor_id) == (
        "contact.merged", ann.id, gone, tenant.user_id,
    )  # fmt: skip
    assert (len(recorded(session)), event.published_at is not None) == (before + 1, True), "nothing starts for it"
    assert event.payload["changes"]["score"] == {"old": 50, "new": 150}
    told = [entry["type"] for entry in timeline.of(session, ann).rows]
    assert told.count("contact.created") == 2 and told.count("note.created") == 2
    assert session.scalar(select(func.count()).where(Event.entity_id == gone)) == 0


@pytest.mark.parametrize(
    ("take", "kept"),
    [
        ([], ("Ann", "Lee", "gold", "ann@b.example")),
        (["first_name", "fields.plan"], ("Anne", "Lee", "silver", "ann@b.example")),
        (["email", "last_name"], ("Ann", "Lee", "gold", "anne@b.example")),
    ],
)
def test_values_are_chosen_field_by_field(session: Session, take: list[str], kept: tuple[str, ...]) -> None:
    ann = person(session, "ann@b.example", first_name="Ann", last_name="Lee", fields={"plan": "gold"})
    anne = person(session, "anne@b.example", first_name="Anne", fields={"plan": "silver", "seats": 3})
    merge.contact(session, ann, anne, take, cause=SYSTEM)
    assert (ann.first_name, ann.last_name, ann.fields["plan"], ann.email) == kept
    assert (ann.fields["seats"], sorted(ann.emails)) == (3, ["ann@b.example", "anne@b.example"])
    assert session.query(ContactEmail).filter_by(contact_id=ann.id).count() == 2


@pytest.mark.parametrize(
    ("pair", "consent"),
    [(("unknown", "granted"), "granted"), (("denied", "granted"), "denied"), (("unknown", "unknown"), "unknown")],
)
def test_the_strictest_consent_wins(session: Session, pair: tuple[str, str], consent: str) -> None:
    one, two = (person(session, f"{at}@b.example", consent=said) for at, said in enumerate(pair))
    assert merge.contact(session, one, two, cause=SYSTEM).consent == consent


def test_unique_fields_and_relations_follow(session: Session) -> None:
    fields.create(session, {"object": "contact", "label": "Card", "unique": True})
    fields.create(session, {"object": "company", "label": "Boss", "type": "relation", "target": "contact"})
    ann, twin = person(session, "ann@b.example"), person(session, "twin@b.example", fields={"card": "C-1"})
    acme = companies.create(session, {"name": "Acme", "fields": {"boss": twin.id}}, cause=SYSTEM)
    merge.contact(session, ann, twin, cause=SYSTEM)
    session.commit()
    assert (ann.fields["card"], acme.fields["boss"]) == ("C-1", ann.id)
    assert session.query(FieldValue.record_id).one() == (ann.id,)


def test_what_cannot_be_merged(session: Session) -> None:
    ann, bob = person(session, "ann@b.example"), person(session, "bob@b.example")
    for other, take, path in ((ann, [], "other"), (bob, ["score"], "take"), (bob, ["nothing"], "take")):
        with pytest.raises(InvalidError) as caught:
            merge.contact(session, ann, other, take, cause=SYSTEM)
        assert caught.value.problems[0].path == path
    contacts.delete(session, bob, cause=SYSTEM)
    with pytest.raises(InvalidError, match="trash"):
        merge.contact(session, ann, bob, cause=SYSTEM)


def test_one_after_the_other(session: Session) -> None:
    first, second, third = (person(session, f"{at}@b.example", score=1) for at in range(3))
    gone = first.id
    merge.contact(session, second, first, cause=SYSTEM)
    merge.contact(session, third, second, cause=SYSTEM)
    session.commit()
    assert contacts.get(session, gone) is contacts.find(session, "0@b.example") is third
    assert (third.score, len(third.emails)) == (3, 3)


def test_companies_become_one(session: Session) -> None:
    acme = companies.create(session, {"name": "Acme"}, cause=SYSTEM)
    double = companies.create(
        session, {"name": "ACME SA", "domain": "acme.example", "montant_potentiel": 5, "currency": "CHF"}, cause=SYSTEM
    )
    ann = person(session, "ann@b.example", company=double.id)
    deal = deals.create(session, {"title": "Engine", "company": double.id}, cause=SYSTEM)
    tasks.create(session, {"title": "Call", "company_id": double.id}, cause=SYSTEM)
    tags.add(session, double, ["vip"], cause=SYSTEM)
    gone = double.id
    merge.company(session, acme, double, ["name"], cause=SYSTEM)
    session.commit()
    assert (acme.name, acme.domain, int(acme.montant_potentiel or 0), acme.currency) == (
        "ACME SA",
        "acme.example",
        5,
        "CHF",
    )
    assert {ann.company_id, deal.company_id, session.query(Task).one().company_id} == {acme.id}
    assert tags.of(session, acme) == ["vip"]
    assert companies.get(session, gone) is acme
    assert recorded(session)[-1].type == "company.merged"


def test_executions_about_a_record_have_an_index(session: Session) -> None:
    """A bulk deletion asks for each contact."""
    wanted = select(Execution.id).where(following.about("company", new_id()))
    sql = str(wanted.compile(session.get_bind(), compile_kwargs={"literal_binds": True}))
    if session.get_bind().dialect.name == "postgresql":
        session.execute(text("SET LOCAL enable_seqscan = off"))
        plan = session.execute(text(f"EXPLAIN {sql}"))
    else:
        plan = session.execute(text(f"EXPLAIN QUERY PLAN {sql}"))
    assert "ix_executions_trigger_entity" in str(plan.all())


@pytest.mark.parametrize("at", [0, 1])
def test_what_somebody_has_just_deleted_is_not_merged(session: Session, at: int) -> None:
    """The session still holds it as it was: the one that was kept was in the trash then, with all of both."""
    pair = [contacts.create(session, {"email": f"{name}@b.example"}, cause=SYSTEM) for name in ("ann", "bob")]
    gone = update(Contact).where(Contact.id == pair[at].id).values(deleted_at=utcnow())
    session.execute(gone.execution_options(synchronize_session=False))
    with pytest.raises(InvalidError):
        merge.contact(session, *pair, cause=SYSTEM)
