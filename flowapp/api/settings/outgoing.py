"""Outgoing connections: which private hosts and networks the organization's calls may reach."""

from __future__ import annotations

from flask import Blueprint, Response, g, jsonify

from flowapp import tasks
from flowapp.accounts.outgoing import allowed_of, set_allowed
from flowapp.api.bodies import read_model
from flowapp.api.routes import route
from flowapp.api.settings import schemas
from flowapp.catalog import N_
from flowapp.extensions import db
from flowapp.models import Organization
from flowapp.security.roles import Role
from flowapp.web.access import access

bp = Blueprint("outgoing_api", __name__)
TAG = N_("Integrations")


@route(
    bp, "/outgoing-connections/", "GET", tag=TAG, summary=N_("Get what outgoing connections may reach"),
    answer=schemas.OutgoingOut,
)  # fmt: skip
@access(Role.ADMIN)
def get_outgoing() -> Response:
    """Besides public addresses; `may_allow`: whether the installation lets the organization change it."""
    return _answer(allowed_of(g.organization))


@route(
    bp, "/outgoing-connections/", "PUT", "PATCH", tag=TAG, summary=N_("Change what outgoing connections may reach"),
    body=schemas.OutgoingIn, answer=schemas.OutgoingOut,
)  # fmt: skip
@access(Role.ADMIN)
def put_outgoing() -> Response:
    """In place of what was allowed before."""
    outgoing = tasks.runtime().outgoing
    body = read_model(schemas.OutgoingIn)
    outgoing.refuse_setting(g.organization.id)
    organization = db.session.get_one(Organization, g.organization.id)
    after = set_allowed(db.session(), organization, body.allow, g.actor.audit)
    db.session.commit()
    outgoing.forget()
    return _answer(after)


def _answer(allow: list[str]) -> Response:
    return jsonify({"allow": allow, "may_allow": tasks.runtime().outgoing.is_settable(g.organization.id)})
