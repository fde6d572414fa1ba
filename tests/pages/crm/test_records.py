"""The page of a contact, a company and a deal, which is one and the same."""

from __future__ import annotations

import re
from typing import Any

import pytest

from flowapp.crm import deals, fields, tags, timeline
from flowapp.events import Cause
from flowapp.extensions import db
from flowapp.models import Company, Contact, Deal, Execution, Note, Task, new_id
from tests.pages.crm.conftest import Crm
from tests.support.browser import Tab
from tests.support.place import Place
from tests.support.tenant import make_tenant

MODELS: dict[str, Any] = {"contacts": Contact, "companies": Company, "deals": Deal}


def make(crm: Crm, plural: str) -> str:
    if plural == "contacts":
        return crm.contact("ann@b.example", first_name="Ann")
    return crm.company("Acme") if plural == "companies" else crm.deal("Engine")


ONE = {
    "contacts": ("score", "score", "7"),
    "companies": ("domain", "domain", "acme.example"),
    "deals": ("value", "value", "12"),
}
BAD = {
    "contacts": ("email", "email", "ann"),
    "companies": ("domain", "domain", "no domain"),
    "deals": ("value", "value", "x"),
}


@pytest.mark.parametrize("plural", MODELS)
def test_a_field_is_edited_in_place(crm: Crm, plural: str) -> None:
    path = f"/{plural}/{make(crm, plural)}"
    row, name, value = ONE[plural]
    assert f'name="{name}"' not in crm.ada.get(path).text
    tab = Tab(crm.ada.client, f"{path}?edit={row}", "row-form")
    assert tab.type(**{name: value}).send().location == path
    assert getattr(crm.get(MODELS[plural], path.rpartition("/")[2]), name) in (
        value,
        int(value) if value.isdigit() else 0,
    )
    page = crm.ada.get(path).text
    assert 'class="entry-changes"' in page and "Ada</strong> changed this" in page
    row, name, value = BAD[plural]
    wrong = Tab(crm.ada.client, f"{path}?edit={row}", "row-form")
    wrong.type(**{name: value}).send(422)
    assert f'id="{name}-error"' in wrong.html and f'value="{value}"' in wrong.html
    crm.ada.post(path, {"row": "organization_id", "organization_id": new_id()}, 404)


@pytest.mark.parametrize("plural", MODELS)
def test_notes_tasks_and_tags(crm: Crm, plural: str) -> None:
    path = f"/{plural}/{make(crm, plural)}"
    assert 'id="text-error"' in crm.ada.post(f"{path}/notes", {"text": " "}, 422).text
    crm.ada.post(f"{path}/notes", {"text": "She said <script>alert(1)</script> & left"})
    page = crm.ada.get(path).text
    assert "<script>alert(1)" not in page and "&lt;script&gt;" in page
    assert 'id="due_date-error"' in crm.ada.post(f"{path}/tasks", {"title": "Call", "due_date": "x"}, 422).text
    assert 'id="title-error"' in crm.ada.post(f"{path}/tasks", {"title": "", "due_date": ""}, 422).text
    crm.ada.post(f"{path}/tasks", {"title": "Call Ann", "due_date": "2020-02-03", "assignee_id": crm.user_id})
    crm.ada.post(f"{path}/tags", {"tag": "R&D"})
    page = crm.ada.get(path).text
    assert "R&amp;D" in page and "Call Ann" in page and "due-late" in page and "Feb 3, 2020" in page
    crm.ada.post(f"{path}/tags", {"tag": "x" * 101}, 422)
    crm.ada.post(f"{path}/tags", {"tag_gone": "R&D"})
    assert "Remove tag: R&amp;D" not in crm.ada.get(path).text
    with crm.session() as session:
        assert session.query(Note).count() == session.query(Task).count() == 1


@pytest.mark.parametrize("plural", MODELS)
def test_trash_and_back(crm: Crm, plural: str) -> None:
    path = f"/{plural}/{make(crm, plural)}"
    name = {"contacts": "Ann", "companies": "Acme", "deals": "Engine"}[plural]
    listed = "/deals/list" if plural == "deals" else f"/{plural}"
    assert name in crm.ada.get(listed).text
    crm.ada.post(f"{path}/delete")
    page = crm.ada.get(listed).text
    assert f">{name}</a>" not in page
    assert f">{name}</a>" in crm.ada.get(f"{listed}?trash=1").text
    page = crm.ada.get(path).text
    assert "In the trash" in page and "Restore" in page and "Add note" not in page
    crm.ada.post(f"{path}/restore")
    assert f">{name}</a>" in crm.ada.get(listed).text


@pytest.mark.parametrize("plural", MODELS)
def test_records_of_another_organization_are_not_there(crm: Crm, plural: str) -> None:
    with crm.app.app_context():
        other = make_tenant(db.engine, "Other")
    theirs = Crm.__new__(Crm)
    theirs.app, theirs.organization_id, theirs.user_id = crm.app, other.organization_id, other.user_id
    path = f"/{plural}/{make(theirs, plural)}"
    crm.ada.get(path, 404)
    for action in (
        "",
        "/notes",
        "/tasks",
        "/tags",
        "/delete",
        "/restore",
        *(["/move", "/people"] if plural == "deals" else []),
    ):
        crm.ada.post(f"{path}{action}", {"row": "name", "text": "x", "title": "x", "tag": "x"}, 404)
    assert "ann@b.example" not in crm.ada.get(f"/{plural}/known?q=").text


