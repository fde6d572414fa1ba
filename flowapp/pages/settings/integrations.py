"""Integrations: connections to mail servers and web services; their forms are made of the connectors' models."""

from __future__ import annotations

from collections.abc import Mapping

import wtforms
from flask import Blueprint, Response, flash, g, request
from flask_babel import gettext as _
from sqlalchemy import select

from flowapp import tasks
from flowapp.catalog import CONNECTORS, N_, Params
from flowapp.errors import ConfigError, InvalidError
from flowapp.events import audit
from flowapp.extensions import db
from flowapp.integrations import service
from flowapp.models import Integration
from flowapp.security.roles import Role
from flowapp.tasks.services import http_service
from flowapp.web import forms
from flowapp.web.access import access
from flowapp.web.forms import ParamsForm, PlainForm
from flowapp.web.forms.field import Posted
from flowapp.web.forms.fields.stored import SecretField
from flowapp.web.nav import Nav
from flowapp.web.render import go, page
from flowapp.web.texts import translated

bp = Blueprint("integrations", __name__, url_prefix="/settings/integrations")
NAV = Nav(
    50, N_("Integrations"), "plug", "integrations.index", "/settings/integrations", role=Role.ADMIN, group="settings"
)


class IntegrationForm(wtforms.Form):  # type: ignore[misc]
    """Name, config and credentials; what is stored of the credentials goes in, but is never drawn."""

    name = wtforms.StringField()

    def __init__(self, row: Integration, posted: Posted | None = None) -> None:
        self.row, self.spec, self.unreadable = row, service.connector(row.integration_type), False
        try:
            secrets = service.opened(tasks.runtime().vault, row)
        except ConfigError:
            secrets, self.unreadable = {}, True

        def build(model: type[Params], stored: dict[str, object], prefix: str) -> ParamsForm:
            return forms.build(model, stored, posted, base=PlainForm, prefix=prefix, check=lambda _params: [])

        self.config = build(self.spec.config, row.config or {}, "config-")
        self.credentials = build(self.spec.credentials, secrets, "secret-")
        super().__init__(posted, data={"name": row.name or ""})

    def validate(self, extra_validators: object = None) -> bool:
        return all([super().validate(extra_validators), self.config.validate(), self.credentials.validate()])

    @property
    def errors(self) -> dict[str, list[str]]:
        return {**super().errors, **self.config.errors, **self.credentials.errors}

    def save(self) -> bool:
        """Whether what was posted could be stored; if not, its problems stand beside the fields."""
        if self.config.acted or self.credentials.acted or not self.validate():
            return False
        try:
            service.save(
                db.session(), tasks.runtime().vault, self.row,
                name=self.name.data, config=self.config.data, credentials=self.credentials.data,
                kept=[field.info.key for field in self.credentials if isinstance(field, SecretField) and field.is_kept],
            )  # fmt: skip
        except InvalidError as error:
            for problem in error.problems:
                self._place(problem.path.split("."), translated(problem.message))
            return False
        return True

    def _place(self, path: list[str], message: str) -> None:
        if path == ["name"]:
            self.name.errors = [message]
        else:
            part = self.config if path[0] == "config" else self.credentials
            part.show_at(path[1:], message)


def _form_page(form: IntegrationForm) -> Response:
    return page("settings/integration.html", block="form", form=form, status=422 if form.errors else 200)


@bp.get("")
@access(Role.ADMIN)
def index() -> Response:
    """What is connected."""
    rows = db.session.scalars(select(Integration).order_by(Integration.name)).all()
    return page("settings/integrations.html", rows=rows, connectors=CONNECTORS)


@bp.get("/new")
@access(Role.ADMIN)
def choose() -> Response:
    """What can be connected."""
    return page("settings/integration_types.html", connectors=sorted(CONNECTORS.values(), key=lambda spec: spec.label))


@bp.route("/new/<integration_type>", methods=["GET", "POST"])
@access(Role.ADMIN)
def new(integration_type: str) -> Response:
    """Connects a service."""
    row = Integration(integration_type=integration_type, name=_(service.connector(integration_type).label))
    form = IntegrationForm(row, request.form if request.method == "POST" else None)
    if request.method == "GET" or not form.save():
        return _form_page(form)
    return _saved(row, "integration.created")


@bp.route("/<uuid:integration_id>", methods=["GET", "POST"])
@access(Role.ADMIN)
def edit(integration_id: object) -> Response:
    """Changes a connection."""
    row = service.get(db.session(), str(integration_id))
    form = IntegrationForm(row, request.form if request.method == "POST" else None)
    if request.method == "GET" or not form.save():
        return _form_page(form)
    return _saved(row, "integration.updated")


@bp.post("/<uuid:integration_id>/test")
@access(Role.ADMIN)
def test(integration_id: object) -> Response:
    """Asks the service for a sign of life."""
    runtime = tasks.runtime()
    row = service.get(db.session(), str(integration_id))
    runtime.pause.refuse()
    answer = service.try_out(runtime.vault, row, http_service(runtime.settings.egress_allow))
    _note("integration.tested", row, {"success": answer["success"]})
    flash(translated(answer["message"]), "success" if answer["success"] else "danger")
    return go("integrations.edit", integration_id=row.id)


@bp.post("/<uuid:integration_id>/delete")
@access(Role.ADMIN)
def delete(integration_id: object) -> Response:
    """Removes a connection with its credentials."""
    row = service.get(db.session(), str(integration_id))
    service.tell(db.session(), row, "deleted")
    db.session.delete(row)
    _note("integration.deleted", row)
    flash(_("“%(name)s” was deleted.", name=row.name), "success")
    return go("integrations.index")


def _saved(row: Integration, action: str) -> Response:
    _note(action, row)
    flash(_("Saved. Test the connection to make sure it works."), "success")
    return go("integrations.edit", integration_id=row.id)


def _note(action: str, row: Integration, details: Mapping[str, object] | None = None) -> None:
    audit(
        db.session(), action, actor=g.actor.audit, target=("integration", row.id, row.name), details=details,
    )  # fmt: skip
    db.session.commit()
