"""Commands: `flask --app wsgi <command>`. A file of this room brings its own in COMMANDS: adding one touches nothing else."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Callable
from functools import wraps

import click
from flask import Flask
from sqlalchemy.exc import OperationalError, ProgrammingError

from flowapp.models import migrations


def init_app(app: Flask) -> None:
    """Installs the commands."""
    for info in pkgutil.iter_modules(__path__):
        for command in getattr(importlib.import_module(f"{__name__}.{info.name}"), "COMMANDS", ()):
            for one in command.commands.values() if isinstance(command, click.Group) else (command,):
                one.callback = _with_message(one.callback)
            app.cli.add_command(command)


def _with_message(callback: Callable[..., object] | None) -> Callable[..., object] | None:
    """A database that is not there, or not set up, is said in a sentence."""

    if callback is None:  # a group alone
        return None

    @wraps(callback)
    def run(*args: object, **kwargs: object) -> object:
        try:
            return callback(*args, **kwargs)
        except (OperationalError, ProgrammingError) as error:
            reason = str(error.orig).splitlines()[0]
            hint = f"To set it up, run “{migrations.command()}”."
            raise click.ClickException(f"The database cannot be used: {reason}. {hint}") from None

    return run
