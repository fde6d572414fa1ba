"""Triggers in the builder: added, changed, shown in words before they are saved."""

from __future__ import annotations

import re
from typing import Any

import pytest
from sqlalchemy import select

from flowapp import workflows
from flowapp.engine.store.schedules import fire
from flowapp.extensions import db
from flowapp.models import Form, Trigger, utcnow
from flowapp.models.tenancy import tenant_session
from tests.pages.workflows.test_steps import HX, LOG, Site


@pytest.fixture
def site(app: Any) -> Site:
    return Site(app, steps=[LOG])


def test_there_are_none_at_first(site: Site) -> None:
    assert "No triggers yet" in site.get("/triggers")
    html = site.get("/new-trigger")
    for kind in ("webhook", "schedule", "form_submit", "manual", "api_call"):
        assert f"/new-trigger/{kind}" in html


def test_a_webhook_gets_an_address_and_an_example(site: Site) -> None:
    html = site.get("/new-trigger/webhook")
    assert "The URL appears here" in html
    response = site.post(
        "/new-trigger/webhook", p__auth="header", p__header_name="X-Key", p__secret="s3cret", active="y"
    )
    assert response.status_code == 303, response.get_data(as_text=True)
    html = site.client.get(response.location).get_data(as_text=True)
    assert re.search(r'value="http://localhost/hooks/[A-Za-z0-9_-]{16,}"', html)
    assert "curl -X POST" in html
    assert "s3cret" not in html
    assert "Stored. Type to replace it." in html
    before = site.draft["triggers"][0]["config"]
    key = site.draft["triggers"][0]["key"]
    site.post(
        f"/triggers/{key}",
        p__auth="header",
        p__header_name="X-Other",
        p__secret="",
        **{"active-there": "1", "active": "y"},
    )
    after = site.draft["triggers"][0]["config"]
    assert (after["key"], after["secret"]) == (before["key"], before["secret"])
    assert after["header_name"] == "X-Other"


def test_a_schedule_is_shown_in_words_and_dates_before_it_is_saved(site: Site) -> None:
    html = site.get("/new-trigger/schedule")
    assert "Europe/Paris" in html
    html = site.post("/new-trigger/schedule", p__every="daily", p__at="08:30", p__timezone="Europe/Paris", _refresh="1",
                     headers=HX).get_data(as_text=True)  # fmt: skip
    assert "At 08:30" in html
    times = re.search(r'class="trigger-times">(.*?)</ol>', html, re.DOTALL)[1]  # type: ignore[index]
    assert times.count("<li>") == 5
    assert times.count("8:30") == 5
    assert site.draft["triggers"] == []
    assert site.post("/new-trigger/schedule", p__every="daily", p__at="08:30").status_code == 303
    assert site.draft["triggers"][0]["config"]["at"] == "08:30"
    assert "At 08:30" in site.get("/steps")


def test_a_day_is_chosen_in_a_calendar(site: Site) -> None:
    assert '<input type="date" id="p-date"' in site.get("/new-trigger/date_reached")
    assert site.post("/new-trigger/date_reached", p__date="2030-12-31").status_code == 303
    (trigger,) = site.draft["triggers"]
    assert trigger["config"]["date"] == "2030-12-31"
    assert '<input type="date" id="p-date" name="p-date" value="2030-12-31"' in site.get(f"/triggers/{trigger['key']}")
    refused = site.post("/new-trigger/date_reached", p__date="31/12/2030")
    assert refused.status_code == 422 and '<input type="text" id="p-date"' in refused.get_data(as_text=True)


def test_the_wizard_shows_the_next_times_too(site: Site) -> None:
    html = site.get("/wizard/trigger?type=schedule")
    times = re.search(r'class="trigger-times">(.*?)</ol>', html, re.DOTALL)[1]  # type: ignore[index]
    assert times.count("<li>") == 5
    assert times.count("09:00:00") == 5


@pytest.mark.parametrize("path", ["/new-trigger/schedule", "/wizard/trigger"])
@pytest.mark.parametrize(
    ("cron", "text"),
    [
        ("0 0 31 2 *", "This never fires"),
        ("61 * * * *", "“61” is not a valid minute."),
        ("every day", "Enter 5 fields"),
        ("", "once the fields above are filled in"),
    ],
)
def test_the_preview_says_what_is_wrong_while_it_is_typed(site: Site, path: str, cron: str, text: str) -> None:
    data = {"trigger_type": "schedule", "p__every": "custom", "p__cron": cron, "p__timezone": "UTC", "_refresh": "1"}
    html = site.post(path, **data, headers=HX).get_data(as_text=True)
    preview = html.partition('id="preview"')[2].partition("</form>")[0]
    assert text in preview
    assert html.count(text) == 1
    assert "trigger-times" not in preview


@pytest.mark.parametrize(
    ("kind", "data", "text"),
    [
        ("schedule", {"p__cron": "0 8 31 2 *"}, "never fires"),
        ("schedule", {"p__cron": "hello"}, "5 fields"),
        ("schedule", {"p__every": "daily", "p__at": "25:00"}, "hour and minute"),
        ("schedule", {"p__every": "daily", "p__timezone": "Mars/Olympus"}, "not a time zone"),
        ("form_submit", {}, "This field is required."),
        ("webhook", {"p__auth": "basic", "p__secret": "x"}, "user name"),
        ("webhook", {"c__conditions-mode": "all", "c__conditions-items-0-value": "5"}, "Enter the field"),
        ("webhook", {"p__methods": "FETCH"}, "Choose one of"),
    ],
)
def test_wrong_settings_are_shown_and_not_saved(site: Site, kind: str, data: dict[str, str], text: str) -> None:
    response = site.post(f"/new-trigger/{kind}", **data)
    assert response.status_code == 422
    assert text in response.get_data(as_text=True)
    assert site.draft["triggers"] == []


