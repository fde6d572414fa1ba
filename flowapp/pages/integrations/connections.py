"""Integrations: what is connected and how much it is used, what can be connected, and one connection with its form."""

from __future__ import annotations

from collections.abc import Mapping

from flask import Blueprint, Response, flash, g, request
from flask_babel import gettext as _
from sqlalchemy import select

from flowapp import tasks
from flowapp.catalog import CONNECTORS, N_
from flowapp.errors import NotFoundError
from flowapp.events import Cause, audit
from flowapp.extensions import db
from flowapp.integrations import changes, service
from flowapp.integrations.credentials import expiry
from flowapp.integrations.oauth import grants
from flowapp.integrations.usage import calls_of, usage_json
from flowapp.models import Integration
from flowapp.records.lock import lock
from flowapp.security.roles import Role
from flowapp.tasks.services import access_tokens
from flowapp.web.access import access
from flowapp.web.connectors import found_connectors, used_categories
from flowapp.web.edits import deleted_elsewhere
from flowapp.web.integration_form import IntegrationForm
from flowapp.web.nav import Nav
from flowapp.web.render import go, page
from flowapp.web.texts import translated
from flowapp.workflows.uses import by_workflow, uses, with_published

bp = Blueprint("integrations", __name__)
BASE = "/integrations"
NAV = Nav(38, N_("Integrations"), "plug", "integrations.index", BASE, role=Role.EDITOR)


bp.app_template_global("expiry_of")(expiry)


@bp.get(BASE)
@access(Role.EDITOR)
def index() -> Response:
    """What is connected."""
    rows = db.session.scalars(select(Integration).order_by(Integration.name)).all()
    calls = calls_of(db.session(), [row.id for row in rows])
    return page("integrations/index.html", rows=rows, connectors=CONNECTORS, calls=calls)


@bp.get(f"{BASE}/new")
@access(Role.EDITOR)
def choose() -> Response:
    """What can be connected; a search finds names, descriptions and what the services do."""
    q, category = request.args.get("q", "").strip()[:200], request.args.get("category", "")
    groups = found_connectors(q, category)
    return page(
        "integrations/catalogue.html", block="list", groups=groups, q=q, category=category, categories=used_categories()
    )


@bp.route(f"{BASE}/new/<integration_type>", methods=["GET", "POST"])
@access(Role.ADMIN)
def new(integration_type: str) -> Response:
    """Connects a service."""
    row = Integration(integration_type=integration_type, name=_(service.connector(integration_type).label))
    form = IntegrationForm(row, request.form if request.method == "POST" else None)
    if request.method == "GET" or not form.save():
        return _form_page(form)
    return _saved(row, "integration.created")


@bp.get(f"{BASE}/<uuid:integration_id>")
@access(Role.EDITOR)
def edit(integration_id: object) -> Response:
    """A connection: how it does, where it is used; for administrators its form."""
    return _form_page(IntegrationForm(service.get(db.session(), str(integration_id))))


@bp.post(f"{BASE}/<uuid:integration_id>")
@access(Role.ADMIN)
def save(integration_id: object) -> Response:
    """Changes a connection."""
    try:
        row = service.get(db.session(), str(integration_id))
        lock(db.session(), row)
    except NotFoundError:
        if request.form.get("_type") not in CONNECTORS:
            raise
        return _typed_again(request.form["_type"])
    form = IntegrationForm(row, request.form)
    if not form.save():
        return _form_page(form)
    form.edit.tell()
    return _saved(row, "integration.updated")


def _typed_again(integration_type: str) -> Response:
    """The form of a new connection with what was typed for one that is gone."""
    form = IntegrationForm(Integration(integration_type=integration_type), request.form)
    form.form_errors.append(deleted_elsewhere())
    return _form_page(form)


@bp.post(f"{BASE}/<uuid:integration_id>/test")
@access(Role.EDITOR)
def test(integration_id: object) -> Response:
    """Asks the service for a sign of life."""
    runtime = tasks.runtime()
    row = service.get(db.session(), str(integration_id))
    runtime.pause.refuse()
    http = runtime.outgoing.http(row.organization_id)
    answer = service.try_out(runtime.vault, row, http, access_tokens(runtime, http, row.organization_id).get)
    _note("integration.tested", row, {"success": answer["success"]})
    flash(translated(answer["message"]), "success" if answer["success"] else "danger")
    return go("integrations.edit", integration_id=row.id)


@bp.post(f"{BASE}/<uuid:integration_id>/delete")
@access(Role.ADMIN)
def delete(integration_id: object) -> Response:
    """Removes a connection with its credentials."""
    row = service.get(db.session(), str(integration_id))
    changes.delete(db.session(), row, Cause(g.actor.user.id))
    _note("integration.deleted", row)
    flash(_("“%(name)s” was deleted.", name=row.name), "success")
    return go("integrations.index")


@bp.get("/settings/integrations")
@access(Role.EDITOR)
def moved() -> Response:
    """Where integrations were before."""
    return go("integrations.index")


def _form_page(form: IntegrationForm) -> Response:
    status = 422 if form.errors or form.edit.questions else 200
    if status == 422:
        db.session.rollback()  # nobody waits for the lock of a save that did not come about
    about: dict[str, object] = {}
    if form.row.id:
        found = uses(with_published(db.session()), form.row)
        about = {"usage": usage_json(db.session(), form.row), "uses": by_workflow(found)}
    return page("integrations/show.html", block="form", form=form, status=status, **about)


def _saved(row: Integration, action: str) -> Response:
    _note(action, row)
    waits = grants.asks_person(row) and not row.oauth_tokens
    text = _("Saved. Now sign in at the service.") if waits else _("Saved. Test the connection to make sure it works.")
    flash(text, "success")
    return go("integrations.edit", integration_id=row.id)


def _note(action: str, row: Integration, details: Mapping[str, object] | None = None) -> None:
    audit(
        db.session(), action, actor=g.actor.audit, target=("integration", row.id, row.name), details=details,
    )  # fmt: skip
    db.session.commit()
