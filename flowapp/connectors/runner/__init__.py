"""Reads the connectors' manifests, and runs what they declare. docs/connectors.md says how to write one."""

from __future__ import annotations

from pathlib import Path

from flowapp.catalog import ACTIONS, CONNECTORS, connector, trigger
from flowapp.catalog.manifests import Manifest, action_specs, connector_spec, read, trigger_specs
from flowapp.catalog.registry import add_action, reads
from flowapp.connectors.runner.run import ManifestRunner
from flowapp.connectors.runner.service import Service
from flowapp.connectors.runner.signing import FOLDERS

__all__ = ["MANIFESTS", "Service", "declare"]

MANIFESTS: dict[str, Manifest] = {}  # by type
_RUNNER = ManifestRunner()
_READ: dict[Path, str] = {}


@reads("connector.yaml")
def declare(path: Path, package: str) -> None:
    """Declares a connector with its actions and triggers; once for each file."""
    if _READ.get(path) in CONNECTORS:
        return
    manifest = read(path)
    _READ[path] = manifest.type
    MANIFESTS[manifest.type], FOLDERS[manifest.type] = manifest, package
    connector(connector_spec(manifest, _RUNNER, package))
    for spec in action_specs(manifest, _RUNNER, package):
        if spec.type not in ACTIONS or ACTIONS[spec.type].home == package:
            add_action(spec)
    for trigger_spec in trigger_specs(manifest, _RUNNER, package):
        trigger(trigger_spec)
