"""The pages of executions."""

from __future__ import annotations

import json
import re
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import event

from flowapp import tasks
from flowapp.executions import history
from flowapp.extensions import db
from flowapp.models import (
    AuditEntry,
    Contact,
    Execution,
    LogLine,
    Member,
    Organization,
    StepRun,
    Timer,
    User,
    utcnow,
)  # fmt: skip
from flowapp.models.tenancy import system_session
from tests.support import place as support
from tests.support.tenant import add_organization

LOG = {
    "step_id": "note",
    "name": "Note it",
    "action_type": "log",
    "params": {"message": "Got {{input.a}}", "level": "warning"},
}
CHECK = {
    "step_id": "check", "name": "Is it large?", "action_type": "conditional",
    "params": {"conditions": {"all": [{"field": "input.a", "operator": ">", "value": 10}]}},
}  # fmt: skip
WAIT = {"step_id": "pause", "name": "Pause", "action_type": "wait_time", "params": {"duration": "1 day"}}
FRAGMENT = {"HX-Request": "true", "HX-Request-Type": "partial"}


class Place(support.Place):
    """A signed-in member, and what has run."""

    def __init__(self, app: Any, role: str = "operator") -> None:
        self.app = app
        with app.app_context():
            engine = db.engine
        with system_session(engine) as session:
            super().__init__(engine, *add_organization(session, "Ours", timezone="Europe/Paris"))
            self.user = User(email="a@example.test", name="Ada")
            session.add(self.user)
            session.flush()
            self.member = Member(organization_id=self.org, user_id=self.user.id, role=role)
            session.add(self.member)
            session.commit()
        self.client = self.browser()

    def browser(self) -> Any:
        client = self.app.test_client()
        with client.session_transaction() as session:
            session.update(_user_id=self.user.get_id(), _fresh=True, organization_id=self.org)
        return client

    def begin(
        self,
        *steps: dict[str, Any],
        name: str = "Orders",
        run: bool = True,
        data: Any = None,
        flow: dict[str, Any] | None = None,
        **more: Any,
    ) -> str:
        """A workflow of these steps, `flow` being what else is in its definition, and an execution of it."""
        workflow_id = self.publish({"name": name, "steps": list(steps), **(flow or {})})
        execution_id = self.started(workflow_id, data or {"a": 7}, **more).id
        if run:
            self.run(execution_id)
        return execution_id

    def run(self, execution_id: str, publish: Any = None) -> None:
        support.make_runner(self.engine, publish or tasks.runtime().bus.publish).run(execution_id, self.org)

    def html(self, path: str, status: int = 200, **options: Any) -> str:
        answer = self.client.get(path, **options)
        assert answer.status_code == status, answer.text
        return answer.text

    def post(self, path: str, **form: str) -> Any:
        token = re.search(r'name="csrf_token" value="([^"]+)"', self.html("/executions"))
        return self.client.post(path, data={"csrf_token": token[1], **form})

    def audited(self) -> list[str]:
        with self.session() as session:
            return [entry.action for entry in session.query(AuditEntry).order_by(AuditEntry.id)]


@pytest.fixture
def place(app: Any) -> Place:
    return Place(app)


def listed(html: str) -> list[str]:
    return re.findall(r'<td class="main"><a href="/executions/([0-9a-f-]{36})"', html)


def test_an_execution_is_found_by_its_customer_s_address_and_says_whom_it_is_about(place: Place) -> None:
    order = {"a": 1, "customer": {"name": "Ann <Lee>", "email": "ann@example.com"}, "order_number": "A-1001"}
    wanted = place.begin(LOG, data=order)
    place.begin(LOG, data={**order, "customer": {"email": "bob@example.com"}, "order_number": "A-1002"})
    html = place.html("/executions?q=ANN@example.com")
    assert listed(html) == [wanted]
    assert "Ann &lt;Lee&gt; · ann@example.com" in html
    assert listed(place.html("/executions?q=A-1001")) == [wanted]
    assert len(listed(place.html("/executions?q=example.com&status=completed"))) == 2
    assert "No execution matches" in place.html("/executions?q=eve@example.com")


