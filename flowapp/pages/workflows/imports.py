"""Importing workflows from a file; whoever has them already chooses between their drafts and copies."""

from __future__ import annotations

import wtforms
from flask import Blueprint, Response, flash, g, request
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from werkzeug.datastructures import CombinedMultiDict

from flowapp import exact_json
from flowapp.errors import ConflictError, FlowError, InvalidError
from flowapp.extensions import db
from flowapp.models import Workflow
from flowapp.security.roles import Role
from flowapp.texts import labelled, say
from flowapp.web import access, go, page
from flowapp.web.forms.page import PageForm, UploadField
from flowapp.web.texts import translated
from flowapp.workflows import exports
from flowapp.workflows.exports import File, Import, Mode

bp = Blueprint("workflow_import", __name__, url_prefix="/workflows/import")


class FileForm(PageForm):
    """A file; `text` is what it held, on the page that asks what to do with it."""

    file = UploadField(_l("File"), render_kw={"accept": ".json,application/json"})
    text = wtforms.HiddenField()

    def read(self) -> File:
        """The file. InvalidError where it is none."""
        if self.file.data:
            self.text.data = self.file.data.stream.read().decode("utf-8-sig", errors="replace")
        if not self.text.data:
            raise InvalidError.at("", say("Choose a file."))
        try:
            return exports.read_file(exact_json.loads(self.text.data))
        except InvalidError:
            raise
        except ValueError as error:
            raise InvalidError.at("", say("This is not valid JSON: %(error)s.", error=str(error))) from None


@bp.get("")
@access(Role.EDITOR)
def choose() -> Response:
    """The form."""
    return _page(FileForm())


@bp.post("")
@access(Role.EDITOR)
def take() -> Response:
    """Imports the file, or asks what to do with the workflows that are here already."""
    form, session = FileForm(CombinedMultiDict([request.files, request.form])), db.session()
    wanted = request.form.get("mode")
    mode: Mode | None = "replace" if wanted == "replace" else "copy" if wanted == "copy" else None
    try:
        file = form.read()
        present = exports.present(session, file)
        if present and mode is None:
            return _page(form, present=present)
        imported, made = exports.import_file(session, file, mode, actor_id=g.actor.user.id)
        session.commit()
    except (InvalidError, ConflictError) as error:
        session.rollback()
        return _page(form, _lines(error))
    for one in imported:
        flash(_told(one), "success")
    for names in filter(None, made.values()):
        flash(_("Made for it: %(names)s.", names=", ".join(names)), "info")
    return go("workflow.show", workflow_id=imported[0].workflow.id) if len(imported) == 1 else go("workflows.index")


def _told(one: Import) -> str:
    name = one.workflow.name
    if one.outcome == "replaced":
        return str(
            _("The draft of “%(name)s” was replaced. Undo on the tab Steps brings the one before back.", name=name)
        )
    said = str(_("“%(name)s” was imported as a draft.", name=name))
    if not one.new_keys:
        return said
    urls = ", ".join(f"{request.host_url}hooks/{key}" for key in one.new_keys)
    return f"{said} {_('New webhook URL: %(urls)s', urls=urls)}"


def _lines(error: FlowError) -> list[str]:
    problems = error.problems if isinstance(error, InvalidError) else []
    return [labelled(p.path, translated(p.message)) for p in problems] or [translated(error.message)]


def _page(form: FileForm, problems: list[str] | None = None, present: list[Workflow] | None = None) -> Response:
    asks = problems or present
    return page(
        "workflows/import.html", status=422 if asks else 200, form=form, problems=problems or [], present=present or []
    )
