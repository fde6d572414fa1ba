"""What an admin sets up for the CRM: pipelines and custom fields; and the tags and lists that everybody works with."""

from __future__ import annotations

from typing import Any

import pytest

from flowapp.crm import deals, lists, pipelines, tags
from flowapp.models import FIELD_TYPES, Contact, ContactList, FieldDef, Pipeline, Tag
from tests.pages.crm.conftest import Crm
from tests.support.browser import Tab

PAGES = ("/settings/pipelines", "/settings/fields", "/settings/tags", "/settings/lists")


def one(crm: Crm, model: Any, **named: Any) -> Any:
    with crm.session() as session:
        return session.query(model).filter_by(**named).one()


def stages(crm: Crm, slug: str = "deals") -> list[tuple[str, str, int]]:
    with crm.session() as session:
        return [(stage.name, stage.kind, stage.probability) for stage in pipelines.get(session, slug).stages]


def test_who_may_open_what(crm: Crm) -> None:
    editor, viewer = crm.member("editor"), crm.member("viewer")
    for path in PAGES:
        crm.ada.get(path)
        viewer.get(path, 403)
        editor.get(path, 403 if path.endswith(("pipelines", "fields")) else 200)
    assert "Custom fields" in crm.ada.get("/settings/profile").text
    assert "Custom fields" not in editor.get("/settings/profile").text


def test_stages_are_renamed_moved_added_and_removed(crm: Crm) -> None:
    crm.ada.get("/settings/pipelines")
    path = f"/settings/pipelines/{one(crm, Pipeline).id}"
    tab = Tab(crm.ada.client, path, "pipeline-form")
    tab.type(stages__0__name="NEW", stages__1__probability="45").send(200, _down="0")
    tab.send(200, _remove="stages-2")
    tab.send(200, _add="stages")
    tab.type(stages__4__name="STALLED", stages__4__probability="5").send()
    assert stages(crm) == [
        ("QUALIFICATION", "open", 45), ("NEW", "open", 10), ("SIGNÉ", "won", 100), ("PERDU", "lost", 0), ("STALLED", "open", 5),
    ]  # fmt: skip


def test_wrong_stages_are_said_at_their_field(crm: Crm) -> None:
    deal = crm.deal("Engine")
    path = f"/settings/pipelines/{one(crm, Pipeline).id}"
    tab = Tab(crm.ada.client, path, "pipeline-form")
    tab.type(name="", stages__1__name="", stages__2__probability="200").send(422)
    assert 'id="name-error"' in tab.html
    tab.type(name="Deals").send(422)
    assert 'id="stages-1-name-error"' in tab.html
    tab.type(stages__1__name="Q").send(422)
    assert 'id="stages-2-probability-error"' in tab.html
    tab.type(stages__2__probability="50", stages__0__kind="won").send(422)
    assert 'id="stages-0-kind-error"' in tab.html
    tab.type(stages__0__kind="open").send(200, _remove="stages-0")
    tab.send(422)
    assert "has deals" in tab.html and stages(crm)[0][0] == "PROSPECTION"
    with crm.session() as session:
        assert deals.get(session, deal).stage.name == "PROSPECTION"


def test_a_pipeline_is_made_and_deleted(crm: Crm) -> None:
    tab = Tab(crm.ada.client, "/settings/pipelines/new", "pipeline-form")
    tab.type(name="Renewals", is_default="y").send()
    made = one(crm, Pipeline, slug="renewals")
    assert made.is_default and len(stages(crm, "renewals")) == 5
    crm.deal("Contract", pipeline="renewals")
    first = one(crm, Pipeline, slug="deals")
    assert "default pipeline" in crm.ada.post_and_open(f"/settings/pipelines/{made.id}/delete").text
    crm.ada.post(f"/settings/pipelines/{first.id}/delete")
    assert one(crm, Pipeline).slug == "renewals"