def test_two_people_edit_the_same_field(crm: Crm) -> None:
    deal = crm.deal("Engine", value="10")
    first, second = (Tab(crm.ada.client, f"/deals/{deal}?edit=value", "row-form") for _ in range(2))
    first.type(value="20").send()
    second.type(value="30").send(422)
    assert "Changed in two places" in second.html and crm.get(Deal, deal).value == 20
    second.send()
    assert crm.get(Deal, deal).value == 30
    third = Tab(crm.ada.client, f"/deals/{deal}?edit=value", "row-form")
    with crm.session() as session:
        deals.update(session, deals.get(session, deal), {"value": "40"}, cause=crm.cause)
    third.type(currency="USD").send()
    saved = crm.get(Deal, deal)
    assert (saved.value, saved.currency) == (40, "USD")


def test_the_timeline_names_workflow_and_step(crm: Crm) -> None:
    deal = crm.deal("Engine", value="10")
    with crm.app.app_context():
        step = {"step_id": "raise", "name": "Raise the value", "action_type": "log", "params": {"message": "x"}}
        with crm.session() as session:
            from flowapp.models import Project

            project = session.query(Project).one()
        place = Place(db.engine, crm.organization_id, project.id)
        workflow = place.publish({"name": "Upsell", "steps": [step]})
        execution = place.started(workflow, trigger_type="manual")
    with crm.session() as session:
        started = session.get_one(Execution, execution.id)
        started.trigger_entity_type, started.trigger_entity_id = "deal", deal
        by = Cause(workflow_id=workflow, execution_id=execution.id, step_id="raise", depth=1)
        deals.update(session, deals.get(session, deal), {"value": "1200"}, cause=by)
        tags.add(session, deals.get(session, deal), ["Hot"], cause=by)
    page = crm.ada.get(f"/deals/{deal}").text
    entry = re.search(r'<li class="entry entry-by-workflow".*?Raise the value.*?</li>\s*</ol>', page, re.DOTALL)
    assert entry and f'href="/executions/{execution.id}"' in entry[0] and "Upsell" in entry[0]
    assert re.search(r"Value</span>.*?10.*?1,200", entry[0], re.DOTALL)
    assert (
        "Pending"
        in page[
            page.index("No workflow has run") if "No workflow has run" in page else page.index('id="record-aside"') :
        ]
    )


def test_custom_fields_are_shown_and_edited(crm: Crm) -> None:
    kinds = {
        "Plan": ("choice", "pro", "pro"), "Budget": ("money", "1200.5", "1,200.5"), "Since": ("date", "2026-01-02", "Jan 2, 2026"),
        "Site": ("url", "https://a.example", "https://a.example"), "VIP": ("boolean", "true", "Yes"),
        "Colours": ("multiple_choice", ["free", "pro"], "free, pro"), "Partner": ("relation", "Acme", "Acme"),
        "Seen": ("datetime", "2026-03-31T14:30", "Mar 31, 2026"),
    }  # fmt: skip
    crm.company("Acme")
    with crm.session() as session:
        for label, (kind, _typed, _shown) in kinds.items():
            more = (
                {"options": ["free", "pro"]}
                if "choice" in kind
                else {"target": "company"}
                if kind == "relation"
                else {}
            )
            fields.create(session, {"object": "deal", "label": label, "type": kind, **more})
    page = crm.ada.post_and_open(
        "/deals/new", {"title": "Engine", **{f"own-{k.lower()}": v[1] for k, v in kinds.items()}}
    ).text
    for label, (_kind, _typed, shown) in kinds.items():
        row = re.search(rf"<dt>{label}</dt>(.*?)</dd>", page, re.DOTALL)
        assert row and shown in row[1], (label, row and row[1])
    deal = re.search(r'href="/deals/([0-9a-f-]{36})', page)[1]  # type: ignore[index]
    tab = Tab(crm.ada.client, f"/deals/{deal}?edit=own-plan", "row-form")
    tab.type(own__plan="gold").send(422)
    assert 'id="own-plan-error"' in tab.html
    tab.type(own__plan="free").send()
    assert re.search(r"Plan</span>.*?pro.*?free", crm.ada.get(f"/deals/{deal}").text, re.DOTALL)
    with crm.session() as session:
        assert timeline.of(session, deals.get(session, deal)).total == 2


def test_boxes_suggest_what_is_there(crm: Crm) -> None:
    crm.contact("ann@b.example", first_name="Ann", last_name="Lee")
    first, second = crm.company("Acme"), crm.company("Acme")
    assert '<option value="ann@b.example" label="Ann Lee">' in crm.ada.get("/contacts/known?contact=lee").text
    assert "ann@b.example" not in crm.ada.get("/contacts/known?contact=zzz").text
    numbers = [str(crm.get(Company, one).number) for one in (first, second)]
    found = crm.ada.get("/companies/known?company_id=acm").text
    assert all(f'<option value="{number}" label="Acme">' in found for number in numbers)


def test_what_belongs_to_a_contact_and_a_company(crm: Crm) -> None:
    acme = crm.company("Acme")
    ann = crm.contact("ann@b.example", first_name="Ann", company=acme)
    deal = crm.deal("Engine", value="10", company=acme, contacts=["ann@b.example"])
    person, company = crm.ada.get(f"/contacts/{ann}").text, crm.ada.get(f"/companies/{acme}").text
    assert f'href="/companies/{acme}"' in person and f'href="/deals/{deal}"' in person
    assert f'href="/contacts/{ann}"' in company and f'href="/deals/{deal}"' in company
    crm.ada.post(f"/companies/{acme}/delete")
    assert f'href="/companies/{acme}"' not in crm.ada.get(f"/contacts/{ann}").text
