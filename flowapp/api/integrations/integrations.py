"""Integrations: what can be connected, connect, list, read, change, delete."""

from __future__ import annotations

from collections.abc import Mapping

from flask import Blueprint, Response, g, jsonify
from flask_babel import gettext as _
from sqlalchemy import select

from flowapp import tasks
from flowapp.api.bodies import list_of, read_model, read_query
from flowapp.api.integrations import schemas
from flowapp.api.routes import route
from flowapp.catalog import CONNECTORS, N_, actions_of
from flowapp.events import Cause, audit
from flowapp.extensions import db
from flowapp.integrations import changes, service
from flowapp.integrations.reading import field_names, integration_json
from flowapp.integrations.usage import calls_of
from flowapp.models import Integration
from flowapp.records.paging import paginate
from flowapp.security.roles import Role
from flowapp.web.access import access

bp = Blueprint("integrations_api", __name__)
TAG = N_("Integrations")
ONE = "/integrations/<integration_id>/"


@route(
    bp, "/integrations/available/", "GET", tag=TAG, summary=N_("List what can be connected"), answer=schemas.AvailableListOut,
)  # fmt: skip
@access(Role.VIEWER)
def available_integrations() -> Response:
    """Every type, with the fields that it asks for."""
    specs = sorted(CONNECTORS.values(), key=lambda spec: spec.type)
    shown = [
        {
            "type": spec.type,
            "name": _(spec.label),
            "description": _(spec.description) if spec.description else "",
            "icon": spec.icon,
            "config_fields": field_names(spec.config),
            "credential_fields": field_names(spec.credentials),
            "actions": sorted(actions_of(spec)),
        }
        for spec in specs
    ]
    return jsonify({"integrations": shown})


@route(
    bp, "/integrations/configure/", "POST", tag=TAG, summary=N_("Connect a service"), body=schemas.IntegrationIn,
    answer=schemas.IntegrationOut, status=201,
)  # fmt: skip
@access(Role.ADMIN)
def configure_integration() -> tuple[Response, int]:
    """The credentials are stored encrypted and never shown again."""
    return _connected()


@route(
    bp, "/integrations/", "POST", tag=TAG, summary=N_("Create an integration"), body=schemas.IntegrationIn,
    answer=schemas.IntegrationOut, status=201,
)  # fmt: skip
@access(Role.ADMIN)
def create_integration() -> tuple[Response, int]:
    """The same as /integrations/configure/."""
    return _connected()


def _connected() -> tuple[Response, int]:
    body = read_model(schemas.IntegrationIn)
    row = Integration(integration_type=service.known_type(body.integration_type))
    return _saved(row, body.model_dump(exclude_unset=True), "created"), 201


@route(
    bp, "/integrations/", "GET", tag=TAG, summary=N_("List integrations"), query=schemas.IntegrationQuery,
    answer=schemas.IntegrationsOut,
)  # fmt: skip
@access(Role.EDITOR)
def list_integrations() -> Response:
    """All of the organization."""
    statement, query, key = select(Integration), read_query(schemas.IntegrationQuery), Integration.id
    if query.integration_type:
        statement = statement.where(Integration.integration_type == query.integration_type.lower())
    if query.search:
        statement = statement.where(Integration.name.icontains(query.search, autoescape=True))
    page = paginate(db.session(), statement, query.at, key=key, id_column=key, descending=False)
    calls = calls_of(db.session(), [row.id for row in page.rows])
    return jsonify(list_of(page, [integration_json(row, calls.get(row.id, 0)) for row in page.rows]))


@route(bp, ONE, "GET", tag=TAG, summary=N_("Get an integration"), answer=schemas.IntegrationOut)
@access(Role.EDITOR)
def get_integration(integration_id: str) -> Response:
    """Without its credentials."""
    return _shown(service.get(db.session(), integration_id))


@route(
    bp, ONE, "PATCH", "PUT", tag=TAG, summary=N_("Update an integration"), body=schemas.IntegrationChangeIn,
    answer=schemas.IntegrationOut,
)  # fmt: skip
@access(Role.ADMIN)
def update_integration(integration_id: str) -> Response:
    """What is named is changed. Where its address changes, its credentials have to be given again."""
    row = service.get(db.session(), integration_id)
    return _saved(row, read_model(schemas.IntegrationChangeIn).model_dump(exclude_unset=True), "updated")


@route(bp, ONE, "DELETE", tag=TAG, summary=N_("Delete an integration"), status=204)
@access(Role.ADMIN)
def delete_integration(integration_id: str) -> tuple[str, int]:
    """With its credentials. Steps that use it fail from then on."""
    row = service.get(db.session(), integration_id)
    changes.delete(db.session(), row, Cause(g.actor.user.id))
    _note("deleted", row)
    db.session.commit()
    return "", 204


def _saved(row: Integration, data: Mapping[str, object], verb: str) -> Response:
    changes.apply(db.session(), tasks.runtime().vault, row, data, Cause(g.actor.user.id))
    _note(verb, row)
    answer = _shown(row)
    db.session.commit()
    return answer


def _shown(row: Integration) -> Response:
    return jsonify(integration_json(row, calls_of(db.session(), [row.id]).get(row.id, 0)))


def _note(verb: str, row: Integration) -> None:
    audit(db.session(), f"integration.{verb}", actor=g.actor.audit, target=("integration", row.id, row.name))
