"""Notes on the page of a record: changed and deleted by who wrote them, and by admins."""

from __future__ import annotations

from flowapp.models import Note, Notification
from tests.pages.crm.conftest import Crm


def test_own_notes_are_changed_and_deleted(crm: Crm) -> None:
    ann, operator = crm.contact("ann@b.example"), crm.member("operator")
    operator.post(f"/contacts/{ann}/notes", {"text": "First words @ada"})
    crm.ada.post(f"/contacts/{ann}/notes", {"text": "Hers"})
    with crm.session() as session:
        own, hers = session.query(Note).order_by(Note.id)
        mine, other = own.id, hers.id
        assert session.query(Notification).one().title == "Grace Hopper mentioned you in a note"
    opened = operator.get(f"/contacts/{ann}?note={mine}").text
    assert "First words @ada</textarea>" in opened and 'data-mentions="[{' in opened
    operator.post(f"/contacts/{ann}/notes/{mine}", {"text": "Second words"})
    assert "Second words" in operator.get(f"/contacts/{ann}").text
    assert "Write something." in operator.post(f"/contacts/{ann}/notes/{mine}", {"text": " "}, 422).text
    operator.post(f"/contacts/{ann}/notes/{other}", {"text": "Not yours"}, 403)
    operator.post(f"/contacts/{ann}/notes/{other}/delete", status=403)
    operator.post(f"/contacts/{crm.contact('b@b.example')}/notes/{mine}/delete", status=404)
    crm.ada.post(f"/contacts/{ann}/notes/{mine}/delete")
    assert '<div class="entry-note">Second words' not in operator.get(f"/contacts/{ann}").text
