"""Every action of every manifest is called in a test; texts that several manifests have are French in one way."""

from __future__ import annotations

import ast
import json
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

import jsonschema
import pytest
import yaml

from flowapp.catalog import ACTIONS, load
from flowapp.catalog.manifests import Manifest
from flowapp.connectors.runner import MANIFESTS

load()
FILES = sorted(Path("flowapp/connectors").glob("*/connector.yaml"))
MOST = 15


def named() -> set[str]:
    """The texts in the tests of connectors that are step types: those that are called, also by parametrized tests."""
    trees = (ast.parse(path.read_text(encoding="utf-8")) for path in Path("tests/connectors").rglob("test_*.py"))
    constants = (node.value for tree in trees for node in ast.walk(tree) if isinstance(node, ast.Constant))
    return {value for value in constants if isinstance(value, str)}


def test_every_action_is_called_in_a_test() -> None:
    own = {f"{name}_{action.name}" for name, manifest in MANIFESTS.items() for action in manifest.actions}
    assert {"slack_send_message", "api_get"} <= own
    assert own - named() == set()


def test_every_trigger_is_polled_in_a_test() -> None:
    own = {f"{name}_{trigger.name}" for name, manifest in MANIFESTS.items() for trigger in manifest.triggers}
    assert "api_new_entry" in own
    assert own - named() == set()


def test_a_connector_has_few_actions() -> None:
    assert {name for name, manifest in MANIFESTS.items() if len(manifest.actions) > MOST} == set()


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.parent.name)
def test_a_manifest_fits_the_published_schema(path: Path) -> None:
    schema = json.loads(Path("docs/connector.schema.json").read_text(encoding="utf-8"))
    written = yaml.safe_load(path.read_text(encoding="utf-8"))
    if isinstance(written.get("auth"), dict):
        written["auth"] = [written["auth"]]
    jsonschema.validate(written, schema)
    assert Manifest.model_validate(written).type == path.parent.name


def texts(value: object) -> Iterator[tuple[str, str]]:
    if isinstance(value, dict):
        if value.keys() == {"en", "fr"}:
            yield str(value["en"]), str(value["fr"])
        for entry in value.values():
            yield from texts(entry)
    elif isinstance(value, list):
        for entry in value:
            yield from texts(entry)


def test_one_english_text_has_one_french() -> None:
    found = defaultdict(set)
    for path in FILES:
        for english, french in texts(yaml.safe_load(path.read_text(encoding="utf-8"))):
            found[english].add(french)
    assert {english: french for english, french in found.items() if len(french) > 1} == {}


def test_a_custom_call_comes_with_each() -> None:
    with_base = {f"{name}_custom_call" for name, one in MANIFESTS.items() if one.custom_call and one.base_url}
    assert with_base <= set(ACTIONS)
    assert "teams_custom_call" not in ACTIONS
