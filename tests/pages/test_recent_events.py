"""While a trigger is edited: the recent events that would have started the workflow, and a dry run with one of them."""

from __future__ import annotations

import re
from html import unescape
from typing import Any

import pytest

from flowapp.crm import deals
from flowapp.events import SYSTEM
from flowapp.extensions import db
from flowapp.models import Event
from flowapp.models.tenancy import system_session, tenant_session
from tests.pages.workflows.test_steps import HX, Site
from tests.support.tenant import add_organization

pytestmark = pytest.mark.both_databases
SAY = {
    "step_id": "say",
    "name": "Say",
    "action_type": "log",
    "params": {"message": "{{ deal_title }}: {{ new_stage }}"},
}


@pytest.fixture
def site(app: Any) -> Site:
    made = Site(app, steps=[SAY])
    with app.app_context(), tenant_session(db.engine, made.organization_id) as session:
        for title, stage in (("Engine", "SIGNÉ"), ("Mill", "PROPOSITION")):
            deals.move(
                session, deals.create(session, {"title": title, "montant": 900}, cause=SYSTEM), stage, cause=SYSTEM
            )
        session.commit()
    return made


def shown(html: str) -> list[str]:
    """What the recent events are about."""
    card = html.partition('id="recent-events"')[2].partition("</ul>")[0]
    return re.findall(r"<strong>(.*?)</strong>", card)


def test_events_that_would_have_matched_follow_the_settings(site: Site) -> None:
    assert shown(site.get("/new-trigger/deal_stage_changed")) == ["Mill", "Engine"]
    html = site.post("/new-trigger/deal_stage_changed", p__to="SIGNÉ", _refresh="1", headers=HX).get_data(as_text=True)
    assert shown(html) == ["Engine"]
    html = site.post("/new-trigger/deal_stage_changed", p__to="PERDU", _refresh="1", headers=HX).get_data(as_text=True)
    assert "None of the recent events" in html
    assert "Recent events" not in site.get("/new-trigger/schedule")


def test_what_an_event_is_about_is_said_in_french(site: Site) -> None:
    site.client.set_cookie("locale", "fr")
    text = unescape(site.get("/new-trigger/deal_stage_changed"))
    assert "Une affaire est passée à une autre étape : <strong>Mill</strong>" in text.replace("\xa0", " ")


def test_conditions_count_too(site: Site) -> None:
    rule = {"field": "deal.title", "operator": "==", "value": "Mill"}
    trigger = {"trigger_type": "deal_stage_changed", "config": {}, "conditions": {"all": [rule]}}
    with site.app.app_context(), tenant_session(db.engine, site.organization_id) as session:
        from flowapp import workflows

        workflow = workflows.get(session, site.id)
        workflows.update(session, workflow, {"triggers": [trigger]}, actor_id=None)
        session.commit()
    (key,) = (one["key"] for one in site.draft["triggers"])
    assert shown(site.get(f"/triggers/{key}")) == ["Mill"]


def test_one_of_them_is_tried_out(site: Site) -> None:
    html = site.get("/new-trigger/deal_stage_changed")
    path = re.search(r'href="/workflows/[^/]+(/simulate\?event=[^"]+)"', html)[1]  # type: ignore[index]
    html = site.get(path)
    assert "&#34;deal_title&#34;: &#34;Mill&#34;" in html
    assert "The event of" in html
    given = re.search(r'<textarea[^>]*name="input"[^>]*>(.*?)</textarea>', html, re.DOTALL)[1]  # type: ignore[index]
    filled = path.rpartition("=")[2]
    answer = site.post("/simulate", input=given.replace("&#34;", '"'), filled=filled, source=filled)
    assert "Mill: PROPOSITION" in answer.get_data(as_text=True)


def test_events_of_others_are_not_shown_or_tried(site: Site) -> None:
    with site.app.app_context(), system_session(db.engine) as system:
        other, _ = add_organization(system, "Other")
        system.commit()
        with tenant_session(db.engine, other) as session:
            deals.move(session, deals.create(session, {"title": "Secret"}, cause=SYSTEM), "SIGNÉ", cause=SYSTEM)
            session.commit()
            event_id = session.query(Event).filter_by(type="deal.stage_changed").one().id
    assert "Secret" not in site.get("/new-trigger/deal_stage_changed")
    assert "Secret" not in site.get(f"/simulate?event={event_id}")
