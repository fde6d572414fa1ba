"""The page of the trash."""

from __future__ import annotations

from flowapp.models import Contact
from tests.pages.crm.conftest import Crm


def test_restore_and_delete_for_good(crm: Crm) -> None:
    ann, bob = crm.contact("ann@b.example"), crm.contact("bob@b.example")
    for one in (ann, bob):
        crm.ada.post(f"/contacts/{one}/delete")
    shown = crm.ada.get("/settings/trash").text
    assert "ann@b.example" in shown and "bob@b.example" in shown and "Delete for good" in shown
    answer = crm.ada.post("/settings/trash/restore", {"kind": "contact", "id": ann})
    assert answer.location == "/settings/trash?kind=contact"
    assert crm.get(Contact, ann).deleted_at is None
    operator = crm.member("operator")
    assert "Delete for good" not in operator.get("/settings/trash").text
    operator.post("/settings/trash/erase", {"kind": "contact", "id": bob}, 403)
    crm.ada.post("/settings/trash/erase", {"kind": "contact", "id": bob})
    crm.ada.get(f"/contacts/{bob}", 404)
    crm.ada.post("/settings/trash/restore", {"kind": "contact", "id": bob}, 404)
    crm.ada.post("/settings/trash/restore", {"kind": "nothing", "id": bob}, 422)
    assert "Nothing here" in crm.ada.get("/settings/trash?kind=note").text
