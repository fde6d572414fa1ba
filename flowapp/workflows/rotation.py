"""The secrets in workflows encrypted anew with the installation's newest key, while others read and save them.

One workflow is one transaction that holds its row, as whoever saves it does. The same sealed text stays the same in all of
it, so that a draft still equals its version; their fingerprints follow.
"""

from __future__ import annotations

from typing import cast

from cryptography.fernet import InvalidToken
from sqlalchemy import Engine, select
from sqlalchemy.orm import Session

from flowapp.engine.language.definition import Definition
from flowapp.errors import ConfigError, NotFoundError
from flowapp.exact_json import Json
from flowapp.models import Trigger, Version, Workflow
from flowapp.models.definitions import DefinitionJson
from flowapp.models.tenancy import system_session
from flowapp.records.lock import lock
from flowapp.security.credentials import Vault, is_sealed
from flowapp.texts import say


def lost(engine: Engine, vault: Vault) -> list[str]:
    """The workflows with secrets that no key opens: what to tell whoever asks for a rotation."""
    names: list[str] = []
    with system_session(engine) as system:
        for workflow in system.scalars(select(Workflow).order_by(Workflow.id).execution_options(yield_per=20)):
            try:
                for part in _parts(system, workflow):
                    vault.open(part)
            except ConfigError:
                names.append(say("The workflow “%(name)s”", name=workflow.name))
    return names


def rotate(engine: Engine, vault: Vault) -> int:
    """How many secrets are encrypted with the newest key now. What no key opens stays as it is."""
    with system_session(engine) as system:
        ids = list(system.scalars(select(Workflow.id)))
    return sum(_rotate(engine, vault, workflow_id) for workflow_id in ids)


def _rotate(engine: Engine, vault: Vault, workflow_id: str) -> int:
    fresh = _NewSecrets(vault)
    with system_session(engine) as system:
        workflow = system.get(Workflow, workflow_id)
        if workflow is None or not any(map(_has_secret, _parts(system, workflow))):
            return 0
        try:
            lock(system, workflow)
        except NotFoundError:
            return 0
        workflow.draft, workflow.draft_fingerprint = fresh.definition(workflow.draft, workflow.draft_fingerprint)
        if workflow.earlier_drafts:
            workflow.earlier_drafts = [cast(DefinitionJson, fresh.turned(draft)) for draft in workflow.earlier_drafts]
        for version in system.scalars(select(Version).where(Version.workflow_id == workflow_id)):
            version.definition, version.fingerprint = fresh.definition(version.definition, version.fingerprint)
        for trigger in system.scalars(select(Trigger).where(Trigger.workflow_id == workflow_id)):
            trigger.config = cast(Json, fresh.turned(trigger.config))
        system.commit()
    return len(fresh.made)


class _NewSecrets:
    """Sealed texts, and what each is sealed as now."""

    def __init__(self, vault: Vault) -> None:
        self._vault = vault
        self.made: dict[str, str] = {}

    def turned(self, value: object) -> object:
        """A copy with every sealed secret under the newest key."""
        if is_sealed(value):
            return {"$secret": self._sealed(str(value["$secret"]))}
        if isinstance(value, dict):
            return {key: self.turned(item) for key, item in value.items()}
        return [self.turned(item) for item in value] if isinstance(value, list) else value

    def definition(self, before: DefinitionJson, fingerprint: str) -> tuple[DefinitionJson, str]:
        """A definition, and its fingerprint."""
        after = cast(DefinitionJson, self.turned(before))
        return (before, fingerprint) if after == before else (after, Definition.model_validate(after).fingerprint())

    def _sealed(self, old: str) -> str:
        if old not in self.made:
            try:
                self.made[old] = self._vault.rotate(old.encode()).decode()
            except InvalidToken:
                return old
        return self.made[old]


def _parts(system: Session, workflow: Workflow) -> list[object]:
    """All of it that may hold secrets."""
    versions = system.scalars(select(Version.definition).where(Version.workflow_id == workflow.id))
    triggers = system.scalars(select(Trigger.config).where(Trigger.workflow_id == workflow.id))
    return [workflow.draft, workflow.earlier_drafts, *versions, *triggers]


def _has_secret(value: object) -> bool:
    if isinstance(value, dict):
        return is_sealed(value) or any(map(_has_secret, value.values()))
    return isinstance(value, list) and any(map(_has_secret, value))
