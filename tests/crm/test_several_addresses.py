"""Contacts with several addresses, and without any."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from flowapp.crm import contacts
from flowapp.crm.people import addresses
from flowapp.errors import InvalidError, UnsuitableError
from flowapp.events import SYSTEM
from flowapp.models import Contact, ContactEmail
from tests.crm.conftest import recorded, types

ANN, WORK, OLD = "ann@b.example", "ann@work.example", "ann@old.example"


def person(session: Session, **data: Any) -> Contact:
    return contacts.create(session, data, cause=SYSTEM)


def test_each_address_finds_the_contact(session: Session) -> None:
    ann = person(session, emails=[ANN, WORK.upper(), ANN])
    assert (ann.email, ann.emails) == (ANN, [ANN, WORK])
    assert contacts.find(session, " Ann@Work.example ") is contacts.find(session, ANN) is ann
    assert contacts.by_email(session, "") is None
    bob = person(session, email="bob@b.example")
    assert addresses.owners(session, [WORK, "Bob@b.example", "nobody@b.example"]) == {
        WORK: ann.id, "bob@b.example": bob.id,
    }  # fmt: skip
    assert recorded(session)[0].payload["contact"]["emails"] == [ANN, WORK]


@pytest.mark.parametrize(
    ("change", "kept"),
    [
        ({"email": WORK}, [WORK, ANN]),  # both were there: the other one is the primary one now
        ({"email": OLD}, [OLD, WORK]),
        ({"email": ""}, [WORK]),
        ({"emails": [OLD, ANN]}, [OLD, ANN]),
        ({"emails": [OLD, ANN], "email": ANN}, [ANN, OLD]),
        ({"other_emails": f"{OLD}, {WORK}"}, [ANN, OLD, WORK]),
        ({"emails": []}, []),
    ],
)
def test_addresses_change(session: Session, change: dict[str, Any], kept: list[str]) -> None:
    ann = person(session, emails=[ANN, WORK], first_name="Ann")
    contacts.update(session, ann, change, cause=SYSTEM)
    assert ann.emails == kept
    assert addresses.owners(session, [ANN, WORK, OLD]) == dict.fromkeys(kept, ann.id)
    for free in {ANN, WORK} - set(kept):
        assert person(session, email=free).email == free


@pytest.mark.parametrize(("data", "path"), [({"email": WORK}, "email"), ({"emails": ["b@b.example", WORK]}, "emails")])
def test_no_two_contacts_share_an_address(session: Session, data: dict[str, Any], path: str) -> None:
    person(session, emails=[ANN, WORK])
    with pytest.raises(UnsuitableError) as caught:
        person(session, **data)
    assert caught.value.problems[0].path == path


def test_the_database_holds_that_too(session: Session) -> None:
    ann, bob = person(session, emails=[ANN, WORK]), person(session, email="bob@b.example")
    session.commit()
    for row in (ContactEmail(email=WORK, contact=bob), Contact(email=ANN), Contact(email="", number=99)):
        with pytest.raises(IntegrityError):
            session.add(row)
            session.flush()
        session.rollback()
    assert contacts.find(session, WORK).id == ann.id


def test_a_contact_needs_no_address(session: Session) -> None:
    ann, bob = person(session, phone="+33 1 23 45 67 89"), person(session, first_name="Bob")
    assert [contacts.name_of(one) for one in (ann, bob)] == ["+33123456789", "Bob"]
    assert (ann.emails, recorded(session)[0].payload["contact_email"]) == ([], "")
    contacts.update(session, bob, {"email": ANN}, cause=SYSTEM)
    contacts.update(session, bob, {"email": ""}, cause=SYSTEM)
    assert types(session)[2:] == ["contact.updated", "contact.updated"]
    with pytest.raises(InvalidError, match="phone number or a name"):
        contacts.update(session, bob, {"first_name": ""}, cause=SYSTEM)
    with pytest.raises(InvalidError, match="at most 20"):
        person(session, emails=[f"{number}@b.example" for number in range(21)])


def test_an_address_of_the_release_before_is_held_with_the_next_change(session: Session) -> None:
    session.add(Contact(email=ANN))
    session.flush()
    ann = contacts.find(session, ANN)
    contacts.update(session, ann, {"first_name": "Ann"}, cause=SYSTEM)
    assert session.query(ContactEmail.email).one() == (ANN,)


def test_where_an_address_has_moved_since_the_release_before_wrote_it(session: Session) -> None:
    old, ann = Contact(email=WORK, number=98), person(session, email=ANN)
    session.add_all([old, ContactEmail(email=WORK, contact=ann)])
    session.flush()
    assert addresses.owners(session, [WORK, ANN]) == {WORK: ann.id, ANN: ann.id}
