"""GET /search/: whatever there is, by kind."""

from __future__ import annotations

import pytest

from tests.api.conftest import Api

pytestmark = pytest.mark.both_databases


def test_everything_is_searched_by_one_call(api: Api) -> None:
    made = api.post("/contacts/", {"email": "ann@b.example", "first_name": "Ann", "phone": "+33612345678"}, 201)
    api.post("/deals/", {"title": "Engine", "contact_ids": [made["id"]]}, 201)
    hit = {"id": made["id"], "title": "Ann", "detail": "ann@b.example", "url": f"/contacts/{made['id']}"}
    for text in ("ann", "ANN@b", "06 12 34"):
        found = api.as_("viewer").get(f"/search/?q={text}")
        assert found["query"] == text
        assert found["groups"][0] == {"kind": "contacts", "label": "Contacts", "results": [hit]}
    recent = api.as_("viewer").get("/search/")["groups"]
    assert [group["kind"] for group in recent] == ["contacts", "deals"]
    assert [group["kind"] for group in api.get("/search/")["groups"]] == ["contacts", "deals", "commands"]
    assert api.get("/search/?q=zzz")["groups"] == []
    api.get(f"/search/?q={'x' * 201}", 422)
