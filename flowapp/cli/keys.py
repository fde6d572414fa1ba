"""Making the two keys of an installation, and changing those that encrypt."""

from __future__ import annotations

import secrets

import click
from flask import current_app
from flask.cli import with_appcontext

from flowapp import tasks
from flowapp.cli.words import tell
from flowapp.config import Settings
from flowapp.extensions import db
from flowapp.integrations import rotation as integrations
from flowapp.security import installation_keys
from flowapp.texts import one_line
from flowapp.workflows import rotation as workflows


@click.command("make-keys")
def make_keys() -> None:
    """Prints two settings with new keys. Give every host the same ones, and keep them: without them sessions and stored
    secrets are lost."""
    from cryptography.fernet import Fernet

    tell(f"FLOWAPP_SECRET_KEY={secrets.token_urlsafe(48)}")
    tell(f"FLOWAPP_ENCRYPTION_KEYS={Fernet.generate_key().decode()}")


@click.command("rotate-keys")
@click.option(
    "--accept-lost", is_flag=True, help="Leave secrets that no configured key opens: they must be entered again."
)
@with_appcontext
def rotate_keys(accept_lost: bool) -> None:
    """Encrypts every stored secret again, with new keys of the organizations and the first of FLOWAPP_ENCRYPTION_KEYS, while
    Flowapp goes on. Then older keys can go."""
    settings: Settings = current_app.extensions["settings"]
    engine, vault = db.engine, tasks.runtime().vault
    lost = integrations.lost(engine, vault) + workflows.lost(engine, vault)
    if lost and not accept_lost:
        names = "; ".join(lost)
        raise click.ClickException(one_line(
            f"{names}: encrypted with a key that is not in FLOWAPP_ENCRYPTION_KEYS. Nothing was changed. Add that key behind the "
            "others. If it is lost for good, --accept-lost leaves these secrets as they are, to be entered again."
        ))  # fmt: skip
    count = integrations.rotate(engine, vault) + workflows.rotate(engine, vault)
    installation_keys.need(engine, installation_keys.fingerprints(settings.encryption_keys[:1]))
    tell(f"{count} secrets are encrypted with the newest key.")
    if lost:
        tell(f"No key opens {len(lost)} of what was stored; enter those secrets again: {'; '.join(lost)}")


COMMANDS = (make_keys, rotate_keys)
