"""What a workflow can be made of, as JSON."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from flask import Blueprint, Response, jsonify
from flask_babel import gettext as _

from flowapp.api import schemas
from flowapp.api.routes import route
from flowapp.catalog import ACTIONS, CONNECTORS, N_, TRIGGERS, ActionSpec, ConnectorSpec, TriggerSpec, actions_of
from flowapp.engine.language import definition
from flowapp.security.roles import Role
from flowapp.web.access import access, public

bp = Blueprint("catalog_api", __name__)
TAG = N_("Catalog")


@route(bp, "/catalog/", "GET", tag=TAG, summary=N_("List actions, triggers and connectors"), answer=schemas.CatalogOut)
@access(Role.VIEWER)
def catalog() -> Response:
    """Triggers, actions and connectors, each with the JSON Schema of its parameters."""
    return jsonify(
        {
            "triggers": [{**_shown(t), "group": t.group, "aliases": t.aliases} for t in _sorted(TRIGGERS)],
            "actions": [_action(a) for a in _sorted(ACTIONS)],
            "connectors": [_connector(c) for c in _sorted(CONNECTORS)],
        }
    )


def _sorted(specs: Mapping[str, object]) -> list[Any]:
    return [specs[name] for name in sorted(specs)]


def _shown(spec: ActionSpec | TriggerSpec | ConnectorSpec, params: Any = None) -> dict[str, Any]:
    return {
        "type": spec.type,
        "label": _(spec.label),
        "description": _(spec.description) if spec.description else "",
        "icon": spec.icon,
        "schema": (params or spec.params).model_json_schema(),  # type: ignore[union-attr]
    }


def _action(spec: ActionSpec) -> dict[str, Any]:
    return {
        **_shown(spec),
        "group": spec.group,
        "aliases": spec.aliases,
        "effect": spec.effect,
        "branches": spec.branches,
        "result": dict(spec.result),
    }


def _connector(spec: ConnectorSpec) -> dict[str, Any]:
    return {
        **_shown(spec, spec.config),
        "group": "",
        "aliases": spec.providers,
        "actions": sorted(actions_of(spec)),
        "default_action": spec.default_action,
    }


@route(bp, "/catalog/schema/", "GET", tag=TAG, summary=N_("Get the JSON Schema of workflow definitions"))
@public("the shape of a definition is documentation")
def definition_schema() -> Response:
    """The canonical form (JSON Schema 2020-12)."""
    return jsonify(definition.json_schema())
