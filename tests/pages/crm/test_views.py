"""What lists of records show: conditions, columns, saved views, cells that are changed in place."""

from __future__ import annotations

import json
import re
from html import unescape
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from flowapp.crm import fields
from flowapp.crm.views import service
from flowapp.extensions import db
from flowapp.models import Contact, Organization
from tests.pages.crm.conftest import Crm
from tests.support.browser import Tab
from tests.support.statements import noted

PLAN = {"object": "contact", "label": "Plan", "key": "plan", "type": "choice", "options": ["free", "pro"]}


@pytest.fixture
def people(crm: Crm) -> Crm:
    with crm.session() as session:
        fields.create(session, PLAN)
    crm.contact("ann@b.example", first_name="Ann", score=50, fields={"plan": "pro"})
    crm.contact("bob@b.example", first_name="Bob", fields={"plan": "free"})
    crm.contact("cat@b.example", first_name="Cat")
    return crm


def rows(html: str) -> list[str]:
    """What stands in the main column."""
    return re.findall(r'<td class="main"><a [^>]*>([^<]*)</a>', html)


def heads(html: str) -> list[str]:
    table = html.partition("<thead>")[2].partition("</thead>")[0]
    texts = [re.sub(r"<svg.*?</svg>|<[^>]*>", "", head).strip() for head in re.findall(r"<th .*?</th>", table, re.S)]
    return [text for text in texts if text != "Select"]


def query(location: str) -> dict[str, str]:
    return {name: values[0] for name, values in parse_qs(urlsplit(location).query, keep_blank_values=True).items()}


@pytest.mark.parametrize(
    ("field", "operator", "typed", "stored"),
    [
        ("score", ">", "1 250,50", "1250.50"),
        ("score", "==", "50", "50"),
        ("due", "==", "03/02/2026", "2026-02-03"),
        ("created_at", "after", "03/02/2026", "2026-02-03"),
        ("due", "after", "-30 days", "-30 days"),
        ("first_name", "==", "1,5", "1,5"),
    ],
)
def test_conditions_take_numbers_and_dates_as_people_write_them(
    crm: Crm, field: str, operator: str, typed: str, stored: str
) -> None:
    with crm.session() as session:
        fields.create(session, {"object": "contact", "label": "Due", "key": "due", "type": "date"})
        session.get_one(Organization, crm.organization_id).locale = "fr-FR"
        session.commit()
    tab = Tab(crm.ada.client, "/contacts/filter", "filter-form")
    tab.send(200, _add="f-filter-items")
    tab.type(**{"f-filter-items-0-field": field}).send(200, _refresh="1")
    tab.type(**{"f-filter-items-0-operator": operator, "f-filter-items-0-value": typed})
    (rule,) = json.loads(query(tab.send().location)["filter"])["all"]
    assert str(rule["value"]) == stored


def test_numbers_and_dates_are_shown_and_asked_for_as_the_organization_writes_them(crm: Crm) -> None:
    with crm.session() as session:
        session.get_one(Organization, crm.organization_id).locale = "fr-FR"
    crm.deal("Engine", value="1234.5", currency="EUR", expected_close="2026-12-31")
    rule = {"all": [{"field": "value", "operator": ">", "value": 1250.5}]}
    page = crm.ada.get(f"/deals/list?columns=value,expected_close&filter={json.dumps(rule)}").text
    assert "Value greater than 1\u202f250,5" in page
    for value, said in (("2026-12-31", "31 Dec 2026"), ("-30 days", "-30 days")):
        rule = {"all": [{"field": "created_at", "operator": "after", "value": value}]}
        assert f"Created is after {said}" in crm.ada.get(f"/deals/list?filter={json.dumps(rule)}").text
    page = crm.ada.get("/deals/list?columns=value,expected_close").text
    assert "1\u202f234,50\xa0€" in page and "31 Dec 2026" in page, "an English page: its words, their notation"
    tab = Tab(crm.ada.client, "/deals/filter", "filter-form")
    tab.send(200, _add="f-filter-items")
    tab.send(200, _add="f-filter-items")
    tab.type(**{"f-filter-items-0-field": "value", "f-filter-items-1-field": "expected_close"}).send(200, _refresh="1")
    assert 'placeholder="31/12/2026 or -30 days"' in tab.html
    operators = {"f-filter-items-0-operator": ">", "f-filter-items-1-operator": "=="}
    tab.type(**operators, **{"f-filter-items-0-value": "a lot", "f-filter-items-1-value": "soon"}).send(422)
    assert "Enter for example 1234,50." in tab.html and "Enter a date such as 31/12/2026." in tab.html