def test_the_list_is_filtered_and_paged(place: Place) -> None:
    first = place.begin(LOG, name="First")
    second = place.begin(WAIT, name="Second", trigger_type="webhook")
    many = [place.begin(LOG, name="Many", run=False) for _ in range(25)]
    html = place.html("/executions")
    assert listed(html) == many[::-1]
    following = re.search(r'rel="next" href="([^"]+)"', html)
    assert listed(place.html(following[1].replace("&amp;", "&"))) == [second, first]
    assert listed(place.html("/executions?status=waiting")) == [second]
    assert listed(place.html("/executions?trigger=webhook")) == [second]
    assert listed(place.html(f"/executions?workflow={place.get(first).workflow_id}")) == [first]
    assert listed(place.html(f"/executions?q={first}")) == [first]
    assert listed(place.html(f"/executions?q={first.replace('-', '').upper()}")) == [first]
    today = utcnow().date()
    assert (
        len(listed(place.html(f"/executions?since={today - timedelta(days=1)}&until={today + timedelta(days=1)}")))
        == 25
    )
    assert "No execution matches" in place.html(f"/executions?until={today - timedelta(days=2)}")


def test_an_execution_has_an_address_under_its_workflow_too(place: Place) -> None:
    execution_id, other = place.begin(LOG), place.begin(LOG, name="Other")
    path = f"/workflows/{place.get(execution_id).workflow_id}/executions"
    answer = place.client.get(f"{path}/{execution_id}")
    assert (answer.status_code, answer.location) == (303, f"/executions/{execution_id}")
    assert place.client.get(f"{path}/{other}").status_code == 404


@pytest.mark.parametrize("query", ["status=x", "since=never", "until=9999-12-31", "cursor=broken", "workflow=x"])
def test_filters_without_sense_are_left_out(place: Place, query: str) -> None:
    execution_id = place.begin(LOG)
    assert listed(place.html(f"/executions?{query}")) == [execution_id]


def test_searching_for_what_is_no_id_finds_nothing(place: Place) -> None:
    place.begin(LOG)
    for text in ("zzz", "%", "a" * 60):
        assert "No execution matches" in place.html("/executions", query_string={"q": text})


def test_an_empty_list_says_what_to_do(place: Place) -> None:
    assert "Nothing has run yet" in place.html("/executions")


def test_the_page_tells_what_happened_and_why(place: Place) -> None:
    execution_id = place.begin(LOG, CHECK)
    html = place.html(f"/executions/{execution_id}")
    for text in (
        "Note it",
        "Is it large?",
        "Got 7",
        "<code>input.a</code>",
        "actual value: 7",
        "Run again",
        "Completed",
    ):
        assert text in html, text
    assert 'http-equiv="refresh"' not in html
    assert f'data-live="/ws/automation/execution/{execution_id}/" data-after="{place.get(execution_id).seq}"' in html
    assert 'data-level="error"' in place.html(f"/executions/{execution_id}?level=error")
    assert "/cancel" not in html


def test_parts_are_fetched_alone(place: Place) -> None:
    execution_id = place.begin(LOG)
    for part, text in {"state": "Completed", "actions": "Run again", "live": "Note it", "data": "context"}.items():
        html = place.html(f"/executions/{execution_id}?part={part}", headers=FRAGMENT)
        assert "<html" not in html and f'id="{part}"' in html, part
        assert text in html or part == "data"
        assert "<html" in place.html(f"/executions/{execution_id}?part={part}")


def test_a_running_page_works_without_script(place: Place) -> None:
    execution_id = place.begin(LOG, run=False)
    html = place.html(f"/executions/{execution_id}")
    assert '<noscript><meta http-equiv="refresh" content="3"></noscript>' in html
    assert "Queued. It starts" in html


def test_waiting_says_until_when_in_the_readers_zone(place: Place) -> None:
    execution_id = place.begin(WAIT)
    with place.session() as session:
        session.query(Timer).one().due_at = utcnow().replace(year=2030, month=1, day=2, hour=11, minute=30, second=0)
        session.commit()
    html = place.html(f"/executions/{execution_id}").replace("\u202f", " ")
    assert "Waiting until Jan 2, 2030, 12:30:00 PM." in html
    assert "Waiting until Jan 2, 2030, 12:30:00 PM." in html


