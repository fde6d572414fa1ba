"""A cell of a list, changed in place: as on the record's page, and two people who change the same are asked."""

from __future__ import annotations

from uuid import UUID

from flask import Blueprint, Response, make_response, render_template, request

from flowapp.crm.views import fields
from flowapp.crm.views.reader import ListField, Reader
from flowapp.errors import InvalidError, NotFoundError
from flowapp.extensions import db
from flowapp.security.roles import Role
from flowapp.texts import say
from flowapp.web.crm.boxes import at_boxes, given
from flowapp.web.crm.nouns import Row, S
from flowapp.web.crm.page import NounPage, cause
from flowapp.web.crm.record import declared
from flowapp.web.crm.views.cells import of_list
from flowapp.web.edits import Edit
from flowapp.web.forms.page import FieldsForm
from flowapp.web.render import to_url, wants_fragment
from flowapp.web.texts import label_of

COMPANY = "company.name"


class CellPages(NounPage[S]):
    """The routes of a cell, as a noun's blueprint mounts them."""

    def mount(self, bp: Blueprint) -> None:
        """Adds the routes to the noun's blueprint."""
        path = f"/<uuid:{self.noun.name}_id>/cell"
        bp.add_url_rule(path, "cell", declared(self.show_cell, Role.OPERATOR), methods=["GET"])
        bp.add_url_rule(path, "save_cell", declared(self.save_cell, Role.OPERATOR), methods=["POST"])

    def show_cell(self, **ids: UUID) -> Response:
        """The form of a cell, or with `shown` what it shows."""
        record = self.get(ids)
        column, row = self._column()
        if not wants_fragment():
            return to_url(self.url(record, edit=row.key))
        if request.args.get("shown"):
            return self._shown(record, column)
        return self._open(record, column, self.form(record, row), self.edit(record, row))

    def save_cell(self, **ids: UUID) -> Response:
        """Changes what the cell shows."""
        record, session = self.get(ids), db.session()
        column, row = self._column()
        form, edit = self.form(record, row, posted=True), self.edit(record, row)
        merged = edit.merge(form.data)
        if edit.asks:
            return self._open(record, column, self.form_again(record, row, merged), edit, edit.status)
        try:
            self.noun.service.update(session, record, given(session, row.fields, merged), cause=cause())
        except InvalidError as error:
            session.rollback()
            return self._open(self.get(ids), column, form.refused(at_boxes(error)), edit, 422)
        self.note(record, "updated")
        response = self._shown(record, column)
        response.headers["HX-Trigger"] = "changed"
        return response

    def _column(self) -> tuple[ListField, Row]:
        session, name = db.session(), request.args.get("column", "")
        column = fields.of(Reader(session), self.noun.name).get(name)
        field = "company_id" if name == COMPANY else name
        found = (row for row in self.noun.rows(session) if any(one.name == field for one in row.fields))
        row = next(found, None)
        if column is None or row is None:
            raise NotFoundError(say("There is no such field."))
        return column, row

    def _open(self, record: S, column: ListField, form: FieldsForm, edit: Edit, status: int = 200) -> Response:
        action = self.url(record, "save_cell", column=column.name)
        html = render_template(
            "crm/views/cell.html", noun=self.noun, record=record, form=form, edit=edit, action=action
        )
        return make_response(html, status)

    def _shown(self, record: S, column: ListField) -> Response:
        one = of_list(db.session(), self.noun, [record], [column])[record.id][0]
        html = render_template(
            "crm/views/cell.html", noun=self.noun, record=record, form=None, one=one, label=label_of(column)
        )
        return make_response(html)
