"""The form of a new contact, company or deal."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Generic

from flask import Blueprint, Response, flash, g, request
from flask_babel import gettext as _

from flowapp.crm import fields
from flowapp.errors import InvalidError
from flowapp.extensions import db
from flowapp.security.roles import Role
from flowapp.web.crm.boxes import at_boxes, form_of, given
from flowapp.web.crm.nouns import R, RecordField
from flowapp.web.crm.page import cause
from flowapp.web.crm.record import RecordPages, declared
from flowapp.web.forms.page import FieldsForm
from flowapp.web.render import page, to_url


class CreatePages(Generic[R]):
    """The routes of the form, as a noun's blueprint mounts them."""

    def __init__(self, pages: RecordPages[R]) -> None:
        self.pages, self.noun = pages, pages.noun

    def mount(self, bp: Blueprint) -> None:
        """Adds the routes to the noun's blueprint."""
        bp.add_url_rule("/new", "new", declared(self.new, Role.OPERATOR), methods=["GET"])
        bp.add_url_rule("/new", "create", declared(self.create, Role.OPERATOR), methods=["POST"])

    def new(self) -> Response:
        """The form; the address may fill in fields, as `company_id`."""
        return self._form(form_of(db.session(), self.fields(), {**self._defaults(), **request.args.to_dict()}))

    def create(self) -> Response:
        """Makes the record, and leads to its page."""
        session, asked = db.session(), self.fields()
        form = form_of(session, asked, {}, request.form)
        try:
            record = self.noun.service.create(session, given(session, asked, form.data), cause=cause())
        except InvalidError as error:
            session.rollback()
            return self._form(form.refused(at_boxes(error)), 422)
        self.pages.note(record, "created")
        flash(_("“%(name)s” was created.", name=self.noun.title(record)), "success")
        return to_url(self.pages.url(record))

    def fields(self) -> Sequence[RecordField]:
        """Those of the record's page, and what only a new one is asked for."""
        shown = [one for row in self.noun.rows(db.session()) for one in row.fields]
        kept: list[RecordField] = [one for one in shown if one.name not in self.noun.not_new]
        return [*kept[:1], *self.noun.only_new, *kept[1:]]

    def _defaults(self) -> dict[str, object]:
        """It is the person's own, unless somebody else is chosen; custom fields have the defaults of the admin."""
        defined = fields.of(db.session(), self.noun.name)
        return {"owner_id": g.actor.user.id, "currency": "EUR", **{one.key: one.default for one in defined}}

    def _form(self, form: FieldsForm, status: int = 200) -> Response:
        return page("crm/new.html", block="form", status=status, noun=self.noun, form=form)
