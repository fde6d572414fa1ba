"""/healthz is about the process, /readyz about the installation: with its parts, and 503 where one of them is not well."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text

from flowapp import create_app, tasks
from flowapp.broker import connect
from flowapp.config import Settings
from flowapp.extensions import db
from tests.support.fleet import beat, whole_fleet


def ready(app: Any) -> tuple[int, dict[str, str]]:
    answer = app.test_client().get("/readyz")
    assert answer.json["status"] == ("ok" if answer.status_code == 200 else "unavailable")
    return answer.status_code, answer.json["checks"]


@pytest.mark.parametrize("path", ["/healthz", "/readyz", "/healthz/"])
def test_all_is_well(app: Any, path: str) -> None:
    whole_fleet()
    answer = app.test_client().get(path)
    assert (answer.status_code, answer.json["status"]) == (200, "ok"), answer.json


def test_every_part_is_named(app: Any) -> None:
    whole_fleet()
    parts = ("database", "redis", "migrations", "workers", "schedulers")
    assert ready(app) == (200, dict.fromkeys(parts, "ok"))


def test_not_ready_without_the_broker(app: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    whole_fleet()
    monkeypatch.setattr(tasks.runtime(), "redis", connect("unix:///nowhere/valkey.sock"))
    status, checks = ready(app)
    assert (status, checks["redis"]) == (503, "failing")
    assert app.test_client().get("/healthz").status_code == 200


@pytest.mark.parametrize(
    ("kind", "how", "why"),
    [
        ("worker", None, "no worker runs"),
        ("worker", {"silent": 60.0}, "no worker has been heard of lately"),
        ("worker", {"still": 90.0}, "no worker makes progress"),
        ("scheduler", None, "no scheduler runs"),
        ("scheduler", {"silent": 60.0}, "no scheduler has been heard of lately"),
        ("scheduler", {"still": 90.0}, "no scheduler makes progress"),
    ],
)
def test_not_ready_without_a_process_that_works(app: Any, kind: str, how: dict[str, float] | None, why: str) -> None:
    beat("scheduler" if kind == "worker" else "worker")
    if how is not None:
        beat(kind, **how)
    status, checks = ready(app)
    assert (status, checks[f"{kind}s"]) == (503, why)
    assert app.test_client().get("/healthz").status_code == 200, "this process is well"
    beat(kind)  # of any host
    assert ready(app)[0] == 200


def test_a_newer_schema_is_served(app: Any) -> None:
    whole_fleet()
    at(app, "9001")
    assert ready(app) == (200, {**dict.fromkeys(("database", "redis", "workers", "schedulers"), "ok"), "migrations": "newer schema, still served"})  # fmt: skip


@pytest.mark.parametrize(
    ("revision", "why"),
    [("0006", "older schema, migrations have to run"), ("x1", "a schema that this release does not know")],
)
def test_another_schema_is_not(app: Any, revision: str, why: str) -> None:
    whole_fleet()
    at(app, revision)
    status, checks = ready(app)
    assert (status, checks["migrations"]) == (503, why)


def at(app: Any, revision: str) -> None:
    with app.app_context(), db.engine.begin() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = :at"), {"at": revision})


def test_a_database_that_is_away_is_said_and_nothing_else_guessed(settings: Settings, tmp_path: Path) -> None:
    import dataclasses

    away = dataclasses.replace(settings, database_url=f"sqlite:///{tmp_path}/no/folder.db")
    app = create_app(away)
    status, checks = ready(app)
    assert status == 503
    assert checks["database"] == "failing"
    assert checks["workers"] == "not known without the database"
    with app.app_context():
        db.engine.dispose()
