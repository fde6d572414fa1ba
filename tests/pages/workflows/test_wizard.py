"""The wizard of a new workflow; from a template, what that needs to know is asked for by a form."""

from __future__ import annotations

import html
import json
import re
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import select

from flowapp import workflows
from flowapp.extensions import db
from flowapp.models import EmailTemplate, Organization, Workflow
from flowapp.models.tenancy import system_session, tenant_session
from tests.pages.workflows.test_steps import LOG, Site
from tests.support.browser import Browser, Tab


@pytest.fixture
def ada(app: Flask) -> Browser:
    return Browser(app).set_up()


def chosen(ada: Browser, key: str, **typed: Any) -> Tab:
    """The wizard, once the template was chosen."""
    tab = Tab(ada.client, ada.get("/workflows/new", 303).location, "stage")
    tab.type(start=key, **typed).send(200)
    return tab


def made(app: Flask, answer: Any) -> Workflow:
    with app.app_context(), system_session(db.engine) as system:
        found = system.get(Workflow, answer.location.split("/")[2])
        assert found is not None
        return found


def test_the_gallery_offers_every_template(ada: Browser) -> None:
    shown = html.unescape(ada.get(ada.get("/workflows/new", 303).location).text)
    for words in (
        "Follow up on inactive deals",
        "Onboard a new client",
        "Alert the manager to large deals",
        "Hello, Flowapp",
    ):
        assert words in shown


def test_a_built_in_one_is_filled_in(app: Flask, ada: Browser) -> None:
    tab = chosen(ada, "relance-deal-inactif", name="", description="Ours")
    assert tab.values["v-recipient"] == ["ada@example.com"]
    tab.type(v__days="0", v__recipient="nobody").send(422)
    assert 'id="v-days-error"' in tab.html and 'id="v-recipient-error"' in tab.html
    answer = tab.type(v__days="45", v__recipient="bob@example.com").send()
    workflow = made(app, answer)
    assert (workflow.name, workflow.description) == ("Follow up on inactive deals", "Ours")
    assert workflow.draft["triggers"][0]["config"]["days"] == 45
    assert workflow.draft["variables"] == {"recipient": "bob@example.com"}


def test_a_second_press_makes_no_second_one(app: Flask, ada: Browser) -> None:
    tab = chosen(ada, "site_watch", name="Watch")
    assert tab.send().location == tab.send().location
    with app.app_context(), system_session(db.engine) as system:
        assert len(system.scalars(select(Workflow).filter_by(name="Watch")).all()) == 1


def test_an_emptied_text_is_empty(app: Flask, ada: Browser) -> None:
    tab = chosen(ada, "onboarding-nouveau-client", name="In")
    workflow = made(app, tab.type(v__from_stage="").send())
    assert workflow.draft["triggers"][0]["config"] == {"to": "SIGNÉ"}
    with app.app_context(), system_session(db.engine) as system:
        mail = system.scalars(select(EmailTemplate)).one()
        assert workflow.draft["steps"][0]["params"]["template"] == mail.slug
    other = made(app, chosen(ada, "onboarding-nouveau-client", name="Again").send())
    assert other.draft["steps"][0]["params"]["template"] == mail.slug


def test_a_workflow_is_saved_as_a_template(app: Flask, ada: Browser) -> None:
    with app.app_context():
        with system_session(db.engine) as system:
            organization_id = system.scalars(select(Organization.id)).one()
        with tenant_session(db.engine, organization_id) as session:
            body = {"name": "Greets", "steps": [], "variables": {"who": "Ann", "how often": 2}}
            source = workflows.create(session, body, actor_id=None).id
            session.commit()
    assert f"/workflows/{source}/template" in ada.get(f"/workflows/{source}/settings").text
    tab = Tab(ada.client, f"/workflows/{source}/template", "template-form")
    assert "Ann" in tab.html
    tab.type(name=" ").send(422)
    saved = made(app, tab.type(name="Our greeting").send())
    assert (saved.name, saved.is_template) == ("Our greeting", True)
    filled = chosen(ada, saved.id, name="")
    assert (filled.values["v-who"], filled.values["v-how often"]) == (["Ann"], ["2"])
    used = made(app, filled.type(**{"v-who": "Bob"}).send())
    assert (used.name, used.is_template) == ("Our greeting", False)
    assert used.draft["variables"] == {"who": "Bob", "how often": 2}


def test_the_review_shows_the_workflow_as_json(app: Any) -> None:
    site = Site(app, steps=[LOG], variables={"city": "Lyon"})
    page = html.unescape(re.sub(r"<[^>]+>", "", site.get("/wizard/review")))
    start = page.index("{", page.index("As JSON"))
    shown, _end = json.JSONDecoder().raw_decode(page[start:])
    assert (shown["name"], shown["variables"]) == ("Welcome", {"city": "Lyon"})
    assert shown["steps"][0]["action_type"] == "log"
