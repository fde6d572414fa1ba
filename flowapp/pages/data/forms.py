"""Forms: the list, the builder, a preview, the link to share, and what visitors answered."""

from __future__ import annotations

import wtforms
from flask import Blueprint, Response, current_app, flash, g, request, url_for
from flask_babel import gettext as _
from sqlalchemy import func, select

from flowapp.catalog import N_
from flowapp.data import forms
from flowapp.errors import InvalidError, NotFoundError
from flowapp.events import audit
from flowapp.extensions import db
from flowapp.logs import mask
from flowapp.models import Execution, Form, Submission
from flowapp.records.lock import lock
from flowapp.records.paging import PageAt, paginate
from flowapp.security.roles import Role
from flowapp.web import Nav, access, go, page
from flowapp.web.edits import Edit, deleted_elsewhere, labels
from flowapp.web.forms.page import PageForm, RowList, text
from flowapp.web.forms.user_fields import answers_form
from flowapp.web.notation import locale_choices

bp = Blueprint("forms", __name__, url_prefix="/forms")
NAV = Nav(40, N_("Forms"), "forms", "forms.index", "/forms")
SIZE = 25


class FieldForm(PageForm):
    """A field that visitors fill in."""

    label = text()
    type = text(default="text")
    required = wtforms.BooleanField()
    options = text()
    help = text()
    key = text()


class BuilderForm(PageForm):
    """The form itself: its page and its fields."""

    name = text()
    title = text()
    intro = text()
    submit_label = text()
    thanks = text()
    locale = text()
    fields = RowList(wtforms.FormField(FieldForm))


@bp.get("")
@access(Role.VIEWER)
def index() -> Response:
    """Every form, with how many answers it has."""
    session = db.session()
    counted = session.execute(
        select(Submission.form_id, func.count(), func.max(Submission.created_at)).group_by(Submission.form_id)
    )
    return page(
        "data/forms/index.html",
        forms=session.scalars(select(Form).order_by(Form.name)).all(),
        answers={form_id: (count, last) for form_id, count, last in counted},
        can_edit=g.actor.role >= Role.EDITOR,
    )


@bp.get("/new")
@access(Role.EDITOR)
def new() -> Response:
    """The builder with a form that most begin with."""
    rows = [
        {"label": _("Name"), "type": "text", "required": True},
        {"label": _("E-mail"), "type": "email", "required": True},
    ]
    return _builder(None, BuilderForm(data={"fields": rows}))


@bp.post("/new")
@access(Role.EDITOR)
def create() -> Response:
    """Makes a form."""
    return _save(None)


@bp.get("/<uuid:form_id>/edit")
@access(Role.EDITOR)
def edit(form_id: str) -> Response:
    """The builder."""
    form = forms.get(db.session(), str(form_id))
    return _builder(form, _shown(form))


@bp.post("/<uuid:form_id>/edit")
@access(Role.EDITOR)
def update(form_id: str) -> Response:
    """Changes a form."""
    try:
        form = forms.get(db.session(), str(form_id))
        lock(db.session(), form)
    except NotFoundError:
        if "_seen" not in request.form:
            raise
        built = BuilderForm(request.form)
        built.form_errors.append(deleted_elsewhere())
        return _builder(None, built, status=422)
    return _save(form)


def _shown(form: Form) -> BuilderForm:
    """The builder with what is stored."""
    rows = [{**field, "options": "\n".join(field["options"])} for field in form.fields]
    stored = {name: getattr(form, name) for name in ("name", "title", "intro", "submit_label", "thanks", "locale")}
    return BuilderForm(data={**stored, "fields": rows})


def _edit(form: Form | None) -> Edit:
    texts = {
        "name": _("Name"), "title": _("Title"), "intro": _("Introduction"), "submit_label": _("Button label"),
        "thanks": _("Thank-you message"), "locale": _("Language, numbers and dates"), "fields": _("Fields"), "label": _("Label"), "type": _("Type"),
        "required": _("Required"), "options": _("Choices"), "help": _("Help text below the field"),
    }  # fmt: skip
    return Edit(_shown(form).data if form else {}, labels(texts))


def _save(form: Form | None) -> Response:
    built, edit, session = BuilderForm(request.form), _edit(form), db.session()
    if built.acted:
        return _builder(form, built, edit)
    merged = edit.merge(built.typed) if form else built.typed
    if edit.asks:
        return _builder(form, BuilderForm(data=merged), edit, edit.status)
    try:
        saved = forms.update(session, form, merged) if form else forms.create(session, merged)
    except InvalidError as error:
        return _builder(form, BuilderForm(data=merged).refused(error), edit, 422)
    _note("form.changed" if form else "form.created", saved)
    edit.tell()
    flash(_("The form was saved. Share its link, or start a workflow with it."), "success")
    return go("forms.show", form_id=saved.id)


def _builder(form: Form | None, built: BuilderForm, edit: Edit | None = None, status: int = 200) -> Response:
    rows = [{"id": str(at), "label": row.form.label.data, "form": row.form} for at, row in enumerate(built.fields)]
    types = [(name, _(label)) for name, label in forms.TYPES.items()]
    return page(
        "data/forms/edit.html", block="form", status=status, form=form, built=built, edit=edit or _edit(form),
        rows=rows, types=types, locales=_locales(),
    )  # fmt: skip


def _locales() -> list[tuple[str, str]]:
    return [("", _("Not chosen")), *((one.value, one.label) for one in locale_choices())]


@bp.get("/<uuid:form_id>")
@access(Role.VIEWER)
def show(form_id: str) -> Response:
    """Link, preview and answers of a form."""
    form = forms.get(db.session(), str(form_id))
    mine = select(Submission).where(Submission.form_id == form.id)
    cursor = request.args.get("cursor")
    submissions = paginate(db.session(), mine, PageAt(SIZE, cursor), key=Submission.id, id_column=Submission.id)
    ids = [execution_id for row in submissions.rows for execution_id in row.execution_ids]
    statuses = db.session.execute(select(Execution.id, Execution.status).where(Execution.id.in_(ids)))
    return page(
        "data/forms/show.html",
        block="list",
        form=form,
        answers=answers_form(form.fields),
        link=_link(form),
        submissions=[(row, mask(row.data)) for row in submissions.rows],
        statuses=dict(statuses.all()),
        cursors=submissions,
        can_edit=g.actor.role >= Role.EDITOR,
    )


def _link(form: Form) -> str:
    base = current_app.extensions["settings"].base_url
    path = url_for("hosted_form.show", key=form.key)
    return f"{base}{path}" if base else url_for("hosted_form.show", key=form.key, _external=True)


@bp.post("/<uuid:form_id>/open")
@access(Role.EDITOR)
def switch(form_id: str) -> Response:
    """Opens or closes a form."""
    form = forms.get(db.session(), str(form_id))
    form.is_open = request.form.get("open") == "yes"
    _note("form.opened" if form.is_open else "form.closed", form)
    flash(_("The form accepts answers.") if form.is_open else _("The form is closed."), "success")
    return go("forms.show", form_id=form.id)


@bp.post("/<uuid:form_id>/delete")
@access(Role.EDITOR)
def delete(form_id: str) -> Response:
    """Deletes a form with its answers."""
    form = forms.get(db.session(), str(form_id))
    forms.delete(db.session(), form)
    _note("form.deleted", form)
    flash(_("The form “%(name)s” was deleted.", name=form.name), "success")
    return go("forms.index")


def _note(action: str, form: Form) -> None:
    target = ("form", form.id, form.name)
    audit(db.session(), action, actor=g.actor.audit, target=target)
    db.session.commit()
