"""What is set, and whether it works."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import asdict
from typing import Any
from urllib.parse import urlsplit

import click
import redis
from flask import current_app
from flask.cli import with_appcontext
from sqlalchemy import select, text
from sqlalchemy.exc import SQLAlchemyError

from flowapp import tasks
from flowapp.accounts import installation, members
from flowapp.broker import queue_length
from flowapp.cli import checks, meanings
from flowapp.cli.words import tell
from flowapp.config import Settings
from flowapp.connectors.email import SmtpMail
from flowapp.errors import FlowError
from flowapp.extensions import db
from flowapp.integrations import service as integrations
from flowapp.models import Integration
from flowapp.models.tenancy import system_session
from flowapp.security import installation_keys


@click.command("doctor")
@with_appcontext
def doctor() -> None:
    """Says what is set and whether it works. Ends with 1 where something does not."""
    settings: Settings = current_app.extensions["settings"]
    tell("Settings")
    for name, value in asdict(settings).items():
        tell(f"  {name:20} {_masked(name, value)}")
    tell("Checks")
    sound = True
    for name, check in _CHECKS:
        try:
            mark, message = "ok", check(settings)
        except (FlowError, SQLAlchemyError, redis.RedisError, OSError) as error:
            sound, mark = False, "WRONG"
            message = error.message if isinstance(error, FlowError) else _without_passwords(str(error).splitlines()[0])
        tell(f"  {mark:6} {name:14} {message}")
    if not sound:
        raise click.exceptions.Exit(1)


def _masked(name: str, value: Any) -> str:
    if name in ("secret_key", "admin_password") and value:
        return "(set)"
    if name == "encryption_keys":
        return f"({len(value)} set)"
    if name == "sentry_dsn" and value:
        return f"(set, {urlsplit(value).hostname})"
    return _without_passwords(", ".join(value) if isinstance(value, tuple) else str(value))


def _without_passwords(text_: str) -> str:
    return re.sub(r"(://[^:/@\s]*):[^@/\s]*@", r"\1:•••@", text_)


def _check_database(settings: Settings) -> str:
    with db.engine.connect() as connection:
        connection.execute(text("SELECT 1"))
    return "SQLite, for one machine" if settings.is_sqlite else "PostgreSQL"


def _check_redis(_settings: Settings) -> str:
    runtime = tasks.runtime()
    runtime.redis.ping()
    return f"answers, {queue_length(runtime.broker)} executions wait in the queue"


def _check_keys(settings: Settings) -> str:
    needed, vault, count = installation_keys.check(db.engine, settings.encryption_keys), tasks.runtime().vault, 0
    with system_session(db.engine) as system:
        for row in system.scalars(select(Integration)):
            integrations.opened(vault, row)
            count += 1
    return f"open the credentials of {count} integrations; stored secrets need {', '.join(needed)}"


def _check_mail(settings: Settings) -> str:
    if not settings.smtp_url:
        return "no server: the mail catcher keeps what is sent"
    SmtpMail(settings.smtp_url, settings.mail_from).check()
    return "the server answers"


def _check_address(settings: Settings) -> str:
    if known := installation.address(db.engine, settings):
        return f"links in e-mails lead to {known}"
    return f"not known, links in e-mails lead to http://127.0.0.1:{settings.port}: see Settings, Installation"


def _check_people(settings: Settings) -> str:
    if members.has_users(db.engine):
        return "there is an owner"
    if settings.admin_email and settings.admin_password:
        members.make_user(name="owner", email=settings.admin_email, password=settings.admin_password)
        return f"{settings.admin_email} is made at the first visit"
    return "nobody yet: the first visit asks"


_CHECKS: tuple[tuple[str, Callable[[Settings], str]], ...] = (
    ("database", _check_database),
    ("migrations", checks.schema),
    ("paused", checks.paused),
    ("redis", _check_redis),
    ("web", checks.web),
    ("workers", checks.workers),
    ("schedulers", checks.schedulers),
    ("releases", checks.releases),
    ("work", checks.work),
    ("connections", checks.connections),
    ("clocks", checks.clocks),
    ("keys", _check_keys),
    ("same keys", checks.same_keys),
    ("mail", _check_mail),
    ("address", _check_address),
    ("people", _check_people),
    ("values", meanings.values),
)

COMMANDS = (doctor,)
