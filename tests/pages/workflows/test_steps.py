"""The builder's pages, with the real catalog, engine and workflow service behind them."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

import pytest

from flowapp import workflows
from flowapp.extensions import db
from flowapp.models import DataTable, Execution, Member, StepRun, User, Version, Workflow, utcnow
from flowapp.models.tenancy import system_session, tenant_session
from tests.support.browser import csrf_token
from tests.support.tenant import add_organization

HX = {"HX-Request": "true", "HX-Request-Type": "partial"}


class Site:
    """A signed-in editor with one workflow."""

    def __init__(self, app: Any, role: str = "editor", steps: Any = (), **definition: Any) -> None:
        self.app, self.client = app, app.test_client()
        with app.app_context():
            with system_session(db.engine) as system:
                self.organization_id, project_id = add_organization(system, "Acme")
                user = User(email="ann@example.com", name="Ann", timezone="Europe/Paris")
                system.add(user)
                system.flush()
                system.add(Member(organization_id=self.organization_id, user_id=user.id, role=role))
                columns = [{"key": "name", "label": "Name", "type": "text"}]
                table = DataTable(name="Contacts", slug="contacts", physical_name="t_1", columns=columns)
                table.organization_id, table.project_id = self.organization_id, project_id
                system.add(table)
                system.commit()
                self.login = user.get_id()
            with tenant_session(db.engine, self.organization_id) as session:
                body = {"name": "Welcome", "steps": list(steps), **definition}
                self.id = workflows.create(session, body, actor_id=user.id).id
                session.commit()
        with self.client.session_transaction() as session:
            session.update(_user_id=self.login, _fresh=True, organization_id=self.organization_id)
        self.csrf = csrf_token(self.client)

    def url(self, path: str) -> str:
        return f"/workflows/{self.id}{path}"

    def get(self, path: str, **kwargs: Any) -> str:
        response = self.client.get(self.url(path), **kwargs)
        assert response.status_code == 200, response.get_data(as_text=True)
        return response.get_data(as_text=True)

    def post(self, path: str, **data: Any) -> Any:
        headers = data.pop("headers", {})
        data = {name.replace("__", "-"): value for name, value in data.items()}
        return self.client.post(self.url(path), data={"csrf_token": self.csrf, **data}, headers=headers)

    @property
    def workflow(self) -> Workflow:
        with self.app.app_context(), tenant_session(db.engine, self.organization_id) as session:
            return session.get_one(Workflow, self.id)

    @property
    def draft(self) -> dict[str, Any]:
        return self.workflow.draft


LOG = {"step_id": "note", "name": "Note", "action_type": "log", "params": {"message": "Hello"}}
IF = {
    "step_id": "check", "name": "Big?", "action_type": "conditional",
    "params": {"conditions": {"all": [{"field": "input.total", "operator": ">", "value": 100}]}},
}  # fmt: skip


@pytest.fixture
def site(app: Any) -> Iterator[Site]:
    yield Site(app, steps=[LOG, IF])


def test_the_flow_shows_triggers_steps_lanes_and_what_is_wrong(site: Site) -> None:
    html = site.get("/steps")
    for text in (
        "Choose what starts it",
        "Note",
        "Hello",
        "Big?",
        "input.total &gt; 100",
        "If no",
        "Ends here",
        "can only be started by hand",
    ):
        assert text in html, text
    assert f"/workflows/{site.id}/steps/note" in html


def test_an_empty_flow_says_what_to_do_next(app: Any) -> None:
    assert "Add the first step" in Site(app).get("/steps")


def test_a_viewer_sees_the_flow_and_cannot_change_it(app: Any) -> None:
    site = Site(app, role="viewer", steps=[LOG])
    html = site.get("/steps")
    assert "Add a step" not in html
    assert site.client.get(site.url("/steps/note")).status_code == 403
    assert site.post("/steps/note/delete").status_code == 403
    assert len(site.draft["steps"]) == 1


def test_the_catalog_is_grouped_and_searched(site: Site) -> None:
    html = site.get("/new-step?after=note")
    assert "Send" in html
    assert "/new-step/log?after=note" in html
    found = site.get("/new-step?q=log", headers=HX)
    assert "/new-step/log" in found
    assert "/new-step/send_email" not in found
    assert "<html" not in found
    assert "No step found" in site.get("/new-step?q=zzz")


def test_a_step_is_added_in_its_place_and_in_a_lane(site: Site) -> None:
    assert 'name="p-message"' in site.get("/new-step/log?after=note")
    response = site.post("/new-step/log", name="Second", p__message="Hi {{ input.total }}", after="note", branch="next")
    assert response.status_code == 303
    assert response.location.endswith("#step-second")
    assert [s["step_id"] for s in site.draft["steps"]] == ["note", "second", "check"]
    assert site.draft["edges"] == []
    site.post("/new-step/log", name="Small", p__message="small", after="check", branch="no")
    assert {"source": "check", "target": "small", "branch": "no"} in site.draft["edges"]
    assert "Change what comes next" in site.get("/steps")


@pytest.mark.parametrize(
    ("data", "text"),
    [
        ({"name": "X"}, "This field is required."),
        ({"name": "", "p__message": "a"}, "Give the step a name"),
        ({"name": "X", "p__message": "{{ input. }}"}, "cannot be read"),
        ({"name": "X", "p__message": "a", "e__on_error": "goto"}, "Choose the step to go to."),
        ({"name": "X", "p__message": "a", "e__timeout": "0"}, "Enter 1 or more."),
        ({"name": "X", "p__message": "a", "e__timeout": "{{ 5 }}"}, "whole number"),
        ({"name": "X", "p__message": "a\0b"}, "character"),
    ],
)
def test_wrong_input_is_shown_beside_its_field_and_nothing_is_saved(
    site: Site, data: dict[str, str], text: str
) -> None:
    response = site.post("/new-step/log", **data)
    html = response.get_data(as_text=True)
    assert response.status_code == 422, html
    assert text in html
    assert len(site.draft["steps"]) == 2


def test_a_step_is_changed_and_its_policy_kept_in_plain_words(site: Site) -> None:
    html = site.get("/steps/note")
    assert "If this step fails" in html
    response = site.post("/steps/note", name="Noted", p__message="New", e__on_error="retry", e__retry_count="5",
                         e__retry_delay="10", e__on_exhausted="goto", e__goto_step="check", e__timeout="30")  # fmt: skip
    assert response.status_code == 303, response.get_data(as_text=True)
    step = site.draft["steps"][0]
    assert (step["step_id"], step["name"], step["params"]) == ("note", "Noted", {"message": "New"})
    assert (step["on_error"], step["retry_count"], step["on_exhausted"], step["goto_step"]) == (
        "retry",
        5,
        "goto",
        "check",
    )
    assert "Retries up to 5 times" in site.get("/steps")
    site.post("/steps/note", name="Noted", p__message="New", e__on_error="stop")
    assert site.draft["steps"][0]["goto_step"] is None


def test_choosing_another_policy_shows_its_fields_and_saves_nothing(site: Site) -> None:
    response = site.post("/steps/note", name="Typed", p__message="typed", e__on_error="retry", _refresh="1", headers=HX)
    html = response.get_data(as_text=True)
    assert response.status_code == 200
    assert "typed" in html
    assert re.search(r'data-field="e-retry_count">', html)
    assert re.search(r'data-field="e-goto_step" hidden>', html)
    assert site.draft["steps"][0]["name"] == "Note"


def test_moving_copying_deleting_dragging(site: Site) -> None:
    html = site.post("/steps/check/move", to="up", headers=HX).get_data(as_text=True)
    assert '<div id="flow">' in html
    assert "<html" not in html
    assert [s["step_id"] for s in site.draft["steps"]] == ["check", "note"]
    assert site.post("/steps/check/move", to="up").status_code == 409
    assert site.post("/order-steps", order=["note", "check"]).status_code == 303
    assert [s["step_id"] for s in site.draft["steps"]] == ["note", "check"]
    site.post("/steps/note/duplicate")
    assert [s["name"] for s in site.draft["steps"]] == ["Note", "Note (copy)", "Big?"]
    site.post("/steps/note/delete")
    assert [s["step_id"] for s in site.draft["steps"]] == ["note_copy", "check"]
    assert site.post("/connect-steps", source="check", branch="no", target="note_copy").status_code == 303
    assert "Continues with “Note (copy)”" in site.get("/steps")
    assert site.post("/steps/note_copy/delete", revision="1").status_code == 412


def test_unknown_things_are_404(site: Site) -> None:
    for path in ("/steps/zzz", "/new-step/zzz"):
        assert site.client.get(site.url(path)).status_code == 404
    assert site.post("/steps/zzz/delete").status_code == 404
    assert site.client.get(site.url("/new-step/log?after=zzz")).status_code == 404
    assert site.client.get("/workflows/01890000-0000-7000-8000-000000000000/steps").status_code == 404


def test_values_to_insert_are_those_that_can_be_there(site: Site) -> None:
    html = site.get("/steps/check")
    assert "{{ steps.note.message }}" in html
    assert "{{ now }}" in html
    assert "steps.check" not in re.sub(r"steps/check", "", html)
    assert "{{ steps.note.message }}" not in site.get("/steps/note")


def test_columns_appear_when_the_table_is_chosen(site: Site) -> None:
    html = site.post("/new-step/database_save", name="Save", p__table="contacts", _refresh="1").get_data(as_text=True)
    assert 'name="p-data-0-key" value="name"' in html


def test_every_kind_of_step_has_a_form(site: Site) -> None:
    from flowapp.catalog import ACTIONS

    for name in ACTIONS:
        html = site.get(f"/new-step/{name}")
        ids = re.findall(r'<(?:input|select|textarea|div|details|fieldset|section)[^>]* id="([^"]+)"', html)
        assert len(ids) == len(set(ids)), (name, [i for i in ids if ids.count(i) > 1])


def test_trying_a_step_runs_it_as_it_stands_in_the_form(site: Site) -> None:
    html = site.post("/try/note", name="Note", p__message="Not saved: {{ input.a }}", t__source="own", **{"t-data-rows": "1"},
                     **{"t-data-0-key": "a", "t-data-0-value": "42"}, headers=HX).get_data(as_text=True)  # fmt: skip
    assert "Not saved: 42" in html
    assert "Completed" in html
    assert "<html" not in html
    assert site.draft["steps"][0]["params"] == {"message": "Hello"}
    whole = site.post("/try/note", name="Note", p__message="{{ input.nothing }}").get_data(as_text=True)
    assert "<html" in whole
    assert "does not exist" in whole


def test_a_tried_result_serves_the_steps_behind_it(site: Site) -> None:
    site.post("/try/note", name="Note", p__message="kept", headers=HX)
    html = site.post(
        "/try/new/log", name="Next", p__message="again {{ steps.note.message }}", after="note", headers=HX
    ).get_data(as_text=True)
    assert "again kept" in html


def test_trying_with_effects_asks_first(site: Site, smtp: Any) -> None:
    data = {"name": "Mail", "p__to": "bob@example.com", "p__subject": "Hi", "p__message": "Hello", "after": "note"}
    asked = site.post("/try/new/send_email", **data, headers=HX).get_data(as_text=True)
    assert "This is not a simulation." in asked
    assert len(smtp.inbox) == 0
    done = site.post("/try/new/send_email", **data, _sure="1", headers=HX).get_data(as_text=True)
    assert "Completed" in done, done
    assert len(smtp.inbox) == 1


def test_trying_what_is_not_filled_in_shows_what_is_missing(site: Site) -> None:
    response = site.post("/try/new/log", name="X", headers=HX)
    assert response.status_code == 422
    assert "This field is required." in response.get_data(as_text=True)


def test_trying_what_was_corrected_takes_the_errors_away_and_keeps_what_was_typed(site: Site) -> None:
    refused = site.post("/new-step/log", name="Greet", p__message="hi {{ input.x ", headers=HX)
    html = refused.get_data(as_text=True)
    assert refused.status_code == 422
    assert "Please correct the marked fields." in html
    marks = dict.fromkeys(re.findall(r'type="hidden" name="(_marked)" value="1"', html), "1")
    tried = site.post("/try/new/log", name="Greet", p__message="hi there", headers=HX, **marks)
    html = tried.get_data(as_text=True)
    assert tried.headers["HX-Retarget"] == "#editor"
    assert "Completed" in html
    assert 'value="Greet"' in html
    assert "hi there</textarea>" in html
    assert "Please correct the marked fields." not in html
    assert "field-error" not in html


def test_trying_with_the_input_and_results_of_a_real_execution(site: Site) -> None:
    with site.app.app_context(), tenant_session(db.engine, site.organization_id) as session:
        version = Version(workflow_id=site.id, definition=site.draft, fingerprint="f")
        session.add(version)
        session.flush()
        run = Execution(workflow_id=site.id, version_id=version.id, status="completed", input_data={"total": 250})
        session.add(run)
        session.flush()
        session.add(StepRun(execution_id=run.id, seq=1, step_id="note", step_name="Note", action_type="log", token="t",
                            status="completed", output={"message": "real"}, started_at=utcnow()))  # fmt: skip
        session.commit()
        run_id = run.id
    assert "{{ input.total }}" in site.get("/steps/check")
    html = site.post("/try/check", name="Big?", t__source=run_id, headers=HX).get_data(as_text=True)
    assert "continues: yes" in html
    assert json.dumps(250) in html
