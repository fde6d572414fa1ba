"""What the doctor says of the fleet: its processes, keys and clocks, the schema, and what waits too long."""

from __future__ import annotations

import dataclasses
import json
import re
from typing import Any

import pytest
from cryptography.fernet import Fernet
from sqlalchemy import text

from flowapp import tasks
from flowapp.config import VERSION, Settings
from flowapp.extensions import db
from flowapp.models import Version, Workflow
from flowapp.models.tenancy import system_session
from flowapp.security.installation_keys import fingerprint, fingerprints
from tests.api.conftest import Api
from tests.api.crm.people import install_fakes, make_place
from tests.support.applications import running
from tests.support.fleet import beat, whole_fleet


def doctor(app: Any) -> dict[str, str]:
    """Check to what was said of it."""
    result = app.test_cli_runner().invoke(args=["doctor"])
    said = result.output.partition("Checks\n")[2]
    found = {line[9:24].strip(): f"{line[2:8].strip()}: {line[24:]}" for line in said.splitlines()}
    assert result.exit_code == (1 if any(words.startswith("WRONG") for words in found.values()) else 0), said
    return found


def test_a_fleet_that_works(app: Any) -> None:
    whole_fleet()
    found = doctor(app)
    assert {name: words for name, words in found.items() if words.startswith("WRONG")} == {}
    assert re.fullmatch(r"ok: 1 work: \S+:\d+", found["workers"])
    assert re.fullmatch(r"ok: the same here and in 3 processes on 1 host", found["same keys"])


@pytest.mark.parametrize("kind", ["worker", "scheduler"])
def test_no_process_of_a_kind(app: Any, kind: str) -> None:
    beat("web")
    found = doctor(app)
    assert found[f"{kind}s"].startswith(f"WRONG: no {kind} runs: start “.venv/bin/python -m flowapp.{kind}”")
    assert found["web"].startswith("ok")


def test_a_stuck_process_is_named_though_another_one_works(app: Any) -> None:
    whole_fleet()
    beat("worker", still=90, host="tall", pid=77)
    assert re.search(r"WRONG: 1 work: \S+; 1 stuck: tall:77 for 90 s: restart what is stuck", doctor(app)["workers"])


def test_a_silent_process_is_named_and_no_reason_to_worry_while_another_one_works(app: Any) -> None:
    whole_fleet()
    beat("scheduler", silent=40, host="tall", pid=77)
    assert re.search(r"^ok: 1 work: \S+; 1 silent: tall:77 for 4\d s", doctor(app)["schedulers"])


def test_a_host_that_runs_no_web_process_may_be_meant_so(app: Any) -> None:
    beat("worker")
    beat("scheduler")
    assert doctor(app)["web"] == "ok: none runs now"


def test_hosts_with_different_session_keys(app: Any) -> None:
    whole_fleet()
    beat("web", host="tall", pid=77, secret_key=fingerprint("another one"))
    said = doctor(app)["same keys"]
    assert said.startswith("WRONG: ")
    assert "tall:77: FLOWAPP_SECRET_KEY is not the same" in said


def test_hosts_with_different_encryption_keys(app: Any, settings: Settings) -> None:
    whole_fleet()
    fresh = Fernet.generate_key().decode()
    beat("worker", host="tall", pid=77, encryption_keys=fingerprints([fresh]))
    assert "FLOWAPP_ENCRYPTION_KEYS are not the same" in doctor(app)["same keys"]
    assert settings.encryption_keys[0] not in doctor(app)["same keys"]


def test_a_host_that_knows_the_new_key_too_fits_once_all_do(settings: Settings) -> None:
    """While keys are rotated: all have both, though not in the same order."""
    fresh = Fernet.generate_key().decode()
    both = (fresh, *settings.encryption_keys)
    with running(dataclasses.replace(settings, encryption_keys=both)) as app:
        whole_fleet()
        beat("worker", encryption_keys=fingerprints(both[::-1]))
        assert doctor(app)["same keys"].startswith("ok")
        beat("worker", encryption_keys=fingerprints(both[1:]))
        assert doctor(app)["same keys"].startswith("WRONG")


