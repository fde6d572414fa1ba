"""Making the two keys of an installation, and changing those that encrypt."""

from __future__ import annotations

import secrets
from typing import Any

import click
from flask.cli import with_appcontext
from sqlalchemy import select
from sqlalchemy.orm import Session

from flowapp import tasks
from flowapp.cli.words import tell
from flowapp.engine.language.definition import Definition
from flowapp.extensions import db
from flowapp.models import Integration, Trigger, Version, Workflow
from flowapp.models.definitions import DefinitionJson
from flowapp.models.tenancy import system_session
from flowapp.security.credentials import Vault


@click.command("make-keys")
def make_keys() -> None:
    """Prints two settings with new keys. Give every host the same ones, and keep them: without them sessions and stored
    secrets are lost."""
    from cryptography.fernet import Fernet

    tell(f"FLOWAPP_SECRET_KEY={secrets.token_urlsafe(48)}")
    tell(f"FLOWAPP_ENCRYPTION_KEYS={Fernet.generate_key().decode()}")


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
    tell(f"{count} secrets are encrypted with the newest key.")


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

    def turn(value: object, where: str) -> Any:
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


def _changed(before: DefinitionJson, fingerprint: str, after: DefinitionJson) -> tuple[DefinitionJson, str]:
    if after == before:
        return before, fingerprint
    return after, Definition.model_validate(after).fingerprint()


COMMANDS = (make_keys, rotate_keys)
