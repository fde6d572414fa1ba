"""What is done with an integration: test it, run one of its actions, see how much it is used."""

from __future__ import annotations

from flask import Blueprint, Response, g, jsonify

from flowapp import tasks
from flowapp.api.bodies import read_model, read_query
from flowapp.api.integrations import schemas
from flowapp.api.integrations.integrations import ONE, TAG
from flowapp.api.routes import route
from flowapp.catalog import N_
from flowapp.errors import StepError
from flowapp.events import audit
from flowapp.extensions import db
from flowapp.integrations import service
from flowapp.integrations.usage import usage_json
from flowapp.security.roles import Role
from flowapp.tasks.outgoing.options import find_options
from flowapp.tasks.services import access_tokens
from flowapp.web.access import access

bp = Blueprint("using_integrations_api", __name__)


@route(bp, f"{ONE}test/", "POST", tag=TAG, summary=N_("Test an integration"), answer=schemas.TestedOut)
@access(Role.EDITOR)
def test_integration(integration_id: str) -> Response:
    """Asks the service for a sign of life. 200 also where that fails."""
    current = tasks.runtime()
    row = service.get(db.session(), integration_id)
    current.pause.refuse()
    http = current.outgoing.http(row.organization_id)
    answer = service.try_out(current.vault, row, http, access_tokens(current, http, row.organization_id).get)
    target = ("integration", row.id, row.name)
    audit(
        db.session(), "integration.tested", actor=g.actor.audit, target=target, details={"success": answer["success"]}
    )
    db.session.commit()
    return jsonify(answer)


@route(
    bp, f"{ONE}execute/", "POST", tag=TAG, summary=N_("Run an action of an integration"), body=schemas.RunActionIn,
    answer=schemas.ExecutedOut,
)  # fmt: skip
@access(Role.EDITOR)
def execute_integration(integration_id: str) -> Response:
    """As a step of a workflow would, outside any. 200 also where the service refuses; 422 names what is wrong in `params`."""
    body = read_model(schemas.RunActionIn)
    row = service.get(db.session(), integration_id)
    target = ("integration", row.id, row.name)
    audit(db.session(), "integration.executed", actor=g.actor.audit, target=target, details={"action": body.action})
    reference = (g.organization.id, row.id, row.integration_type)
    db.session.commit()
    return jsonify(tasks.execute_action(*reference, body.action, body.params))


@route(
    bp, f"{ONE}options/", "POST", tag=TAG, summary=N_("List the choices of a field"), body=schemas.FindOptionsIn,
    answer=schemas.FieldOptionsOut,
)  # fmt: skip
@access(Role.EDITOR)
def integration_options(integration_id: str) -> Response:
    """What the service offers for a field: channels, spreadsheets. 200 also where the service refuses."""
    row = service.get(db.session(), integration_id)
    body = read_model(schemas.FindOptionsIn)
    step_type = (
        body.action if body.action.startswith(f"{row.integration_type}_") else f"{row.integration_type}_{body.action}"
    )
    reference = (g.organization.id, row.id, step_type, body.field, body.params, body.search)
    db.session.commit()  # nothing stays open while the service is asked
    try:
        found = find_options(*reference)
    except StepError as error:
        return jsonify({"success": False, "message": error.message, "options": [], "count": 0, "more": False})
    options = [{"value": one.value, "label": one.label} for one in found.choices]
    return jsonify({"success": True, "message": "", "options": options, "count": found.count, "more": found.more})


@route(
    bp, f"{ONE}usage/", "GET", tag=TAG, summary=N_("Get how much an integration is used"), query=schemas.UsageQuery,
    answer=schemas.UsageOut,
)  # fmt: skip
@access(Role.EDITOR)
def integration_usage(integration_id: str) -> Response:
    """Calls, errors and how long they took in the last days, today included."""
    row = service.get(db.session(), integration_id)
    return jsonify(usage_json(db.session(), row, read_query(schemas.UsageQuery).days))
