"""The log and the steps of executions as files."""

from __future__ import annotations

import csv
import io
import json
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import Engine

from flowapp.executions import exports
from flowapp.extensions import db
from flowapp.models import LogLine, StepRun, Version, Workflow, new_id, utcnow
from flowapp.models.tenancy import system_session
from tests.api.crm.people import Place, make_place
from tests.support.history import write_history

pytestmark = pytest.mark.both_databases

NOW = utcnow()


@pytest.fixture
def engine(app: Any) -> Engine:
    with app.app_context():
        return db.engine


@pytest.fixture
def place(app: Any) -> Place:
    with app.app_context():
        return make_place()


def version_of(engine: Engine, place: Place) -> Version:
    own = {"organization_id": place.id}
    with system_session(engine) as session:
        workflow = Workflow(**own, project_id=place.project_id, name="W", draft={})
        session.add(workflow)
        session.flush()
        version = Version(**own, workflow_id=workflow.id, number=1, definition={}, fingerprint="f")
        session.add(version)
        session.commit()
        return version


def get(app: Any, place: Place, path: str, status: int = 200) -> Any:
    answer = app.test_client().get(f"/api/v1/automation/{path}", headers=place.headers("viewer"))
    assert answer.status_code == status, answer.text
    return answer


def test_an_execution_as_json_jsonl_and_csv(
    app: Any, engine: Engine, place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(exports, "AT_ONCE", 2)
    (execution_id,) = write_history(engine, version_of(engine, place), NOW, 1)
    path = f"executions/{execution_id}/logs/export/"
    answer = get(app, place, path)
    found = answer.get_json()
    assert answer.headers["Content-Disposition"] == f'attachment; filename="{execution_id}.json"'
    assert (found["id"], found["status"]) == (execution_id, "completed")
    assert [step["seq"] for step in found["steps"]] == [1, 2]
    assert [line["seq"] for line in found["logs"]] == [3, 4, 5]
    assert found["steps"][0]["output"] == {"text": "x" * 200}
    answer = get(app, place, f"{path}?export_format=JSONL")
    lines = [json.loads(line) for line in answer.text.splitlines()]
    assert [line["type"] for line in lines] == ["execution", "step", "step", "log", "log", "log"]
    answer = get(app, place, f"{path}?export_format=csv")
    rows = list(csv.DictReader(io.StringIO(answer.text.removeprefix("\ufeff"))))
    assert [(row["type"], row["seq"]) for row in rows] == [
        ("step", "1"),
        ("step", "2"),
        ("log", "3"),
        ("log", "4"),
        ("log", "5"),
    ]
    assert rows[2]["message"].startswith("It went well")


def test_no_cell_of_a_csv_is_a_formula(app: Any, engine: Engine, place: Place) -> None:
    (execution_id,) = write_history(engine, version_of(engine, place), NOW, 1, attempts=1, lines=1)
    with system_session(engine) as session:
        session.query(LogLine).update({"message": '=HYPERLINK("http://evil.example")'})
        session.query(StepRun).update({"step_name": "@SUM(A1)", "error_message": "-1+1"})
        session.commit()
    answer = get(app, place, f"executions/{execution_id}/logs/export/?export_format=csv")
    rows = list(csv.reader(io.StringIO(answer.text.removeprefix("\ufeff"))))
    assert not [cell for row in rows[1:] for cell in row if cell.startswith(("=", "@", "-", "+"))]
    assert any("'=HYPERLINK" in cell for cell in rows[2])


def test_a_workflows_executions_by_time(app: Any, engine: Engine, place: Place) -> None:
    version = version_of(engine, place)
    old = write_history(engine, version, NOW - timedelta(days=3), 1)
    new = write_history(engine, version, NOW, 1)
    write_history(engine, version_of(engine, place), NOW, 1)
    path = f"workflows/{version.workflow_id}/logs/export/"

    def ids(query: str) -> list[str]:
        return [found["id"] for found in get(app, place, f"{path}?{query}").get_json()["executions"]]

    middle = (NOW - timedelta(days=1)).strftime("%Y-%m-%dT%H:%M:%SZ")
    assert ids("") == old + new
    assert ids(f"since={middle}") == new
    assert ids(f"until={middle}") == old
    assert ids("since=0001-01-01&until=9999-12-31") == old + new
    assert get(app, place, f"{path}?since={middle}&export_format=jsonl").text.count("\n") == 6
    assert (
        get(app, place, f"workflows/{version_of(engine, place).workflow_id}/logs/export/").get_json()["executions"]
        == []
    )


def test_what_cannot_be_exported(app: Any, engine: Engine, place: Place) -> None:
    with app.app_context():
        theirs = make_place("Theirs")
    version = version_of(engine, theirs)
    (execution_id,) = write_history(engine, version, NOW, 1)
    for path in (
        f"executions/{execution_id}",
        f"workflows/{version.workflow_id}",
        f"executions/{new_id()}",
        "workflows/x",
    ):
        get(app, place, f"{path}/logs/export/", 404)
    assert get(app, theirs, f"executions/{execution_id}/logs/export/?export_format=xml", 422).get_json()
    assert get(app, theirs, f"workflows/{version.workflow_id}/logs/export/?since=soon", 422).get_json()
