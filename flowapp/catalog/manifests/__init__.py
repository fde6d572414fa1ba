"""Connectors as manifests: their shape, how they are read, and what they are compiled to. Reads nothing but their files."""

from flowapp.catalog.manifests.compile import Runner, action_specs, actions_of_manifest, connector_spec, result_of
from flowapp.catalog.manifests.manifest import (
    Action,
    ActionField,
    Auth,
    Call,
    ErrorRule,
    Limit,
    Manifest,
    ManifestTrigger,
    OptionsOf,
    Paging,
)
from flowapp.catalog.manifests.models import ConnectorParams
from flowapp.catalog.manifests.reading import ManifestError, read
from flowapp.catalog.manifests.triggers import trigger_specs
from flowapp.catalog.manifests.words import placeholders

__all__ = [
    "Action",
    "ActionField",
    "Auth",
    "Call",
    "ConnectorParams",
    "ErrorRule",
    "Limit",
    "Manifest",
    "ManifestError",
    "ManifestTrigger",
    "OptionsOf",
    "Paging",
    "Runner",
    "action_specs",
    "actions_of_manifest",
    "connector_spec",
    "placeholders",
    "read",
    "result_of",
    "trigger_specs",
]
