"""What is changed on the page of a record; one for contacts, companies and deals."""

from __future__ import annotations

from collections.abc import Callable
from uuid import UUID

from flask import Blueprint, Response, flash, g, request
from flask_babel import gettext as _

from flowapp.crm import notes, tags, tasks
from flowapp.errors import ForbiddenError, InvalidError, NotFoundError
from flowapp.extensions import db
from flowapp.models import Note
from flowapp.security.roles import Role
from flowapp.texts import say
from flowapp.web.access import access
from flowapp.web.crm.boxes import at_boxes, given, member_choices
from flowapp.web.crm.composer import NoteForm, TaskForm
from flowapp.web.crm.nouns import R, Row
from flowapp.web.crm.page import RecordPage, cause
from flowapp.web.forms.page import PageForm
from flowapp.web.render import go, to_url
from flowapp.web.texts import translated


class RecordPages(RecordPage[R]):
    """The routes of a record's page, as a noun's blueprint mounts them."""

    def mount(self, bp: Blueprint) -> None:
        """Adds the routes to the noun's blueprint."""
        one = f"/<uuid:{self.noun.name}_id>"
        bp.add_url_rule(one, "show", declared(self.show, Role.VIEWER), methods=["GET"])
        for path, name, view in (
            (one, "save", self.save),
            (f"{one}/notes", "write_note", self.write_note),
            (f"{one}/notes/<uuid:note_id>", "change_note", self.change_note),
            (f"{one}/notes/<uuid:note_id>/delete", "delete_note", self.delete_note),
            (f"{one}/tasks", "make_task", self.make_task),
            (f"{one}/tags", "tag", self.tag),
            (f"{one}/delete", "delete", self.delete),
            (f"{one}/restore", "restore", self.restore),
        ):
            bp.add_url_rule(path, name, declared(view, Role.OPERATOR), methods=["POST"])

    def show(self, **ids: UUID) -> Response:
        """The page; `part` names the fragment, `edit` the row whose boxes are open."""
        record = self.get(ids)
        if record.id not in map(str, ids.values()):  # it was merged into this one
            return to_url(self.url(record))
        return self.page(record, editing=request.args.get("edit"), focus=request.args.get("focus"))

    def save(self, **ids: UUID) -> Response:
        """Changes the fields of one row."""
        record, session = self.get(ids), db.session()
        row = self._row(request.form.get("row", ""))
        form, edit = self.form(record, row, posted=True), self.edit(record, row)
        merged = edit.merge(form.data)
        if edit.asks:
            return self.page(record, edit.status, editing=row.key, form=self.form_again(record, row, merged), edit=edit)
        try:
            self.noun.service.update(session, record, given(session, row.fields, merged), cause=cause())
        except InvalidError as error:
            session.rollback()
            return self.page(self.get(ids), 422, editing=row.key, form=form.refused(at_boxes(error)), edit=edit)
        self.note(record, "updated")
        edit.tell()
        return self.saved(record, focus=row.key)

    def tag(self, **ids: UUID) -> Response:
        """Adds a tag, or takes one away."""
        record, session = self.get(ids), db.session()
        try:
            if name := request.form.get("tag_gone"):
                tags.take(session, record, [name], cause=cause())
            else:
                tags.add(session, record, [request.form.get("tag", "")], cause=cause())
        except InvalidError as error:
            session.rollback()
            problem = translated(error.problems[0].message)
            return self.page(self.get(ids), 422, part="fields", tag_error=problem)
        session.commit()
        return self.saved(record)

    def write_note(self, **ids: UUID) -> Response:
        """Writes a note about the record."""
        form = NoteForm(request.form)
        return self._compose(
            ids, lambda about: notes.create(db.session(), {**form.typed, **about}, cause=cause()), note_form=form
        )

    def change_note(self, **ids: UUID) -> Response:
        """Changes the text of a note; a refused one is asked for again."""
        record, note = self.get(ids), self._note(ids)
        form = NoteForm(request.form)
        try:
            notes.update(db.session(), note, form.typed, cause=cause())
        except InvalidError as error:
            db.session.rollback()
            form.refused(error)
            return self.page(self.get(ids), 422, part="timeline", note_open=str(ids["note_id"]), note_text=form)
        db.session.commit()
        return self.saved(record, "timeline")

    def delete_note(self, **ids: UUID) -> Response:
        """Moves a note to the trash."""
        record = self.get(ids)
        notes.delete(db.session(), self._note(ids), cause=cause())
        db.session.commit()
        return self.saved(record, "timeline")

    def _note(self, ids: dict[str, UUID]) -> Note:
        note = notes.get(db.session(), str(ids["note_id"]))
        if str(ids[f"{self.noun.name}_id"]) not in (note.contact_id, note.company_id, note.deal_id):
            raise NotFoundError(say("There is no such note."))
        if not notes.may_change(note, g.actor.user.id, g.actor.role):
            raise ForbiddenError(say("Only who wrote a note, and admins, can change or delete it."))
        return note

    def make_task(self, **ids: UUID) -> Response:
        """Makes a task about the record."""
        form = TaskForm(member_choices(db.session()), request.form)
        return self._compose(
            ids, lambda about: tasks.create(db.session(), {**form.data, **about}, cause=cause()), task_form=form
        )

    def _compose(self, ids: dict[str, UUID], make: Callable[[dict[str, object]], object], **form: PageForm) -> Response:
        record = self.get(ids)
        try:
            make({f"{self.noun.name}_id": record.id})
        except InvalidError as error:
            db.session.rollback()
            next(iter(form.values())).refused(error)
            return self.page(self.get(ids), 422, part="composer", **form)
        db.session.commit()
        return self.saved(record, "composer")

    def delete(self, **ids: UUID) -> Response:
        """Moves it to the trash."""
        record = self.get(ids)
        self.noun.service.delete(db.session(), record, cause=cause())
        self.note(record, "deleted")
        flash(_("“%(name)s” was moved to the trash.", name=self.noun.title(record)), "success")
        return go(f"{self.noun.plural}.index")

    def restore(self, **ids: UUID) -> Response:
        """Takes it out of the trash."""
        record = self.get(ids)
        self.noun.service.restore(db.session(), record, cause=cause())
        self.note(record, "restored")
        return to_url(self.url(record))

    def _row(self, key: str) -> Row:
        found = next((row for row in self.noun.rows(db.session()) if row.key == key), None)
        if found is None:
            raise NotFoundError(say("There is no such field."))
        return found


def declared(view: Callable[..., Response], role: Role) -> Callable[..., Response]:
    """A method as a view for members with at least that role."""

    @access(role)
    def call(**ids: UUID) -> Response:
        return view(**ids)

    call.__doc__ = view.__doc__
    return call
