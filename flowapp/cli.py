"""Commands: `flask --app wsgi <command>`."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import asdict
from typing import Any
from urllib.parse import urlsplit

import click
import redis
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from flask import Flask, current_app
from flask.cli import with_appcontext
from sqlalchemy import select, text
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session

from flowapp import tasks
from flowapp.broker import queue_length
from flowapp.config import Settings
from flowapp.connectors.smtp import SmtpMail
from flowapp.engine.definition import Definition
from flowapp.errors import FlowError, InvalidError
from flowapp.events import audit
from flowapp.extensions import db, migrate
from flowapp.models import Integration, Lease, Member, Organization, Trigger, User, Version, Workflow, utcnow
from flowapp.models.tenancy import system_session, tenant_session
from flowapp.security.credentials import Vault
from flowapp.security.roles import Role
from flowapp.studio import accounts, demo

ROLES = [role.label for role in Role]
_ACTOR = (None, "command line")


def init_app(app: Flask) -> None:
    """Installs the commands."""
    for command in (create_superuser, create_token, seed_demo, doctor, rotate_keys):
        app.cli.add_command(command)


class _Told(click.ClickException):
    """A FlowError in the words of the command line."""

    def __init__(self, error: FlowError) -> None:
        super().__init__(
            "\n".join(f"{p.path}: {p.message}" for p in error.problems) if isinstance(error, InvalidError) else error.message
        )  # fmt: skip


@click.command("create-superuser")
@click.option("--email", prompt="E-mail", help="Where the account exists already, it gets the password and the role.")
@click.option("--name", default="", help="Default: the part of the e-mail before the @.")
@click.option("--password", prompt=True, hide_input=True, confirmation_prompt=True)
@click.option("--organization", default="", help="Name of the organization, where there is none yet.")
@with_appcontext
def create_superuser(email: str, name: str, password: str, organization: str) -> None:
    """Makes an owner; on a new installation the organization too."""
    try:
        user, is_new = accounts.add_owner(
            db.engine, name=name or email.partition("@")[0], email=email, password=password, organization=organization
        )
    except FlowError as error:
        raise _Told(error) from None
    click.echo(f"{user.email} was made." if is_new else f"{user.email} has a new password and is an owner.")


@click.command("create-token")
@click.option("--email", required=True, help="Whose token it is.")
@click.option("--role", type=click.Choice(ROLES, case_sensitive=False), help="Default: the member's own role.")
@click.option("--name", default="Command line", help="How it is listed.")
@with_appcontext
def create_token(email: str, role: str | None, name: str) -> None:
    """Makes an API token; it stands alone on the last line."""
    try:
        accounts.ensure_admin(db.engine, current_app.extensions["settings"])
    except FlowError as error:
        raise _Told(error) from None
    with system_session(db.engine) as system:
        query = select(Member).join(User, User.id == Member.user_id).where(User.email == email.strip().lower())
        member = system.scalars(query.order_by(Member.id).limit(1)).first()
    if member is None:
        raise click.ClickException(f"There is no member with the e-mail “{email}”.")
    own = Role.read(member.role)
    with tenant_session(db.engine, member.organization_id) as session:
        try:
            row, token = accounts.create_token(session, member.user_id, name, Role.read(role) if role else own, by=own)
        except FlowError as error:
            raise _Told(error) from None
        audit(session, "token.created", actor=_ACTOR, target=("token", row.id, row.name))
        session.commit()
    click.echo(token)


@click.command("seed-demo")
@with_appcontext
def seed_demo() -> None:
    """Adds the template and the example (form, data table, schema, workflow) to each organization that lacks them."""
    with system_session(db.engine) as system:
        owners = select(Member).where(Member.role == Role.OWNER.label).order_by(Member.id.desc())
        places = {m.organization_id: m.user_id for m in system.scalars(owners)}
    if not places:
        raise click.ClickException("There is no organization yet: run create-superuser first.")
    for organization_id, user_id in places.items():
        with tenant_session(db.engine, organization_id) as session:
            organization = session.get_one(Organization, organization_id)
            demo.seed_template(session, user_id)
            workflow = demo.seed_demo(session, organization, user_id)
            session.commit()
            click.echo(f"{organization.name}: “{workflow.name}” is ready.")


# -- rotate-keys ---------------------------------------------------------------------------------------------------


@click.command("rotate-keys")
@with_appcontext
def rotate_keys() -> None:
    """Encrypts every stored secret again, with the first of FLOWAPP_ENCRYPTION_KEYS. Then older keys can go."""
    vault = tasks.runtime().vault
    try:
        with system_session(db.engine) as system:
            count = _rotate_integrations(system, vault) + _rotate_definitions(system, vault)
            system.commit()
    except ValueError as error:  # cryptography's InvalidToken has no message of its own
        raise click.ClickException(str(error)) from None
    click.echo(f"{count} secrets are encrypted with the newest key.")


def _rotated(vault: Vault, token: bytes, where: str) -> bytes:
    from cryptography.fernet import InvalidToken

    try:
        return vault.rotate(token)
    except InvalidToken:
        raise ValueError(f"{where} was encrypted with a key that is not in FLOWAPP_ENCRYPTION_KEYS. Nothing was changed.") from None  # fmt: skip


def _rotate_integrations(system: Session, vault: Vault) -> int:
    rows = [row for row in system.scalars(select(Integration)) if row.credentials]
    for row in rows:
        row.credentials = _rotated(vault, row.credentials, f"The integration “{row.name}”")
    return len(rows)


def _rotate_definitions(system: Session, vault: Vault) -> int:
    """Drafts, versions and triggers. The same sealed text stays the same everywhere, so that a draft still equals
    its version; their fingerprints follow."""
    fresh: dict[str, str] = {}

    def turn(value: Any, where: str) -> Any:
        if isinstance(value, dict) and set(value) == {"$secret"}:
            old = value["$secret"]
            if old not in fresh:
                fresh[old] = _rotated(vault, old.encode(), where).decode()
            return {"$secret": fresh[old]}
        if isinstance(value, dict):
            return {key: turn(item, where) for key, item in value.items()}
        return [turn(item, where) for item in value] if isinstance(value, list) else value

    for workflow in system.scalars(select(Workflow)):
        workflow.draft, workflow.draft_fingerprint = _changed(
            workflow.draft, workflow.draft_fingerprint, turn(workflow.draft, f"The workflow “{workflow.name}”")
        )
    for version in system.scalars(select(Version)):
        version.definition, version.fingerprint = _changed(
            version.definition, version.fingerprint, turn(version.definition, f"A version of {version.workflow_id}")
        )
    for trigger in system.scalars(select(Trigger)):
        trigger.config = turn(trigger.config, f"A trigger of {trigger.workflow_id}")
    return len(fresh)


def _changed(before: dict[str, Any], fingerprint: str, after: dict[str, Any]) -> tuple[dict[str, Any], str]:
    if after == before:
        return before, fingerprint
    return after, Definition.model_validate(after).fingerprint()


# -- doctor --------------------------------------------------------------------------------------------------------


@click.command("doctor")
@with_appcontext
def doctor() -> None:
    """Says what is set and whether it works. Ends with 1 where something does not."""
    settings: Settings = current_app.extensions["settings"]
    click.echo("Settings")
    for name, value in asdict(settings).items():
        click.echo(f"  {name:20} {_masked(name, value)}")
    click.echo("Checks")
    sound = True
    for name, check in _CHECKS:
        try:
            mark, message = "ok", check(settings)
        except (FlowError, SQLAlchemyError, redis.RedisError, OSError) as error:
            sound, mark = False, "WRONG"
            message = error.message if isinstance(error, FlowError) else _without_passwords(str(error).splitlines()[0])
        click.echo(f"  {mark:6} {name:14} {message}")
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


def _check_migrations(_settings: Settings) -> str:
    head = ScriptDirectory(str(migrate.directory)).get_current_head()
    with db.engine.connect() as connection:
        current = MigrationContext.configure(connection).get_current_revision()
    if current != head:
        raise OSError(f"at {current or 'nothing'}, not at {head}: run “flask --app wsgi db upgrade”")
    return f"at {head}"


def _check_redis(_settings: Settings) -> str:
    runtime = tasks.runtime()
    runtime.redis.ping()
    return f"answers, {queue_length(runtime.broker)} executions wait in the queue"


def _check_scheduler(_settings: Settings) -> str:
    with system_session(db.engine) as system:
        lease = system.get(Lease, "scheduler")
    return f"{lease.owner} runs" if lease and lease.until > utcnow() else "none runs now"


def _check_keys(_settings: Settings) -> str:
    vault, count = tasks.runtime().vault, 0
    with system_session(db.engine) as system:
        for row in system.scalars(select(Integration)):
            vault.decrypt(row.credentials)
            count += 1
    return f"open the credentials of {count} integrations"


def _check_mail(settings: Settings) -> str:
    if not settings.smtp_url:
        return "no server: the mail catcher keeps what is sent"
    SmtpMail(settings.smtp_url, settings.mail_from).check()
    return "the server answers"


def _check_people(settings: Settings) -> str:
    if accounts.has_users(db.engine):
        return "there is an owner"
    if settings.admin_email and settings.admin_password:
        accounts.make_user(name="owner", email=settings.admin_email, password=settings.admin_password)
        return f"{settings.admin_email} is made at the first visit"
    return "nobody yet: the first visit asks"


_CHECKS: tuple[tuple[str, Callable[[Settings], str]], ...] = (
    ("database", _check_database),
    ("migrations", _check_migrations),
    ("redis", _check_redis),
    ("scheduler", _check_scheduler),
    ("keys", _check_keys),
    ("mail", _check_mail),
    ("people", _check_people),
)
