"""Whether this process lives, and whether the installation is ready to serve."""

from __future__ import annotations

import redis
from flask import Blueprint, Response, jsonify
from sqlalchemy import text
from sqlalchemy.exc import SQLAlchemyError

from flowapp import tasks
from flowapp.api.routes import route
from flowapp.api.schemas import HealthOut
from flowapp.catalog import N_
from flowapp.extensions import db, limiter
from flowapp.logs import get_logger
from flowapp.models import migrations
from flowapp.web.access import public

log = get_logger(__name__)
bp = Blueprint("health", __name__)
TAG = N_("Health")
WHY = "load balancers and process supervisors carry no token"


@route(bp, "/healthz", "GET", tag=TAG, summary=N_("Is this process alive?"), answer=HealthOut, root=True)
@limiter.exempt
@public(WHY)
def healthz() -> tuple[Response, int]:
    """The process answers, and so does its database; else 503."""
    return _answer({"database": _database()})


@route(bp, "/readyz", "GET", tag=TAG, summary=N_("Can this installation serve?"), answer=HealthOut, root=True)
@limiter.exempt
@public(WHY)
def readyz() -> tuple[Response, int]:
    """Database, broker, and the database's schema at the newest migration; else 503."""
    return _answer({"database": _database(), "redis": _redis(), "migrations": _migrations()})


def _answer(checks: dict[str, bool]) -> tuple[Response, int]:
    fine = all(checks.values())
    words = {name: "ok" if good else "failing" for name, good in checks.items()}
    return jsonify({"status": "ok" if fine else "unavailable", "checks": words}), 200 if fine else 503


def _database() -> bool:
    try:
        with db.engine.connect() as connection:
            connection.execute(text("SELECT 1"))
    except SQLAlchemyError as error:
        log.warning("database does not answer", error=str(error))
        return False
    return True


def _redis() -> bool:
    try:
        return bool(tasks.runtime().redis.ping())
    except redis.RedisError as error:
        log.warning("broker does not answer", error=str(error))
        return False


def _migrations() -> bool:
    try:
        with db.engine.connect() as connection:
            return migrations.current(connection) == migrations.newest()
    except SQLAlchemyError as error:
        log.warning("migrations cannot be read", error=str(error))
        return False
