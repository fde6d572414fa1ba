"""Backing up the whole installation, and restoring it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import click
from flask import current_app
from flask.cli import with_appcontext
from sqlalchemy import Engine

from flowapp.backup import dump, load
from flowapp.backup.file import Head, Tail, inspect
from flowapp.cli.schema import migrate
from flowapp.cli.words import RefusedError, tell
from flowapp.config import VERSION, Settings
from flowapp.errors import ConflictError, FlowError
from flowapp.models import migrations, utcnow
from flowapp.models.tenancy import make_engine, prepare_engine
from flowapp.security import installation_keys
from flowapp.security.installation_keys import fingerprint, fingerprints
from flowapp.texts import say


@click.command("backup")
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False))
@with_appcontext
def backup(file: Path) -> None:
    """Writes the whole installation, as it is now, to a new FILE, while Flowapp goes on.

    It holds everything but the keys: keep FLOWAPP_ENCRYPTION_KEYS and FLOWAPP_SECRET_KEY apart from it.
    """
    settings: Settings = current_app.extensions["settings"]
    try:
        with _engine(settings) as engine:
            head = _head(engine, settings)
            tail = dump.make(engine, file, head, settings.encryption_keys)
    except FlowError as error:
        raise RefusedError(error) from None
    tell(*_counts(tail), *_keys(head, tail), f"{file}: {sum(tail.rows.values())} rows, {file.stat().st_size} bytes.")


@click.command("restore")
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False))
@click.option("--replace", is_flag=True, help="Delete everything in the database first.")
@click.option(
    "--without-keys", is_flag=True, help="Restore even if the configured keys cannot decrypt the backup's secrets."
)
@with_appcontext
def restore(file: Path, replace: bool, without_keys: bool) -> None:
    """Reads a backup from FILE into the database that is set; stop Flowapp before. All of it, or nothing.

    The restored installation is paused: it would send again what was sent since the backup. “resume” ends the pause.
    """
    settings: Settings = current_app.extensions["settings"]
    try:
        head, tail = inspect(file)
        _check_keys(settings, tail, without_keys=without_keys)
        with _engine(settings) as engine:
            _prepare(engine, settings, head, replace=replace)
            load.load(engine, file, tail)
            installation_keys.need(engine, fingerprints(settings.encryption_keys))
    except FlowError as error:
        raise RefusedError(error) from None
    migrate(settings)
    tell(*_counts(tail), *_keys(head, tail), f"{sum(tail.rows.values())} rows were restored, as of {head.made_at}.")
    if head.secret_key != fingerprint(settings.secret_key):
        tell("FLOWAPP_SECRET_KEY is another one: everybody has to sign in again, and links in sent e-mails are void.")
    tell("It is paused: nothing runs and nothing is sent. “flask --app wsgi resume” ends the pause.")


@contextmanager
def _engine(settings: Settings) -> Iterator[Engine]:
    engine = make_engine(settings, "long")
    prepare_engine(engine, settings)
    try:
        yield engine
    finally:
        engine.dispose()


def _head(engine: Engine, settings: Settings) -> Head:
    with engine.connect() as connection:
        state, at = migrations.state(connection), migrations.current(connection)
    if state == "newer":
        raise ConflictError(say("The database is newer than this release. Back it up with the newer release."))
    if state != "current":
        raise ConflictError(
            say("The database schema is out of date: run “%(command)s” first.", command=migrations.command())
        )
    return Head(
        release=VERSION,
        schema=str(at),
        made_at=utcnow().isoformat(timespec="seconds"),
        database=engine.dialect.name,
        secret_key=fingerprint(settings.secret_key),
        encryption_keys=fingerprints(settings.encryption_keys),
    )


def _prepare(engine: Engine, settings: Settings, head: Head, *, replace: bool) -> None:
    """Gives an empty database the backup's schema; refuses one that has another, is in use, or not empty."""
    if not migrations.is_known(head.schema):
        text = say(
            "The backup was made by a newer release (%(release)s). Restore it with that release.", release=head.release
        )
        raise ConflictError(text)
    with engine.connect() as connection:
        at = migrations.current(connection)
    if at is None:
        engine.dispose()
        migrate(settings, head.schema)
    elif at != head.schema:
        raise ConflictError(
            say(
                "The database schema is %(at)s, the backup's is %(schema)s. Restore into a new, empty database; "
                "it is migrated afterwards.",
                at=at,
                schema=head.schema,
            )
        )
    load.refuse_where_in_use(engine, replace=replace)


def _check_keys(settings: Settings, tail: Tail, *, without_keys: bool) -> None:
    missing = set(tail.keys) - set(fingerprints(settings.encryption_keys))
    if missing and not without_keys:
        raise ConflictError(
            say(
                "The backup's secrets need the encryption keys with the fingerprints %(missing)s, which "
                "are not in FLOWAPP_ENCRYPTION_KEYS. Add them, or restore with --without-keys and enter "
                "every secret again.",
                missing=", ".join(sorted(missing)),
            )
        )


def _counts(tail: Tail) -> list[str]:
    return [f"  {name:24} {count:>9}" for name, count in tail.rows.items() if count]


def _keys(head: Head, tail: Tail) -> list[str]:
    """What has to be kept with the file, apart from it."""
    said = [f"FLOWAPP_SECRET_KEY: fingerprint {head.secret_key}"]
    said += [f"FLOWAPP_ENCRYPTION_KEYS: its secrets need fingerprint {key}" for key in tail.keys]
    if tail.unopened:
        said.append(f"{tail.unopened} stored secrets were encrypted with a key that was not set.")
    return said


COMMANDS = (backup, restore)
