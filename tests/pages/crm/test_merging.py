"""The pages on which two records become one."""

from __future__ import annotations

import re

import pytest

from flowapp.models import AuditEntry, Company, Contact
from tests.pages.crm.conftest import Crm


def test_a_merge_by_its_page(crm: Crm) -> None:
    acme = crm.company("Acme")
    jon = crm.contact("jon@b.example", first_name="Jon", last_name="Smith", company=acme, score=50)
    john = crm.contact(
        "john@b.example", first_name="John", last_name="Smith", company=acme, score=100, phone="+33123456789"
    )
    shown = crm.ada.get(f"/contacts/{john}").text
    assert "This may be the same as:" in shown and f"/contacts/{john}/merge?other={jon}" in shown
    listed = crm.ada.get("/contacts/duplicates").text
    assert "Jon Smith" in listed and "similar name" in listed
    preview = crm.ada.get(f"/contacts/{jon}/merge?other={john}").text
    assert re.search(r'name="take-first_name" value="theirs"', preview)
    assert "+33123456789" in preview and "150" in preview and "jon@b.example, john@b.example" in preview
    answer = crm.ada.post(
        f"/contacts/{jon}/merge", {"other": john, "fields": ["first_name"], "take-first_name": "theirs"}
    )
    assert (answer.status_code, answer.location) == (303, f"/contacts/{jon}")
    kept = crm.get(Contact, jon)
    assert (kept.first_name, kept.score, kept.phone) == ("John", 150, "+33123456789")
    assert crm.ada.get(f"/contacts/{john}", 303).location == f"/contacts/{jon}"
    assert "merged the contact" in crm.ada.get(f"/contacts/{jon}").text
    with crm.session() as session:
        (entry,) = session.query(AuditEntry).filter_by(action="contact.merged")
        assert (entry.object_id, entry.object_label, entry.details) == (john, "John Smith", {"into": jon})


def test_namesakes_are_told_apart(crm: Crm) -> None:
    one = crm.contact("ann@b.example", first_name="Ann", last_name="Lee")
    other = crm.contact("lee@b.example", first_name="Ann", last_name="Lee")
    preview = crm.ada.get(f"/contacts/{one}/merge?other={other}").text
    assert "Links to “Ann Lee (lee@b.example)” lead to “Ann Lee (ann@b.example)”" in preview
    assert preview.count(">Ann Lee (ann@b.example)<br>") == 1
    crm.ada.post(f"/contacts/{one}/merge", {"other": other})
    assert (
        "“Ann Lee (lee@b.example)” was merged into “Ann Lee (ann@b.example)”." in crm.ada.get(f"/contacts/{one}").text
    )
    acme, double = crm.company("Acme"), crm.company("Acme", domain="acme.example")
    preview = crm.ada.get(f"/companies/{double}/merge?other={acme}").text
    assert "“Acme (acme.example)”" in preview and "“Acme (#1)”" in preview
    third = crm.company("Acme")
    assert (
        "“Acme (#1)”" in (preview := crm.ada.get(f"/companies/{third}/merge?other={acme}").text) and "(#3)" in preview
    )


def test_companies_merge_too(crm: Crm) -> None:
    acme, double = crm.company("Acme", domain="acme.example"), crm.company("ACME SA", domain="acme.example")
    assert "same domain" in crm.ada.get("/companies/duplicates").text
    crm.ada.post(f"/companies/{acme}/merge", {"other": "ACME SA", "fields": "name", "take-name": "theirs"})
    assert crm.get(Company, acme).name == "ACME SA"
    assert crm.ada.get(f"/companies/{double}", 303).location == f"/companies/{acme}"


@pytest.mark.parametrize(
    ("typed", "said"), [("nobody@b.example", "There is no contact"), ("ann@b.example", "another record")]
)
def test_the_other_one_is_asked_for(crm: Crm, typed: str, said: str) -> None:
    ann = crm.contact("ann@b.example")
    assert "Choose the one that is the same as" in crm.ada.get(f"/contacts/{ann}/merge").text
    assert said in crm.ada.get(f"/contacts/{ann}/merge?other={typed}", 422).text
    assert said in crm.ada.post(f"/contacts/{ann}/merge", {"other": typed}, 422).text


def test_not_a_duplicate(crm: Crm) -> None:
    one, other = (crm.contact(f"{at}@b.example", phone="+33123456789") for at in range(2))
    assert "same phone number" in crm.ada.get("/contacts/duplicates").text
    crm.ada.post(f"/contacts/{one}/not-duplicate", {"other": other})
    assert "No likely duplicates" in crm.ada.get("/contacts/duplicates").text
    viewer = crm.member("viewer")
    viewer.get(f"/contacts/{one}/merge", 403)
    viewer.get("/contacts/duplicates")
