"""Each background job as a command."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from flowapp.models import Execution, Version, utcnow
from flowapp.models.tenancy import system_session
from flowapp.tasks import jobs
from tests.cli.test_commands import run
from tests.engine.place import Place, _actions, place, step
from tests.support.history import write_history

__all__ = ["_actions", "place"]


@pytest.mark.parametrize("name", sorted(jobs.load()))
@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_every_job_is_a_command_that_explains_itself(app: Any, name: str) -> None:
    output = run(app, name.replace("_", "-"), "--help")
    assert jobs.JOBS[name].description.split(",")[0][:40] in " ".join(output.split())


def test_a_periodic_job_prints_its_numbers(app: Any) -> None:
    found = json.loads(run(app, "cleanup-old-executions", "--days", "7"))
    assert found == {"executions": 0, "events": 0, "notifications": 0, "replays": 0, "files": 0}
    with app.app_context():
        assert jobs.last_runs()["cleanup_old_executions"].ok


def test_a_workflow_is_started_with_json(app: Any, place: Place) -> None:
    workflow_id = place.workflow([step("a")])
    words = ("execute-workflow-async", "--workflow-id", workflow_id)
    found = json.loads(run(app, *words, "--input-data", '{"n": 1}'))
    assert place.get(found["execution_id"]).input_data == {"n": 1}
    assert "This is not valid JSON" in run(app, *words, "--input-data", "{n: 1}", code=2)
    assert "Missing option" in run(app, "execute-workflow-async", code=2)


@pytest.mark.parametrize("typed", ["01a20000-0000-7000-8000-000000000000", "not-an-id"])
@pytest.mark.parametrize(
    ("command", "option"),
    [
        ("execute-workflow-async", "--workflow-id"),
        ("retry-failed-step", "--execution-id"),
        ("export-workflow-execution-logs", "--workflow-id"),
        ("run-replay", "--replay-id"),
    ],
)
def test_a_mistyped_id_is_a_usage_error_and_no_failed_job(
    app: Any, place: Place, command: str, option: str, typed: str
) -> None:
    name = command.replace("-", "_")
    for earlier in (False, True):
        if earlier:
            with app.app_context():
                jobs.record(name, utcnow(), 1.0, result={"done": 1})
        assert "Usage:" in run(app, command, option, typed, code=2)
        with app.app_context():
            last = jobs.last_runs().get(name)
        assert (last.ok, last.result) == (True, {"done": 1}) if earlier else last is None


@pytest.mark.parametrize("kind", ["json", "jsonl", "csv"])
def test_logs_are_exported_into_a_file(app: Any, place: Place, tmp_path: Path, kind: str) -> None:
    workflow_id = place.workflow([step("a")])
    with place.session() as session:
        version = session.query(Version).filter_by(workflow_id=workflow_id).one()
    write_history(place.engine, version, utcnow(), 3)
    with system_session(place.engine) as session:
        assert session.query(Execution).count() == 3
    words = ("export-workflow-execution-logs", "--workflow-id", workflow_id, "--export-format", kind)
    found = json.loads(run(app, *words, "--path", str(tmp_path / "out")))
    assert found == {"executions": 3, "attempts": 6, "lines": 9, "path": str(tmp_path / "out")}
    assert (tmp_path / "out").stat().st_mode & 0o777 == 0o600
    assert (tmp_path / "out").read_text(encoding="utf-8").count("It went well. It went well.") == 18
    path = json.loads(run(app, *words))["path"]
    assert Path(path).name == f"{workflow_id}.{kind}"
    assert "cannot be written" in run(app, *words, "--path", str(tmp_path / "no" / "out"), code=1)
    assert "Specify either" in run(app, "export-workflow-execution-logs", code=1)
    assert "Choose json" in run(app, *words[:3], "--export-format", "xml", code=1)