def test_a_form_trigger_links_to_its_form_and_offers_its_fields(site: Site) -> None:
    with site.app.app_context(), tenant_session(db.engine, site.organization_id) as session:
        fields = [{"key": "vat", "label": "VAT number", "type": "text"}]
        session.add(Form(project_id=site.workflow.project_id, name="Order", slug="order", key="k" * 20, fields=fields))
        session.commit()
    assert site.post("/new-trigger/form_submit", p__form_id="order").status_code == 303
    key = site.draft["triggers"][0]["key"]
    html = site.get(f"/triggers/{key}")
    assert f"/f/{'k' * 20}" in html
    assert "{{ form_data.vat }}" in html
    assert "Order" in site.get("/steps")
    assert "{{ form_data.vat }}" in site.get("/steps/note")


def test_conditions_several_triggers_off_and_delete(site: Site) -> None:
    data = {"c__conditions-mode": "all", "c__conditions-items-0-field": "input.total",
            "c__conditions-items-0-operator": ">", "c__conditions-items-0-value": "10"}  # fmt: skip
    site.post("/new-trigger/webhook", **data, **{"active-there": "1"})
    site.post("/new-trigger/webhook", **{"active-there": "1", "active": "y"})
    first, second = site.draft["triggers"]
    assert first["conditions"] == {"all": [{"field": "input.total", "operator": ">", "value": "10"}]}
    assert (first["is_active"], second["is_active"]) == (False, True)
    html = site.get("/triggers")
    assert "Only when input.total &gt; 10" in html
    assert "Switched off" in html
    assert site.post(f"/triggers/{first['key']}/delete").status_code == 303
    assert [t["key"] for t in site.draft["triggers"]] == [second["key"]]
    assert site.post(f"/triggers/{first['key']}/delete").status_code == 404


def test_any_interval_is_chosen_shown_in_words_and_kept(site: Site) -> None:
    chosen = {"p__every": "minutes", "p__minutes": "90", "p__timezone": "Europe/Paris", "active": "y"}
    html = site.post("/new-trigger/schedule", _refresh="1", headers=HX, **chosen).get_data(as_text=True)
    assert "Every 90 minutes, counted from" in html
    assert site.post("/new-trigger/schedule", **chosen).status_code == 303
    (trigger,) = site.draft["triggers"]
    assert trigger["config"]["start"]
    assert "Every 90 minutes, counted from" in site.get("")
    page = site.get(f"/triggers/{trigger['key']}")
    assert f'value="{trigger["config"]["start"]}"' in page
    own = {**chosen, "p__every": "hours", "p__hours": "5", "p__start": "2026-03-31 08:00"}
    assert site.post(f"/triggers/{trigger['key']}", **own).status_code == 303
    assert "Every 5 hours, counted from 2026-03-31 08:00 (Europe/Paris)" in site.get("")
    wrong = site.post(f"/triggers/{trigger['key']}", **{**own, "p__start": "soon"})
    assert wrong.status_code == 422
    assert "Enter a date and time" in wrong.get_data(as_text=True)


def test_several_days_of_the_week_are_chosen_by_boxes(site: Site) -> None:
    html = site.post("/new-trigger/schedule", p__every="weekly", p__at="08:30", p__timezone="Europe/Paris", _refresh="1",
                     headers=HX).get_data(as_text=True)  # fmt: skip
    assert re.findall(r'value="(\w+)" id="p-weekday-\w+" checked', html) == ["monday"]
    assert "starts one hour later" in html
    days = {"p-weekday": ["", "tuesday", "friday"]}
    site.post("/new-trigger/schedule", p__every="weekly", p__at="08:30", p__timezone="Europe/Paris", active="y", **days)
    trigger = site.draft["triggers"][0]
    assert trigger["config"]["weekday"] == ["tuesday", "friday"]
    html = site.get(f"/triggers/{trigger['key']}")
    assert re.findall(r'value="(\w+)" id="p-weekday-\w+" checked', html) == ["tuesday", "friday"]
    response = site.post(f"/triggers/{trigger['key']}", p__every="weekly", active="y", **{"p-weekday": ""})
    assert response.status_code == 422
    assert "Choose at least one day." in response.get_data(as_text=True)
    assert site.draft["triggers"][0]["config"]["weekday"] == ["tuesday", "friday"]


def test_why_a_trigger_did_not_start_is_in_the_readers_language(app: Any) -> None:
    site = Site(app, steps=[LOG], triggers=[{"trigger_type": "schedule", "config": {"cron": "0 8 * * *"}}])
    with app.app_context(), tenant_session(db.engine, site.organization_id) as session:
        workflow = workflows.get(session, site.id)
        workflows.activate(session, workflow, actor_id=None)
        trigger = session.scalars(select(Trigger)).one()
        trigger.config = {"cron": "never"}
        trigger.next_fire_at = utcnow()
        session.flush()
        fire(session, trigger, utcnow())
        session.commit()
    english = "The settings of this trigger can no longer be read. Open the trigger and save it again."
    assert english in site.client.get(f"/workflows/{site.id}").text
    site.client.set_cookie("locale", "fr")
    assert "Les paramètres de ce déclencheur ne sont plus lisibles." in site.client.get(f"/workflows/{site.id}").text