def test_a_time_in_a_line_is_the_readers_too(place: Place) -> None:
    execution_id = place.begin(WAIT)
    with place.session() as session:
        line = session.query(LogLine).filter(LogLine.message.like("Waiting until%")).one()
        line.message = "Waiting <b>until 2030-07-02 22:30:00 UTC. Not 2030-13-99 22:30:00 UTC"
        session.commit()
    html = place.html(f"/executions/{execution_id}").replace("\u202f", " ")
    shown = '<time datetime="2030-07-02T22:30:00+00:00" title="2030-07-02 22:30:00 UTC">Jul 3, 2030, 12:30:00 AM</time>'
    assert f"Waiting &lt;b&gt;until {shown}. Not 2030-13-99 22:30:00 UTC" in html


def test_the_contact_that_it_is_about_is_named(place: Place) -> None:
    with place.session() as session:
        ann = Contact(email="ann@example.test", first_name="Ann", last_name="<Other>")
        bob = Contact(email="bob@example.test")
        session.add_all([ann, bob])
        session.commit()
        ids = ann.id, bob.id
    about = dict(zip(ids, (place.begin(LOG, contact_id=key, entity=("contact", key)) for key in ids), strict=True))
    assert "<dt>Contact</dt><dd>Ann &lt;Other&gt; · ann@example.test</dd>" in place.html(f"/executions/{about[ids[0]]}")
    html = place.html(f"/executions/{about[ids[1]]}")
    assert "<dt>Contact</dt><dd>bob@example.test</dd>" in html
    assert f"contact {ids[1]}" not in html
    with place.session() as session:
        session.delete(session.get_one(Contact, ids[1]))
        session.commit()
    assert "<dt>Contact</dt><dd>It has since been deleted.</dd>" in place.html(f"/executions/{about[ids[1]]}")
    assert "<dt>Contact</dt>" not in place.html(f"/executions/{place.begin(LOG)}")


def test_what_has_not_started_says_since_when_it_waits(place: Place) -> None:
    html = place.html(f"/executions/{place.begin(LOG, run=False)}")
    assert "<dt>Waiting since</dt>" in html and "<dt>Started</dt>" not in html
    execution_id = place.begin(LOG, run=False)
    assert place.post(f"/executions/{execution_id}/cancel").status_code == 303
    html = place.html(f"/executions/{execution_id}")
    assert "<dt>Created</dt>" in html and "<dt>Started</dt>" not in html
    assert "<dt>Started</dt>" in place.html(f"/executions/{place.begin(LOG)}")


def test_rows_become_cards_on_a_phone_with_the_names_of_their_columns(place: Place) -> None:
    place.begin(LOG)
    html = place.html("/executions")
    assert 'class="table data-table stacked"' in html
    assert re.findall(r'<td [^>]*data-label="([^"]+)"', html) == ["Status", "Started by", "Started", "Duration"]


def test_secrets_are_masked_and_large_values_cut(place: Place) -> None:
    execution_id = place.begin(LOG, data={"a": 7, "password": "hunter22", "blob": "x" * 70_000})
    html = place.html(f"/executions/{execution_id}")
    assert "hunter22" not in html
    assert len(html) < 60_000
    assert f"/executions/{execution_id}/input_data.json" in html
    answer = place.client.get(f"/executions/{execution_id}/input_data.json")
    assert answer.mimetype == "application/json"
    assert "attachment" in answer.headers["Content-Disposition"]
    assert json.loads(answer.text) == {"a": 7, "password": "••••••", "blob": "x" * 70_000}
    assert json.loads(place.html(f"/executions/{execution_id}/steps/1/output.json"))["message"] == "Got 7"
    for wrong in ("state.json", "steps/1/token.json", "steps/99/input.json", f"steps/{2**40}/input.json"):
        place.html(f"/executions/{execution_id}/{wrong}", 404)


def test_long_executions_are_shown_in_pieces(place: Place) -> None:
    steps = [{**LOG, "step_id": f"s{n}", "name": f"Step {n} of many"} for n in range(230)]
    html = place.html(f"/executions/{place.begin(*steps)}")
    assert html.count('class="step-run ') == 200
    earlier = re.search(r'href="([^"]+before=\d+)"', html)
    html = place.html(earlier[1])
    assert html.count('class="step-run ') == 30
    assert "Step 0 of many" in html and "Newest steps" in html


