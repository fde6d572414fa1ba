"""Integrations: connections to mail servers and web services; their forms are made of the connectors' models."""

from __future__ import annotations

from collections.abc import Mapping

import wtforms
from flask import Blueprint, Response, flash, g, request
from flask_babel import gettext as _
from sqlalchemy import select

from flowapp import tasks
from flowapp.catalog import CONNECTORS, N_, Params
from flowapp.errors import ConfigError, InvalidError, NotFoundError
from flowapp.events import Cause, audit
from flowapp.extensions import db
from flowapp.integrations import service
from flowapp.models import Integration
from flowapp.records.lock import lock
from flowapp.security.roles import Role
from flowapp.web import forms
from flowapp.web.access import access
from flowapp.web.edits import Edit, Path, deleted_elsewhere, mark_of, part
from flowapp.web.forms import ParamsForm, PlainForm
from flowapp.web.forms.field import Posted
from flowapp.web.forms.fields.stored import SecretField, keep_secrets
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

        self.config = _part(self.spec.config, row.config or {}, None, "config-")
        self.credentials = _part(self.spec.credentials, secrets, None, "secret-")
        super().__init__(None, data={"name": row.name or ""})
        self.edit = Edit(self.values, self.label, inside=("config", "credentials"))
        if posted is not None:
            self.config = _part(self.spec.config, part(self.edit.seen, "config"), posted, "config-")
            self.credentials = _part(self.spec.credentials, secrets, posted, "secret-")
            self.process(posted)

    @property
    def values(self) -> dict[str, object]:
        """What the form holds; of each secret only a mark."""
        return {"name": self.name.data, "config": self.config.data, "credentials": _marked(self.credentials)}

    def label(self, path: Path) -> str:
        """What the page calls the part at a path of `values`."""
        if path == ("name",):
            return str(_("Name"))
        return (self.config if path[0] == "config" else self.credentials).label(path[-1])

    def merge(self) -> bool:
        """Takes in what others changed of the integration meanwhile. False where the page has to ask first."""
        merged, before = self.edit.merge(self.values), self.config
        self.name.data = merged["name"]
        self.config = _part(self.spec.config, part(merged, "config"), None, "config-")
        keep_secrets(before, self.config)
        mine, kept = _marked(self.credentials), part(merged, "credentials")
        for field in self.credentials:
            if isinstance(field, SecretField) and mine.get(field.info.key) != kept.get(field.info.key):
                field.text = ""  # the stored one is to be used
        return not self.edit.asks

    def validate(self, extra_validators: object = None) -> bool:
        return all([super().validate(extra_validators), self.config.validate(), self.credentials.validate()])

    @property
    def errors(self) -> dict[str, list[str]]:
        return {**super().errors, **self.config.errors, **self.credentials.errors}

    def save(self) -> bool:
        """Whether what was posted could be stored; if not, its problems stand beside the fields."""
        if self.config.acted or self.credentials.acted or not self.validate():
            return False
        if self.row.id and not self.merge():
            return False
        try:
            service.save(
                db.session(), tasks.runtime().vault, self.row,
                name=self.name.data, config=self.config.data, credentials=self.credentials.data,
                cause=Cause(g.actor.user.id),
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


def _part(model: type[Params], stored: Mapping[str, object], posted: Posted | None, prefix: str) -> ParamsForm:
    return forms.build(model, stored, posted, base=PlainForm, prefix=prefix, check=lambda _params: [])


def _marked(credentials: ParamsForm) -> dict[str, object]:
    """The credentials as a page may carry them: of each only a mark, by which to see that it is another one."""
    return {key: mark_of(value) if value else value for key, value in credentials.data.items()}


def _form_page(form: IntegrationForm) -> Response:
    status = 422 if form.errors or form.edit.questions else 200
    return page("settings/integration.html", block="form", form=form, status=status)


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
    try:
        row = service.get(db.session(), str(integration_id))
        if request.method == "POST":
            lock(db.session(), row)
    except NotFoundError:
        if request.form.get("_type") not in CONNECTORS:
            raise
        return _typed_again(request.form["_type"])
    form = IntegrationForm(row, request.form if request.method == "POST" else None)
    if request.method == "GET" or not form.save():
        return _form_page(form)
    form.edit.tell()
    return _saved(row, "integration.updated")


def _typed_again(integration_type: str) -> Response:
    """The form of a new connection with what was typed for one that is gone."""
    form = IntegrationForm(Integration(integration_type=integration_type), request.form)
    form.form_errors.append(deleted_elsewhere())
    return _form_page(form)


@bp.post("/<uuid:integration_id>/test")
@access(Role.ADMIN)
def test(integration_id: object) -> Response:
    """Asks the service for a sign of life."""
    runtime = tasks.runtime()
    row = service.get(db.session(), str(integration_id))
    runtime.pause.refuse()
    answer = service.try_out(runtime.vault, row, runtime.outgoing.http(row.organization_id))
    _note("integration.tested", row, {"success": answer["success"]})
    flash(translated(answer["message"]), "success" if answer["success"] else "danger")
    return go("integrations.edit", integration_id=row.id)


@bp.post("/<uuid:integration_id>/delete")
@access(Role.ADMIN)
def delete(integration_id: object) -> Response:
    """Removes a connection with its credentials."""
    row = service.get(db.session(), str(integration_id))
    service.tell(db.session(), row, "deleted", Cause(g.actor.user.id))
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
