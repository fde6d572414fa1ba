"""Stages, pipelines, tags, lists and members are offered where a form asks for one; others can still be typed."""

from __future__ import annotations

import re
from typing import Any

import pytest

from flowapp.crm import fields, lists, pipelines, tags
from flowapp.extensions import db
from flowapp.models.tenancy import tenant_session
from tests.pages.workflows.test_names_to_choose import boxes, listed
from tests.pages.workflows.test_steps import Site

TAG = {"step_id": "tag", "name": "Tag", "action_type": "add_tag", "params": {"tags": ["R&D", "new"]}}
FIRST_STAGES = ["PROSPECTION", "QUALIFICATION", "PROPOSITION", "SIGNÉ", "PERDU"]


@pytest.fixture
def site(app: Any) -> Site:
    site = Site(app, steps=[TAG])
    with app.app_context(), tenant_session(db.engine, site.organization_id) as session:
        pipelines.create(
            session, {"name": "Sales", "stages": [{"name": "New", "kind": "open"}, {"name": "Won", "kind": "won"}]}
        )
        lists.create(session, {"name": "Readers"})
        tags.create(session, "R&D")
        session.commit()
    return site


@pytest.mark.parametrize(
    ("path", "control", "names"),
    [
        ("/new-trigger/deal_stage_changed", "p-from", [*FIRST_STAGES, "New", "Won"]),
        ("/new-trigger/deal_stage_changed", "p-to", [*FIRST_STAGES, "New", "Won"]),
        ("/new-trigger/deal_won", "p-pipeline", ["Deals", "Sales"]),
        ("/new-trigger/anniversary", "p-field", ["last_activity_at", "created_at", "updated_at"]),
        ("/new-trigger/contact_list_added", "p-list", ["Readers"]),
        ("/new-trigger/contact_list_removed", "p-list", ["Readers"]),
        ("/new-trigger/contact_tag_added", "p-tag", ["R&D"]),
        ("/new-trigger/contact_tag_removed", "p-tag", ["R&D"]),
        ("/new-step/add_to_list", "p-list", ["Readers"]),
        ("/new-step/update_deal", "p-stage", [*FIRST_STAGES, "New", "Won"]),
        ("/new-step/create_deal", "p-pipeline", ["Deals", "Sales"]),
        ("/new-step/create_task", "p-assignee", ["owner", "round_robin", "ann@example.com"]),
        ("/new-step/assign_user", "p-user", ["owner", "round_robin", "ann@example.com"]),
    ],
)
def test_what_the_crm_has_is_offered(site: Site, path: str, control: str, names: list[str]) -> None:
    assert listed(site.get(path), control) == names


def test_tags_are_ticked_and_others_typed(site: Site) -> None:
    page = site.get("/steps/tag")
    assert boxes(page, "p-tags") == {"R&D": True}
    assert 'id="p-tags-others" name="p-tags" value="new"' in page
    site.post("/steps/tag", name="Tag", p__tags=["", "R&D", "{{ input.tag }}, new"])
    assert site.draft["steps"][0]["params"]["tags"] == ["R&D", "{{ input.tag }}", "new"]


def test_people_are_ticked(site: Site) -> None:
    page = site.get("/new-step/send_notification")
    assert boxes(page, "p-to") == {
        "owner": True, "admins": False, "editors": False, "operators": False, "ann@example.com": False,
    }  # fmt: skip


def test_without_a_pipeline_the_first_ones_stages_are_offered(app: Any) -> None:
    assert listed(Site(app).get("/new-trigger/deal_stage_changed"), "p-to") == FIRST_STAGES


CONTACT_FIELDS = [
    "email", "first_name", "last_name", "phone", "company_id", "owner_id", "language", "timezone", "score", "consent", "plan",
]  # fmt: skip


@pytest.mark.parametrize(
    ("path", "control", "some"),
    [
        ("/new-step/update_contact", "p-data-0-key", CONTACT_FIELDS),
        ("/new-step/create_contact", "p-data-0-key", CONTACT_FIELDS),
        ("/new-step/update_deal", "p-data-0-key", ["title", "value", "stage", "expected_close"]),
        ("/new-step/update_field", "p-field", CONTACT_FIELDS),
        ("/new-step/find_record", "p-where-0-key", [*CONTACT_FIELDS, "tag"]),
        ("/new-step/create_record", "p-data-0-key", CONTACT_FIELDS),
    ],
)
def test_fields_are_offered_those_that_an_admin_defined_too(
    site: Site, app: Any, path: str, control: str, some: list[str]
) -> None:
    define_plan(app, site)
    assert set(some) <= set(listed(site.get(path), control))


def test_the_fields_are_those_of_the_chosen_object(site: Site) -> None:
    page = site.post("/new-step/update_field", p__object="task", _refresh="1").text
    assert listed(page, "p-field") == [
        "title", "description", "type", "priority", "due_date", "assignee_id", "done", "contact_id", "company_id", "deal_id",
    ]  # fmt: skip


def test_what_a_change_may_be_of_is_ticked(site: Site, app: Any) -> None:
    define_plan(app, site)
    page = site.get("/new-trigger/contact_updated")
    assert list(boxes(page, "p-fields")) == CONTACT_FIELDS
    assert ">First name</span>" in page and ">The plan</span>" in page
    assert "montant_potentiel" in boxes(site.get("/new-trigger/organisation_updated"), "p-fields")
    assert {"value", "stage"} <= set(boxes(site.get("/new-trigger/deal_updated"), "p-fields"))


def define_plan(app: Any, site: Site) -> None:
    with app.app_context(), tenant_session(db.engine, site.organization_id) as session:
        fields.create(session, {"object": "contact", "key": "plan", "label": "The plan", "type": "text"})
        session.commit()


@pytest.mark.parametrize(
    ("kind", "control", "first"),
    [("data_change", "p-operation", "Anything"), ("workflow_failed", "p-workflow", "Any")],
)
def test_no_choice_means_any_and_says_so_once(site: Site, kind: str, control: str, first: str) -> None:
    found = re.search(rf'<select[^>]*id="{control}".*?</select>', site.get(f"/new-trigger/{kind}"), re.DOTALL)
    assert found and re.findall(r'<option value=""[^>]*>([^<]*)', found[0]) == [first]


def test_the_value_picker_shows_the_fields_that_an_admin_defined(site: Site, app: Any) -> None:
    define_plan(app, site)
    with app.app_context(), tenant_session(db.engine, site.organization_id) as session:
        choice = {"object": "deal", "key": "size", "label": "Size", "type": "choice", "options": ["Large", "Small"]}
        fields.create(session, choice)
        session.commit()
    page = site.get("/steps/tag")
    assert "contact.plan" in page and "deal.size" in page and "Large" in page
