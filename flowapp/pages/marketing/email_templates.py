"""E-mail templates: the list, the form with a preview beside it, a test to oneself."""

from __future__ import annotations

from uuid import UUID

from flask import Blueprint, Response, flash, g, make_response, request
from flask_babel import gettext as _
from sqlalchemy import select
from sqlalchemy.orm import defer

from flowapp.catalog import N_
from flowapp.errors import ConflictError, ExpressionError, InvalidError, NotFoundError, StepError
from flowapp.events import audit
from flowapp.extensions import db
from flowapp.marketing import email_templates as templates
from flowapp.marketing.rendering import example
from flowapp.models import EmailTemplate
from flowapp.records.lock import lock
from flowapp.security.roles import Role
from flowapp.tasks.mail import send_example
from flowapp.web import Nav, access, go, page
from flowapp.web.edits import Edit, deleted_elsewhere, labels
from flowapp.web.forms.page import PageForm, text
from flowapp.web.frames import framed
from flowapp.web.texts import translated

bp = Blueprint("email_templates", __name__, url_prefix="/email-templates")
NAV = Nav(45, N_("E-mail templates"), "template", "email_templates.index", "/email-templates")


class TemplateForm(PageForm):
    """What the e-mail says."""

    name = text()
    subject = text()
    html = text()
    text = text()


@bp.get("")
@access(Role.VIEWER)
def index() -> Response:
    """Every template."""
    statement = select(EmailTemplate).options(defer(EmailTemplate.html), defer(EmailTemplate.text))
    rows = db.session.scalars(statement.order_by(EmailTemplate.name, EmailTemplate.id)).all()
    return page("marketing/email_templates/index.html", rows=rows, can_edit=g.actor.role >= Role.EDITOR)


@bp.get("/new")
@access(Role.EDITOR)
def new() -> Response:
    """The form of a new template."""
    return _form(None, TemplateForm())


@bp.post("/new")
@access(Role.EDITOR)
def create() -> Response:
    """Makes a template."""
    return _save(None)


@bp.get("/<uuid:template_id>")
@access(Role.VIEWER)
def show(template_id: UUID) -> Response:
    """The template, and how it looks."""
    template = templates.get(db.session(), str(template_id))
    return _form(template, _shown(template))


@bp.post("/<uuid:template_id>")
@access(Role.EDITOR)
def update(template_id: UUID) -> Response:
    """Changes a template."""
    try:
        template = templates.get(db.session(), str(template_id))
        lock(db.session(), template)
    except NotFoundError:
        if "_seen" not in request.form:
            raise
        form = TemplateForm(request.form)
        form.form_errors.append(deleted_elsewhere())
        return _form(None, form, status=422)
    return _save(template)


def _shown(template: EmailTemplate) -> TemplateForm:
    """The form with what is stored."""
    return TemplateForm(data={name: getattr(template, name) for name in templates.LIMITS})


def _edit(template: EmailTemplate | None) -> Edit:
    texts = {"name": _("Name"), "subject": _("Subject"), "html": _("HTML"), "text": _("Text")}
    return Edit(_shown(template).data if template else {}, labels(texts))


def _save(template: EmailTemplate | None) -> Response:
    form, edit, session = TemplateForm(request.form), _edit(template), db.session()
    if form.acted:
        return _form(template, form, edit)
    merged = edit.merge(form.typed) if template else form.typed
    if edit.asks:
        return _form(template, TemplateForm(data=merged), edit, edit.status)
    try:
        saved = templates.update(session, template, merged) if template else templates.create(session, merged)
    except InvalidError as error:
        return _form(template, TemplateForm(data=merged).refused(error), edit, 422)
    _note("email_template.changed" if template else "email_template.created", saved)
    edit.tell()
    flash(_("The template “%(name)s” was saved.", name=saved.name), "success")
    return go("email_templates.show", template_id=saved.id)


def _form(template: EmailTemplate | None, form: TemplateForm, edit: Edit | None = None, status: int = 200) -> Response:
    preview, fault = None, ""
    try:
        preview = example(template) if template else None
    except ExpressionError as error:
        fault = translated(error.message)
    return page(
        "marketing/email_templates/edit.html", block="form", status=status, row=template, form=form,
        edit=edit or _edit(template), preview=preview, fault=fault, can_edit=g.actor.role >= Role.EDITOR,
    )  # fmt: skip


@bp.get("/<uuid:template_id>/html")
@access(Role.VIEWER)
def html(template_id: UUID) -> Response:
    """The HTML with sample values, alone: for the frame beside the form."""
    return framed(make_response(example(templates.get(db.session(), str(template_id))).html))


@bp.post("/<uuid:template_id>/test")
@access(Role.EDITOR)
def send_test(template_id: UUID) -> Response:
    """Sends it, with sample values, to whoever asks."""
    template, to = templates.get(db.session(), str(template_id)), g.actor.user.email
    try:
        sent = send_example(g.organization.id, to, example(template))
    except (ExpressionError, StepError) as error:
        flash(translated(error.message), "danger")
        return go("email_templates.show", template_id=template.id)
    if sent.caught:
        flash(_("No mail server is connected, so the test is on the page “Mail”."), "success")
    else:
        flash(_("The test was sent to %(address)s.", address=to), "success")
    return go("email_templates.show", template_id=template.id)


@bp.post("/<uuid:template_id>/delete")
@access(Role.EDITOR)
def delete(template_id: UUID) -> Response:
    """Deletes a template that no workflow uses."""
    template = templates.get(db.session(), str(template_id))
    try:
        templates.delete(db.session(), template)
    except ConflictError as error:
        flash(translated(error.message), "danger")
        return go("email_templates.show", template_id=template.id)
    _note("email_template.deleted", template)
    flash(_("The template “%(name)s” was deleted.", name=template.name), "success")
    return go("email_templates.index")


def _note(action: str, template: EmailTemplate) -> None:
    audit(db.session(), action, actor=g.actor.audit, target=("email_template", template.id, template.name))
    db.session.commit()
