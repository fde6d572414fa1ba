"""The trash over the API."""

from __future__ import annotations

import pytest

from tests.api.conftest import Api

pytestmark = pytest.mark.both_databases


def test_list_restore_erase(api: Api) -> None:
    ann = api.post("/contacts/", {"email": "ann@b.example", "first_name": "Ann"}, 201)
    api("DELETE", f"/contacts/{ann['id']}/", status=204)
    (item,) = api.as_("viewer").get("/trash/?kind=contact")["results"]
    assert (item["kind"], item["id"], item["name"]) == ("contact", ann["id"], "Ann")
    assert api.get("/trash/?kind=deal")["count"] == 0
    which = {"kind": "contact", "id": ann["id"]}
    api.as_("operator")("POST", "/trash/restore/", which, status=204)
    assert api.post("/trash/restore/", which, 404)["errors"][0]["path"] == "id"
    api("DELETE", f"/contacts/{ann['id']}/", status=204)
    api.as_("editor")("POST", "/trash/erase/", which, status=403)
    api("POST", "/trash/erase/", which, status=204)
    api.post(f"/contacts/{ann['id']}/restore/", status=404)
    assert api.post("/trash/erase/", {"kind": "list", "id": "1"}, 422)["errors"][0]["path"] == "kind"
    assert api.post("/contacts/", {"email": "ann@b.example"}, 201)["id"] != ann["id"]
