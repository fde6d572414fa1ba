"""Whether this process lives, and whether the installation is ready to serve."""

from __future__ import annotations

from collections.abc import Callable

import redis
from flask import Blueprint, Response, jsonify
from sqlalchemy import text
from sqlalchemy.exc import SQLAlchemyError

from flowapp import tasks
from flowapp.api.routes import JSON, route
from flowapp.api.schemas import HealthOut
from flowapp.catalog import N_
from flowapp.extensions import db, limiter
from flowapp.logs import get_logger
from flowapp.models import migrations
from flowapp.tasks.fleet import health
from flowapp.web.access import public

log = get_logger(__name__)
bp = Blueprint("health", __name__)
TAG = N_("Health")
DOWN = ((503, JSON),)
NO_SIGN_IN = "load balancers and process supervisors carry no token"
OK = "ok"
NEWER = "newer schema, still served"
_FINE = (OK, NEWER)


@route(bp, "/healthz", "GET", tag=TAG, summary=N_("Liveness check"), answer=HealthOut, root=True, others=DOWN)
@limiter.exempt
@public(NO_SIGN_IN)
def healthz() -> tuple[Response, int]:
    """The process answers, and so does its database; else 503."""
    return _answer({"database": _database()})


@route(bp, "/readyz", "GET", tag=TAG, summary=N_("Readiness check"), answer=HealthOut, root=True, others=DOWN)
@limiter.exempt
@public(NO_SIGN_IN)
def readyz() -> tuple[Response, int]:
    """Database, broker, the schema, and that on some host a worker and a scheduler make progress; else 503."""
    checks = {"database": _database(), "redis": _redis()}
    if checks["database"] == OK:
        return _answer(checks | {"migrations": _asked("the schema", _migrations)} | _processes())
    return _answer(checks | dict.fromkeys(("migrations", "workers", "schedulers"), "not known without the database"))


def _answer(checks: dict[str, str]) -> tuple[Response, int]:
    fine = all(word in _FINE for word in checks.values())
    return jsonify({"status": "ok" if fine else "unavailable", "checks": checks}), 200 if fine else 503


def _asked(what: str, ask: Callable[[], str]) -> str:
    try:
        return ask()
    except SQLAlchemyError as error:
        log.warning("the database does not respond", what=what, error=str(error))
        return "failing"


def _database() -> str:
    def ask() -> str:
        with db.engine.connect() as connection:
            connection.execute(text("SELECT 1"))
        return OK

    return _asked("whether it is there", ask)


def _redis() -> str:
    try:
        return OK if tasks.runtime().redis.ping() else "failing"
    except redis.RedisError as error:
        log.warning("broker does not respond", error=str(error))
        return "failing"


def _migrations() -> str:
    with db.engine.connect() as connection:
        state = migrations.state(connection)
    return {
        "current": OK,
        "newer": NEWER,
        "older": "older schema, migrations have to run",
        "empty": "no schema, migrations have to run",
        "foreign": "a schema that this release does not know",
    }[state]


def _processes() -> dict[str, str]:
    """`workers` and `schedulers`: ok where one of any host works, else why none does."""
    try:
        processes = health.processes(db.engine, tasks.runtime().settings)
    except SQLAlchemyError as error:
        log.warning("the database does not respond", what="which processes run", error=str(error))
        return {"workers": "failing", "schedulers": "failing"}
    return {f"{kind}s": health.trouble(kind, processes) or OK for kind in ("worker", "scheduler")}