def test_a_shell_with_other_keys_than_the_fleet(settings: Settings) -> None:
    with running(settings):
        whole_fleet()
    with running(dataclasses.replace(settings, secret_key="of this shell alone")) as app:
        assert "this command" in doctor(app)["same keys"]


@pytest.mark.parametrize(("ahead", "said"), [(30_000, "tall 30.0 s ahead of"), (-30_000, "tall 30.0 s behind")])
def test_a_clock_that_is_off(app: Any, ahead: int, said: str) -> None:
    whole_fleet()
    beat("worker", host="tall", clock_ahead_ms=ahead)
    assert doctor(app)["clocks"].startswith(f"WRONG: {said} the database's clock: set the clocks by NTP")


def test_a_newer_schema_is_served_and_no_command_is_recommended(app: Any) -> None:
    whole_fleet()
    at(app, "9001")
    said = doctor(app)["migrations"]
    assert said.startswith("ok: at 9001, newer than this release's ")
    assert "alembic" not in said


def test_an_older_schema_names_a_command_that_is_there(app: Any) -> None:
    whole_fleet()
    at(app, "0006")
    said = doctor(app)["migrations"]
    command = re.search(r"run “(\S+) -c migrations/alembic.ini upgrade head”", said)
    assert command is not None, said
    from flowapp import ROOT

    assert (ROOT / command[1]).exists()


def at(app: Any, revision: str) -> None:
    with app.app_context(), db.engine.begin() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = :at"), {"at": revision})


def test_connections_are_added_up(app: Any, settings: Settings) -> None:
    whole_fleet()
    said = doctor(app)["connections"]
    assert said.startswith("ok")
    if settings.is_sqlite:
        return
    web, worker = settings.db_pool, settings.threads + 4
    assert f"{web + worker + 4} at most of " in said
    for _ in range(200 // web):
        beat("web")
    assert "raise PostgreSQL's max_connections" in doctor(app)["connections"]


def test_a_paused_installation_is_said(app: Any) -> None:
    whole_fleet()
    assert doctor(app)["paused"] == "ok: no"
    app.test_cli_runner().invoke(args=["pause"])
    tasks.runtime().pause.forget()
    remedy = "someone paused it; “flask --app wsgi resume” ends the pause"
    assert doctor(app)["paused"] == f"WRONG: nothing runs and nothing is sent: {remedy}"


def test_two_releases_side_by_side_are_an_upgrade(app: Any) -> None:
    whole_fleet()
    assert doctor(app)["releases"] == f"ok: {VERSION} everywhere"
    beat("web", host="tall", pid=77, version="0.0.9")
    said = doctor(app)["releases"]
    assert said.startswith("ok: 0.0.9: tall:77; " + VERSION)
    assert said.endswith("(an upgrade is under way)")


def test_workflows_of_before_are_named(app: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    install_fakes(monkeypatch)
    with app.app_context():
        api = Api(app.test_client(), make_place())
    format_a_date = {"op": "date", "date": "format", "field": "day", "format": "dd/MM/yyyy"}
    steps = [{"step_id": "t", "action_type": "transform_data", "params": {"operations": [format_a_date]}}]
    body = {"steps": steps, "triggers": [{"trigger_type": "webhook", "config": {}}], "status": "active"}
    api.post("/workflows/", {"name": "New", **body}, 201)
    assert doctor(app)["values"] == "ok: all published workflows speak the present language"
    older = api.post("/workflows/", {"name": "Older", "language": 2, **body}, 201)
    assert doctor(app)["values"].startswith("ok: “Older” keep what they meant before")
    with app.app_context(), system_session(db.engine) as system:
        version = system.get_one(Version, system.get_one(Workflow, older["id"]).published_version_id)
        version.definition = json.loads(json.dumps(version.definition).replace("dd/MM/yyyy", "d de MMMM"))
        system.commit()
    assert doctor(app)["values"].startswith("WRONG: the date formats of “Older” mean nothing any more")
