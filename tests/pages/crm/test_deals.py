"""Deals in the browser, without script: the board, moving, the reason for a loss."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Any

import pytest

from flowapp.crm import deals, pipelines
from flowapp.models import Deal, new_id, utcnow
from tests.pages.crm.conftest import Crm
from tests.support.browser import Tab

FRAGMENT = {"HX-Request": "true", "HX-Request-Type": "partial"}


def column(html: str, name: str) -> str:
    """The part of a board that is the column of that name."""
    found = re.search(rf'<section class="board-column[^>]*data-name="{name}".*?</section>', html, re.DOTALL)
    assert found, html[:3000]
    return found[0]


def test_an_empty_board_says_what_to_do_next(crm: Crm) -> None:
    page = crm.ada.get("/deals").text
    assert "No deals yet" in page and 'href="/deals/new"' in page
    assert 'aria-current="page"' in re.search(r'<a class="nav-entry" href="/deals"[^>]*>', page)[0]  # type: ignore[index]


def test_the_board_has_a_column_for_each_stage_with_sums_by_currency(crm: Crm) -> None:
    acme = crm.company("Acme")
    crm.deal("Engine", value="1250.50", company=acme, owner_id=crm.user_id)
    crm.deal("Support", value="800")
    crm.deal("Export", value="99", currency="USD")
    crm.deal("Later", value="5", stage="QUALIFICATION", expected_close="2020-02-01")
    page = crm.ada.get("/deals").text
    first = column(page, "PROSPECTION")
    assert re.search(r"€2,050\.50.*\$99", first, re.DOTALL) and "Acme" in first and ">3<" in first
    later = column(page, "QUALIFICATION")
    assert "Later" in later and "due-late" in later and "€5" in later
    assert [name for name in ("PROSPECTION", "PROPOSITION", "SIGNÉ", "PERDU") if column(page, name)]
    mine = crm.ada.get("/deals?owner=me").text
    assert "Engine" in mine and "Support" not in mine
    assert "Support" in crm.ada.get("/deals?q=SUPP").text
    assert "Nothing matches" in crm.ada.get("/deals?q=nobody").text


def test_the_board_is_narrowed_by_conditions_and_saved_as_a_view(crm: Crm) -> None:
    big, _small = crm.deal("Big", value="5000"), crm.deal("Small", value="10")
    assert "/deals/filter?layout=board" in crm.ada.get("/deals").text
    tab = Tab(crm.ada.client, "/deals/filter?layout=board&owner=", "filter-form")
    tab.send(200, _add="f-filter-items")
    tab.type(**{"f-filter-items-0-field": "value"}).send(200, _refresh="1")
    tab.type(**{"f-filter-items-0-operator": ">", "f-filter-items-0-value": "1000"})
    location = tab.send().location
    assert location.startswith("/deals?")
    page = crm.ada.get(location).text
    assert "Big" in column(page, "PROSPECTION") and "Small" not in page and "Value greater than 1,000" in page
    moved = crm.ada.post(location.replace("/deals", f"/deals/{big}/move"), {"stage": crm.stage("SIGNÉ")}).location
    assert "Small" not in crm.ada.get(moved).text
    name = Tab(crm.ada.client, location.replace("/deals", "/deals/views/new") + "&layout=board", "view-form")
    view = name.type(name="Big ones", default="me").send().location
    assert re.fullmatch(r"/deals\?view=[0-9a-f-]{36}&pipeline=[0-9a-f-]{36}", view)
    page = crm.ada.get(view).text
    assert "Big" in column(page, "SIGNÉ") and "Small" not in page
    assert crm.ada.get("/deals", 303).location == view
    assert crm.ada.get(view.partition("&")[0].replace("/deals", "/deals/list"), 303).location == view
    assert "Small" in crm.ada.get("/deals/list").text and "Small" in crm.ada.get("/deals?view=all").text


def test_a_view_of_the_board_keeps_its_pipeline(crm: Crm) -> None:
    with crm.session() as session:
        stages = [{"name": "New"}, {"name": "Won", "kind": "won"}, {"name": "Lost", "kind": "lost"}]
        second = pipelines.create(session, {"name": "Partners", "stages": stages}).id
        deals.create(session, {"title": "Shared", "pipeline": second}, cause=crm.cause)
    crm.deal("Engine")
    assert "Engine" not in crm.ada.get(f"/deals?pipeline={second}").text
    new = Tab(crm.ada.client, f"/deals/views/new?layout=board&pipeline={second}", "view-form")
    view = new.type(name="With partners").send().location
    page = crm.ada.get(view.partition("&")[0], 303).location
    assert page == view and f"pipeline={second}" in view
    page = crm.ada.get(view).text
    assert "Shared" in column(page, "New") and "Engine" not in page and "Save changes" not in page
    first = Tab(crm.ada.client, "/deals/views/new?layout=board", "view-form").type(name="Ours").send().location
    with crm.session() as session:
        pipelines.change(session, pipelines.get(session, second), {"is_default": True})
    assert "Engine" in crm.ada.get(first).text and "Engine" not in crm.ada.get("/deals?view=all").text
    assert "Engine" not in crm.ada.get(f"/deals/list?pipeline={second}").text


def test_a_view_of_the_list_opens_the_list_and_a_bad_filter_is_said(crm: Crm) -> None:
    crm.deal("Engine")
    location = Tab(crm.ada.client, "/deals/views/new?q=eng", "view-form").type(name="Engines").send().location
    assert location.startswith("/deals/list?")
    with_board = location.partition("&")[0].replace("/deals/list", "/deals")
    assert crm.ada.get(with_board, 303).location == location
    page = crm.ada.get('/deals?filter={"field":"salary","operator":"==","value":"1"}').text
    assert "alert" in page and "Engine" in column(page, "PROSPECTION")


def test_a_deal_is_moved_from_the_menu(crm: Crm) -> None:
    deal = crm.deal("Engine", value="10")
    answer = crm.ada.post(f"/deals/{deal}/move?owner=me", {"stage": crm.stage("SIGNÉ")})
    assert answer.location == "/deals?owner=me"
    moved = crm.get(Deal, deal)
    assert (moved.stage.name, moved.status) == ("SIGNÉ", "won")
    assert "Engine" in column(crm.ada.get("/deals").text, "SIGNÉ")


def test_a_move_by_script_answers_with_the_board(crm: Crm) -> None:
    deal = crm.deal("Engine")
    answer = crm.ada.post(f"/deals/{deal}/move", {"stage": crm.stage("PROPOSITION")}, 200, headers=FRAGMENT)
    assert answer.text.lstrip().startswith('<div id="board"') and "Engine" in column(answer.text, "PROPOSITION")


@pytest.mark.parametrize(("on", "headers"), [("", {}), ("", FRAGMENT), ("?on=deal", {}), ("?on=deal", FRAGMENT)])
def test_a_loss_asks_for_the_reason(crm: Crm, on: str, headers: dict[str, str]) -> None:
    deal = crm.deal("Engine")
    lost = {"stage": crm.stage("PERDU")}
    asked = crm.ada.post(f"/deals/{deal}/move{on}", lost, 422, headers=headers).text
    assert "Why is “Engine” lost?" in asked and f'value="{lost["stage"]}"' in asked and "lost_reason-error" not in asked
    assert crm.get(Deal, deal).status == "open"
    again = crm.ada.post(f"/deals/{deal}/move{on}", {**lost, "lost_reason": " "}, 422, headers=headers).text
    assert 'id="lost_reason-error"' in again
    done = 200 if headers else 303
    crm.ada.post(f"/deals/{deal}/move{on}", {**lost, "lost_reason": "Too expensive"}, done, headers=headers)
    saved = crm.get(Deal, deal)
    assert (saved.status, saved.lost_reason) == ("lost", "Too expensive")
    assert "Too expensive" in crm.ada.get(f"/deals/{deal}").text


def test_a_stage_that_is_not_there_is_said(crm: Crm) -> None:
    deal = crm.deal("Engine")
    page = crm.ada.post_and_open(f"/deals/{deal}/move", {"stage": new_id()}).text
    assert "There is no stage" in page
    assert crm.get(Deal, deal).stage.name == "PROSPECTION"


def test_a_deal_is_made_in_a_form(crm: Crm) -> None:
    acme, ann = crm.company("Acme"), crm.contact("ann@b.example")
    assert 'value="Acme"' in crm.ada.get(f"/deals/new?company_id={acme}&contact={ann}&stage_id=x&value=7").text
    typed = {
        "title": "Engine", "value": "1.000,5", "currency": "euro", "stage_id": crm.stage("QUALIFICATION"), "contact": "ann@b.example",
        "company_id": "acme", "expected_close": "2026-13-01", "owner_id": crm.user_id, "description": "",
    }  # fmt: skip
    wrong = crm.ada.post("/deals/new", {**typed, "title": "", "value": "12"}, 422).text
    assert 'id="title-error"' in wrong and 'value="12"' in wrong
    for name in ("currency", "expected_close"):
        good = {"currency": "EUR", "expected_close": "2026-12-31"} | {name: typed[name]}
        assert f'id="{name}-error"' in crm.ada.post("/deals/new", {**typed, "value": "12", **good}, 422).text
    good = {**typed, "value": "1000.5", "currency": "EUR", "expected_close": "2026-12-31"}
    for name in ("company_id", "contact"):
        assert f'id="{name}-error"' in crm.ada.post("/deals/new", {**good, name: "nobody@x.example"}, 422).text
    page = crm.ada.post_and_open("/deals/new", good).text
    assert "€1,000.50" in page and "ann@b.example" in page and "Acme" in page and "QUALIFICATION" in page


def test_pipelines_have_a_board_each(crm: Crm) -> None:
    with crm.session() as session:
        other = pipelines.create(session, {"name": "Renewals", "stages": [{"name": "Due", "kind": "open"}]})
        number, renewals = other.number, other.id
    deal = crm.deal("Contract 7", pipeline="Renewals")
    assert "Contract 7" not in crm.ada.get("/deals").text
    for named in (renewals, number, "renewals"):
        assert "Contract 7" in column(crm.ada.get(f"/deals?pipeline={named}").text, "Due")
    assert column(crm.ada.get("/deals?pipeline=no-such-thing").text, "PROSPECTION")
    assert "Contract 7" in crm.ada.get(f"/deals/{deal}").text


def test_the_list_is_filtered_and_sorted(crm: Crm) -> None:
    for number in range(3):
        crm.deal(f"Deal {number}", value=str(number * 10), stage="SIGNÉ" if number == 2 else "PROSPECTION")
    page = crm.ada.get("/deals/list?sort=-value").text
    assert re.findall(r">(Deal \d)</a>", page) == ["Deal 2", "Deal 1", "Deal 0"]
    assert re.findall(r">(Deal \d)</a>", crm.ada.get("/deals/list?status=won").text) == ["Deal 2"]
    assert re.findall(r">(Deal \d)</a>", crm.ada.get(f"/deals/list?stage={crm.stage('SIGNÉ')}").text) == ["Deal 2"]
    assert "cannot be sorted by" in crm.ada.get("/deals/list?sort=organization_id").text
    for odd in ("stage=x", "owner=x", "cursor=-1", "q=%00", "tag=%F0", "deal_id=1", "on=x&_external=1"):
        crm.ada.get(f"/deals/list?{odd}")
        crm.ada.get(f"/deals?{odd}")


def test_contacts_of_a_deal_are_added_and_taken_off(crm: Crm) -> None:
    deal, ann, bob = crm.deal("Engine"), crm.contact("ann@b.example"), crm.contact("bob@b.example")
    for email in ("ann@b.example", "bob@b.example"):
        crm.ada.post(f"/deals/{deal}/people", {"contact": email})
    assert [contact.id for contact in crm.get(Deal, deal).contacts] == [ann, bob]
    assert "There is no contact" in crm.ada.post(f"/deals/{deal}/people", {"contact": "x@y.example"}, 422).text
    crm.ada.post(f"/deals/{deal}/people", {"contact_gone": ann})
    assert [contact.id for contact in crm.get(Deal, deal).contacts] == [bob]


def test_a_viewer_reads_and_an_operator_moves(crm: Crm) -> None:
    deal, stage = crm.deal("Engine"), crm.stage("SIGNÉ")
    viewer = crm.member("viewer")
    page = viewer.get("/deals").text
    assert "Engine" in page and "Move to" not in page and "New deal" not in page
    assert "Add note" not in viewer.get(f"/deals/{deal}").text
    viewer.post(f"/deals/{deal}/move", {"stage": stage}, 403)
    viewer.get("/deals/new", 403)
    crm.member("operator").post(f"/deals/{deal}/move", {"stage": stage})
    assert crm.get(Deal, deal).status == "won"


def test_long_columns_show_the_newest_and_lead_to_the_list(crm: Crm) -> None:
    with crm.session() as session:
        first = pipelines.default(session)
        long_ago = utcnow() - timedelta(days=9)
        rows: list[Any] = [
            Deal(title=f"Deal {at:02}", pipeline_id=first.id, stage_id=first.stages[0].id, value=1,
                 stage_entered_at=long_ago + timedelta(minutes=at))
            for at in range(52)
        ]  # fmt: skip
        session.add_all(rows)
    page = column(crm.ada.get("/deals").text, "PROSPECTION")
    assert page.count("data-deal ") == 50 and "Deal 51" in page and "Deal 00" not in page
    assert "Show all 52" in page and "€52" in page