def test_a_field_is_defined_changed_and_removed(crm: Crm) -> None:
    good = {
        "object": "deal",
        "label": "Source",
        "type": "choice",
        "options": "Web\nFair",
        "default": "Web",
        "required": "y",
    }
    for name, wrong in {"label": "", "type": "x", "options": "", "default": "Radio", "key": "1x"}.items():
        page = crm.ada.post("/settings/fields/new", {**good, name: wrong}, 422).text
        assert f'id="{name}-error"' in page, name
    crm.ada.post("/settings/fields/new", good)
    assert 'id="key-error"' in crm.ada.post("/settings/fields/new", good, 422).text
    field = one(crm, FieldDef)
    assert (field.key, field.options, field.default, field.required) == ("source", ["Web", "Fair"], "Web", True)
    assert "deal.source" in crm.ada.get("/settings/fields").text
    assert 'name="own-source"' in crm.ada.get("/deals/new").text
    tab = Tab(crm.ada.client, f"/settings/fields/{field.id}", "field-form")
    tab.type(label="", object="contact").send(422)
    assert 'id="label-error"' in tab.html
    tab.type(label="Where from", options="Web\nFair\nRadio", required=None).send()
    field = one(crm, FieldDef)
    assert (field.label, field.key, field.noun, field.options[-1], field.required) == (
        "Where from", "source", "deal", "Radio", False,
    )  # fmt: skip
    crm.ada.post(f"/settings/fields/{field.id}/delete")
    assert "own-source" not in crm.ada.get("/deals/new").text


@pytest.mark.parametrize("kind", FIELD_TYPES)
def test_each_type_can_be_defined(crm: Crm, kind: str) -> None:
    more = {"options": "a\nb"} if "choice" in kind else {"target": "company"} if kind == "relation" else {}
    crm.ada.post("/settings/fields/new", {"object": "contact", "label": "Own", "type": kind, **more})
    assert 'name="own-own"' in crm.ada.get("/contacts/new").text
    crm.ada.get(f"/settings/fields/{one(crm, FieldDef).id}")


def test_tags(crm: Crm) -> None:
    crm.ada.post("/settings/tags", {"name": "R&D"})
    assert "There is a tag" in crm.ada.post("/settings/tags", {"name": "r&d"}, 422).text
    crm.ada.post("/settings/tags", {"name": " "}, 422)
    ann = crm.contact("ann@b.example", first_name="Ann")
    crm.ada.post(f"/contacts/{ann}/tags", {"tag": "r&D"})
    tag = one(crm, Tag)
    assert "Ann" in crm.ada.get("/contacts?tag=R%26D").text
    assert "Ann</a>" not in crm.ada.get("/contacts?tag=other").text
    crm.ada.post("/settings/tags", {"name": "VIP"})
    assert f'id="tag-{tag.id}-error"' in crm.ada.post(f"/settings/tags/{tag.id}", {"name": "vip"}, 422).text
    crm.ada.post(f"/settings/tags/{tag.id}", {"name": "Research"})
    assert "Research" in crm.ada.get(f"/contacts/{ann}").text
    crm.ada.post(f"/settings/tags/{tag.id}/delete")
    with crm.session() as session:
        assert tags.of_many(session, Contact, [ann]) == {}


def test_lists(crm: Crm) -> None:
    crm.ada.post("/settings/lists", {"name": ""}, 422)
    crm.ada.post("/settings/lists", {"name": "Newsletter", "description": "Monthly"})
    row = one(crm, ContactList)
    assert f'id="name-{row.id}-error"' in crm.ada.post(f"/settings/lists/{row.id}", {"name": " "}, 422).text
    crm.ada.post(f"/settings/lists/{row.id}", {"name": "Letter"})
    ann = crm.contact("ann@b.example", first_name="Ann")
    crm.contact("bob@b.example", first_name="Bob")
    crm.ada.post(f"/contacts/{ann}/lists", {"list": row.id})
    page = crm.ada.get(f"/contacts?list={row.id}").text
    assert "Ann</a>" in page and "Bob</a>" not in page
    assert "1 contact" in crm.ada.get("/settings/lists").text
    assert "added this contact to the list" in crm.ada.get(f"/contacts/{ann}").text
    crm.ada.post(f"/contacts/{ann}/lists", {"list_gone": row.id})
    crm.ada.post(f"/contacts/{ann}/lists", {"list": "no such list"}, 404)
    with crm.session() as session:
        assert lists.count(session, lists.find(session, "Letter")) == 0
    crm.ada.post(f"/settings/lists/{row.id}/delete")
    with crm.session() as session:
        assert session.query(ContactList).count() == 0