def test_the_filter_opens_with_a_row_and_lists_each_field_once(crm: Crm) -> None:
    html = crm.ada.get("/contacts/filter").text
    assert 'id="f-filter-items-0-row"' in html and 'id="f-filter-items-1-row"' not in html
    labels = re.findall(r"<option[^>]*>([^<]+)</option>", html[: html.index("f-filter-items-0-operator")])
    assert labels.count("Company") == 1 and "Id" not in labels
    tab = Tab(crm.ada.client, "/contacts/filter", "filter-form")
    assert "filter" not in query(tab.send(303).location), "an empty row asks for nothing"
    company = crm.company("Acme")
    rule = json.dumps({"all": [{"field": "company_id", "operator": "==", "value": company}]})
    asked = crm.ada.get(f"/contacts/filter?filter={rule}").text
    assert '<option value="company_id" selected>Company</option>' in asked and "f-filter-items-1-row" not in asked


def test_an_empty_list_offers_to_import(crm: Crm) -> None:
    empty = crm.ada.get("/contacts").text.partition('class="empty-state"')[2]
    assert "/imports/new/contact" in empty or "object_name=contact" in empty


def test_a_list_asks_the_database_as_often_for_many_rows_as_for_few(crm: Crm) -> None:
    with crm.session() as session:
        relation = {"label": "Partner", "key": "partner", "type": "relation", "target": "company"}
        fields.create(session, {"object": "deal", **relation})
    crm.member("editor")
    owners = [crm.user_id, "editor@example.com"]
    columns, counts = "stage,value,owner_id,company.name,tags,partner,expected_close", []
    for upto in (2, 20):
        for at in range((counts and 2) or 0, upto):
            company = crm.company(f"Company {at}")
            crm.deal(f"Deal {at}", owner_id=owners[at % 2], company_id=company, fields={"partner": company})
        crm.ada.get("/deals/list")
        with crm.app.app_context(), noted(db.engine) as statements:
            html = crm.ada.get(f"/deals/list?columns={columns}").text
        assert (html.count("Grace Hopper<a "), len(rows(html))) == (upto // 2, upto)
        assert html.count(">Company 1</a>") == 2
        counts.append(len(statements))
    assert counts[1] <= counts[0]


def test_conditions_are_built_and_stand_in_the_address(people: Crm) -> None:
    tab = Tab(people.ada.client, "/contacts/filter?sort=name", "filter-form")
    tab.send(200, _add="f-filter-items")
    assert 'aria-label="Field: 1"' in tab.html
    tab.type(**{"f-filter-items-0-field": "plan"}).send(200, _refresh="1")
    assert '<option value="pro">pro</option>' in tab.html and '<option value="matches"' not in tab.html
    tab.type(**{"f-filter-items-0-operator": "!=", "f-filter-items-0-value": "pro"})
    location = tab.send().location
    assert json.loads(query(location)["filter"]) == {"all": [{"field": "plan", "operator": "!=", "value": "pro"}]}
    page = people.ada.get(location).text
    assert rows(page) == ["Bob", "Cat"] and "Plan is not pro" in page
    again = Tab(people.ada.client, location.replace("/contacts", "/contacts/filter"), "filter-form")
    again.type(**{"f-filter-items-0-field": "score", "f-filter-items-0-operator": ">"})
    again.send(422)
    assert "“pro” is not a number. Enter for example 1234.50." in again.html


def test_columns_are_chosen_ordered_and_sorted_by(people: Crm) -> None:
    assert heads(people.ada.get("/contacts").text)[:3] == ["Name", "E-mail", "Phone"]
    tab = Tab(people.ada.client, "/contacts/columns", "columns-form")
    tab.type(columns=["score", "plan"]).send(200, _up="plan")
    location = tab.send().location
    assert query(location)["columns"] == "score,plan"
    page = people.ada.get(location).text
    assert heads(page) == ["Name", "Score", "Plan"] and ">pro</td>" in re.sub(r"<a class=.btn.*?</a>", "", page)
    assert rows(people.ada.get(f"{location}&sort=plan").text) == ["Bob", "Ann", "Cat"]
    assert rows(people.ada.get(f"{location}&sort=-score").text)[0] == "Ann"
    assert "cannot be sorted" in people.ada.get(f"{location}&sort=tags").text
    assert heads(people.ada.get("/contacts?columns=nothing,score").text) == ["Name", "Score"]


def saved(crm: Crm, address: str, **typed: Any) -> str:
    """Saves what the list at an address shows; gives the address of the view."""
    tab = Tab(crm.ada.client, f"/contacts/views/new?{address}", "view-form")
    location: str = tab.type(**typed).send().location
    return location


def test_a_view_keeps_what_the_list_shows(people: Crm) -> None:
    filtered = json.dumps({"field": "plan", "operator": "!=", "value": "pro"})
    location = saved(people, f"filter={filtered}&columns=plan&sort=-name&owner=", name="Not pro")
    page = people.ada.get(location).text
    assert (rows(page), heads(page)) == (["Cat", "Bob"], ["Name", "Plan"])
    assert 'aria-current="page">Not pro</a>' in page and "Save changes" not in page
    view = query(location)["view"]
    changed = f"view={view}&columns=score"
    assert "Save changes" in people.ada.get(f"/contacts?{changed}").text
    people.ada.post(f"/contacts/views/{view}/save?{changed}")
    assert heads(people.ada.get(f"/contacts?view={view}").text) == ["Name", "Score"]
    tab = Tab(people.ada.client, f"/contacts/views/{view}", "view-form")
    tab.type(name="").send(422)
    assert tab.type(name="Others", default="me").send().location
    assert query(people.ada.get("/contacts", 303).location) == {"view": view}
    assert rows(people.ada.get("/contacts?view=all").text) == ["Cat", "Bob", "Ann"]
    people.ada.post(f"/contacts/views/{view}/delete")
    people.ada.get(f"/contacts?view={view}", 404)
    assert rows(people.ada.get("/contacts").text) == ["Cat", "Bob", "Ann"]


def test_a_view_opens_with_its_boxes_filled_in(people: Crm) -> None:
    view = query(saved(people, "q=ann", name="Ann"))["view"]
    assert query(people.ada.get(f"/contacts?view={view}", 303).location) == {"view": view, "q": "ann"}
    assert rows(people.ada.get(f"/contacts?view={view}&q=").text) == ["Cat", "Bob", "Ann"]


def test_private_views_are_their_owners_and_shared_ones_everybodys(people: Crm) -> None:
    private, shared = (
        query(saved(people, "", name="Hidden"))["view"],
        query(saved(people, "", name="Ours", shared="y"))["view"],
    )
    eve = people.member("viewer")
    page = eve.get("/contacts").text
    assert "Ours" in page and "Hidden" not in page
    for path in ("/contacts?view=", "/contacts/views/"):
        eve.get(f"{path}{private}", 404)
        eve.get(f"{path}{shared}")
    eve.post(f"/contacts/views/{private}/delete", status=404)
    eve.post(f"/contacts/views/{shared}/delete", status=403)
    assert "Operators and above" in eve.post(f"/contacts/views/{shared}", {"name": "X"}, 422).text
    assert "operators and above" in eve.post("/contacts/views/new", {"name": "X", "shared": "y"}, 422).text
    people.ada.get(f"/companies?view={shared}", 404)


def test_a_cell_is_changed_in_place(people: Crm) -> None:
    ann = people.contact("dan@b.example", first_name="Dan")
    part = {"HX-Request": "true", "HX-Request-Type": "partial"}
    path = f"/contacts/{ann}/cell?column=score"
    assert people.ada.get(path, 303).location == f"/contacts/{ann}?edit=score"
    form = people.ada.get(path, headers=part).text
    seen = unescape(re.findall(r'name="_seen" value="([^"]*)"', form)[0])
    wrong = people.ada.post(path, {"score": "many", "_seen": seen}, 422, headers=part).text
    assert 'value="many"' in wrong and "score-error" in wrong
    assert ">7" not in form and "7" in people.ada.post(path, {"score": "7", "_seen": seen}, 200, headers=part).text
    assert people.get(Contact, ann).score == 7
    asked = people.ada.post(path, {"score": "9", "_seen": seen}, 422, headers=part).text
    assert "Saved in the meantime" in asked and people.get(Contact, ann).score == 7
    people.ada.get(f"/contacts/{ann}/cell?column=created_at", 404)
    people.member("viewer").get(path, 403)


@pytest.mark.parametrize("filtered", ["{", "1", '{"field":"nothing","operator":"==","value":1}', '{"some":[]}'])
def test_an_address_that_cannot_be_read_says_so_and_shows_all(people: Crm, filtered: str) -> None:
    page = people.ada.get("/contacts", query_string={"filter": filtered}).text
    assert "notice-warning" in page and rows(page) == ["Cat", "Bob", "Ann"]


def test_a_sort_that_is_offered_no_longer_is_said_and_the_rest_of_the_view_holds(people: Crm) -> None:
    ada = service.ViewMember(people.user_id, may_share=True)
    with people.session() as session:
        kept = {"filter": {"field": "plan", "operator": "!=", "value": "pro"}, "columns": "score"}
        view = service.create(session, ada, {"object": "contact", "name": "Old", **kept})
        view.search = {**view.search, "sort": "first_name"}
        view_id = view.id
    for address in (f"/contacts?view={view_id}", f"/contacts?view={view_id}&sort=company.name"):
        page = people.ada.get(address).text
        assert "cannot be sorted by" in page and "It is sorted as usual." in page
        assert rows(page) == ["Cat", "Bob"] and heads(page) == ["Name", "Score"]
        assert "sort=" not in "".join(re.findall(r'href="(/exports/[^"]*)"', page))
    for sort in ("first_name", "-consent", "language", "timezone", "updated_at", "phone"):
        assert rows(people.ada.get(f"/contacts?sort={sort}").text) == ["Cat", "Bob", "Ann"]
    tab = Tab(people.ada.client, f"/contacts/views/{view_id}", "view-form")
    tab.type(name="Renamed").send()
    people.ada.post(f"/contacts/views/{view_id}/save?view={view_id}")
    assert "cannot be sorted" not in people.ada.get(f"/contacts?view={view_id}").text


@pytest.mark.parametrize("plural", ["companies", "deals"])
def test_companies_and_deals_have_views_too(crm: Crm, plural: str) -> None:
    _made = crm.company("Acme", montant_potentiel="5") if plural == "companies" else crm.deal("Acme", value="5")
    path, field = ("/companies", "montant_potentiel") if plural == "companies" else ("/deals/list", "value")
    filtered = json.dumps({"field": field, "operator": ">=", "value": "5"})
    assert rows(crm.ada.get(path, query_string={"filter": filtered, "columns": f"{field},number,created_at"}).text) == [
        "Acme"
    ]
    tab = Tab(crm.ada.client, f"/{plural}/views/new?sort=-number", "view-form")
    location = tab.type(name="Newest").send().location
    assert urlsplit(location).path == path and rows(crm.ada.get(location).text) == ["Acme"]


def test_a_custom_field_may_be_called_as_a_time_of_another_noun(crm: Crm) -> None:
    with crm.session() as session:
        fields.create(session, {"object": "company", "label": "Closed", "key": "closed_at", "type": "text"})
    crm.company("Acme", fields={"closed_at": "At weekends"})
    assert "At weekends" in crm.ada.get("/companies?columns=closed_at").text
