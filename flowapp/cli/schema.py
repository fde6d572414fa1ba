"""The database's schema: `flask --app wsgi db upgrade` runs the migrations that the launcher runs at its start."""

from __future__ import annotations

import os
import subprocess
import sys

import click
from flask import current_app
from flask.cli import with_appcontext
from sqlalchemy.exc import OperationalError

from flowapp import ROOT
from flowapp.cli.words import tell
from flowapp.config import Settings
from flowapp.extensions import db
from flowapp.models import migrations


def migrate(settings: Settings, revision: str = "head") -> str:
    """Brings the database to a migration; what was said meanwhile. ClickException where it fails."""
    environ = os.environ | {"DATABASE_URL": settings.database_url, "FLOWAPP_DATA_DIR": str(settings.data_dir)}
    argv = [sys.executable, "-m", "alembic", "-c", "migrations/alembic.ini", "upgrade", revision]
    done = subprocess.run(argv, cwd=ROOT, env=environ, capture_output=True, text=True, check=False)  # noqa: S603 - ours
    if done.returncode:
        lines = [line for line in done.stderr.strip().splitlines() if not line.startswith("(Background on")]
        raise click.ClickException(f"The schema could not be migrated: {lines[-1] if lines else done.returncode}")
    return done.stdout.strip()


@click.group("db")
def database() -> None:
    """The database's schema."""


@database.command("upgrade")
@with_appcontext
def upgrade() -> None:
    """Brings the database to the schema of this release. It is safe to repeat, and while other hosts run."""
    settings: Settings = current_app.extensions["settings"]
    try:
        db.engine.connect().close()
    except OperationalError as error:
        reason = str(error.orig).splitlines()[0]
        raise click.ClickException(f"The database cannot be reached: {reason}. Check DATABASE_URL.") from None
    db.engine.dispose()
    said = migrate(settings)
    with db.engine.connect() as connection:
        at = migrations.current(connection)
    tell(*said.splitlines(), f"The database is at {at}; this release needs {migrations.newest()}.")


COMMANDS = (database,)
