"""Pausing and resuming the whole installation."""

from __future__ import annotations

import click
from flask import current_app
from flask.cli import with_appcontext

from flowapp.cli.words import tell
from flowapp.extensions import db
from flowapp.models import installation


@click.command("pause")
@with_appcontext
def pause() -> None:
    """No schedule fires, no timer wakes, no execution runs, nothing is sent. What runs stops after its step."""
    with db.engine.begin() as connection:
        installation.pause(connection, "asked")
    tell("Paused. Pages and the API go on; what is accepted waits. “flask --app wsgi resume” ends it.")


@click.command("resume")
@with_appcontext
def resume() -> None:
    """Ends the pause, also that of a restored or copied installation, which then is at home here."""
    with db.engine.begin() as connection:
        was = installation.paused(connection)
        installation.resume(connection)
    if current_app.extensions["settings"].paused:
        raise click.ClickException("FLOWAPP_PAUSED is set. Remove it and restart Flowapp.")
    tell("Resumed." if was else "It was not paused.")


COMMANDS = (pause, resume)