def test_failed_says_what_to_do_next(place: Place) -> None:
    execution_id = place.begin({**LOG, "params": {"message": "{{input.b}}"}})
    html = place.html(f"/executions/{execution_id}")
    assert "Fix its settings or the data" in html
    assert re.search(r'<details class="step-details" id="[^"]+" open>', html)


def test_cancel_and_run_again(place: Place) -> None:
    execution_id = place.begin(WAIT)
    path = f"/executions/{execution_id}"
    assert place.post(f"{path}/cancel").status_code == 303
    assert place.get(execution_id).status == "cancelled"
    assert place.post(f"{path}/cancel").status_code == 303
    assert "had already ended" in place.html(path)
    again = place.post(f"{path}/run-again")
    new = place.get(again.location.rsplit("/", 1)[1])
    assert (new.retry_of_id, new.input_data, new.status, new.started_by) == (
        execution_id,
        {"a": 7},
        "pending",
        place.user.id,
    )
    assert "Run again from an earlier execution" in place.html(again.location)
    assert f'href="/executions/{new.id}"' in place.html(path)
    assert place.audited() == ["execution.cancelled", "execution.run_again"]


@pytest.mark.parametrize("decision", ["resend", "done"])
def test_deciding_on_what_is_uncertain(place: Place, decision: str) -> None:
    execution_id = place.begin(WAIT)
    with place.session() as session:
        execution, run = session.get_one(Execution, execution_id), session.query(StepRun).one()
        run.status = "uncertain"
        state = execution.state
        token = {"step": "pause", "status": "uncertain", "attempt": 1, "iteration": 0}
        execution.state = {**state, "tokens": {run.token: token}}
        session.query(Timer).delete()
        session.commit()
    path = f"/executions/{execution_id}"
    assert "Treat as done" in place.html(path)
    assert place.post(f"{path}/steps/1/decide", decision="maybe").status_code == 422
    assert place.post(f"{path}/steps/9/decide", decision="done").status_code == 404
    assert place.post(f"{path}/steps/1/decide", decision=decision).status_code == 303
    assert place.get(execution_id).status == "pending"
    assert place.post(f"{path}/steps/1/decide", decision=decision).status_code == 303
    assert "decided this in the meantime" in place.html(path)
    place.run(execution_id)
    assert place.get(execution_id).status == ("completed" if decision == "done" else "waiting")


def test_viewers_only_look(app: Any) -> None:
    place = Place(app, role="viewer")
    execution_id = place.begin(WAIT)
    html = place.html(f"/executions/{execution_id}")
    assert "Run again" not in html and "/cancel" not in html
    assert place.client.post(f"/executions/{execution_id}/cancel").status_code == 403
    assert place.get(execution_id).status == "waiting"


def test_of_another_organization_nothing_is_there(place: Place, app: Any) -> None:
    execution_id = place.begin(WAIT)
    with system_session(place.engine) as session:
        other = Organization(name="Theirs")
        session.add(other)
        session.flush()
        session.get_one(Member, place.member.id).organization_id = other.id
        session.commit()
        place.org = other.id
    place.client = place.browser()
    for path in ("", "/input_data.json", "/steps/1/input.json"):
        place.html(f"/executions/{execution_id}{path}", 404)
    for path in ("/cancel", "/run-again", "/steps/1/decide"):
        assert place.post(f"/executions/{execution_id}{path}").status_code == 404


def test_repetitions_are_found_by_their_index(place: Place) -> None:
    """Of a million executions, too. PostgreSQL reads small tables whole, so SQLite's plan is looked at."""
    execution_id = place.begin(LOG, run=False)
    with place.session() as session:
        execution = session.get_one(Execution, execution_id)
        asked: list[tuple[str, Any]] = []

        def note(_c: Any, _cursor: Any, statement: str, values: Any, *_more: Any) -> None:
            asked.append((statement, values))

        event.listen(place.engine, "before_cursor_execute", note)
        assert history.repetitions(session, execution) == []
        event.remove(place.engine, "before_cursor_execute", note)
        if session.get_bind().dialect.name == "sqlite":
            statement, values = asked[0]
            plan = session.connection().exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", values).all()
            assert "ix_executions_retry_of_id" in plan[0][3]
