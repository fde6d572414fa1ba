"""Commands: `flask --app wsgi <command>`. A file of this room brings its own in COMMANDS: adding one touches nothing else."""

from __future__ import annotations

import importlib
import pkgutil

from flask import Flask


def init_app(app: Flask) -> None:
    """Installs the commands."""
    for info in pkgutil.iter_modules(__path__):
        for command in getattr(importlib.import_module(f"{__name__}.{info.name}"), "COMMANDS", ()):
            app.cli.add_command(command)
