"""What a bulk action asks for: the boxes of its form, and what the action is told of them."""

from __future__ import annotations

from collections.abc import Mapping

import wtforms
from flask_babel import gettext as _
from sqlalchemy import select
from sqlalchemy.orm import Session

from flowapp.crm import fields
from flowapp.models import ContactList, Workflow
from flowapp.web.crm.boxes import form_of, given, member_choices
from flowapp.web.crm.nouns import NOUNS, Row
from flowapp.web.forms.field import Posted
from flowapp.web.forms.page import FieldsForm
from flowapp.web.forms.user_fields import box, select_box

AT_ONCE = 500  # choices of a box
ONE_EACH = ("email", "emails")  # no two records share one


class BulkForm:
    """The form of an action; `row` are the fields that are changed, where that is what it does."""

    def __init__(self, session: Session, noun: str, action: str, posted: Posted) -> None:
        self.session, self.noun, self.action, self.posted = session, noun, action, posted
        self.rows = _rows(session, noun) if action == "change" else {}
        self.row = self.rows.get(str(posted.get("row", "")))
        self.chosen = action != "change" or self.row is not None

    def boxes(self, *, posted: bool) -> FieldsForm:
        """The boxes, with what was typed where it was `posted`."""
        typed = self.posted if posted else None
        if self.row is not None:
            return form_of(self.session, self.row.fields, {}, typed)
        built = _boxes(self.session, self.action)
        return FieldsForm(built, typed, {}, required=[name for name in built if name != "owner"])

    def arguments(self) -> Mapping[str, object]:
        """What the action is told. InvalidError where a box names a record that is not there."""
        typed = self.boxes(posted=True).data
        return {"data": given(self.session, self.row.fields, typed)} if self.row is not None else typed


def _rows(session: Session, noun: str) -> dict[str, Row]:
    """The fields that can be changed in many records: those of which each may have the same value."""
    unique = {field.key for field in fields.of(session, noun) if field.unique}
    return {
        row.key: row
        for row in NOUNS[noun].rows(session)
        if row.key not in ONE_EACH and not any(one.own and one.name in unique for one in row.fields)
    }


def _boxes(session: Session, action: str) -> dict[str, wtforms.Field]:
    if action.endswith("_tag"):
        return {"tag": box("text", _("Tag"), "", list="known-tag", maxlength="100", autocomplete="off")}
    if action == "assign":
        return {"owner": select_box(_("Owner"), member_choices(session), _("Nobody"))}
    if action.endswith("_list"):
        return {"list": select_box(_("List"), _named(session, ContactList), _("Choose …"))}
    if action == "start_workflow":
        return {"workflow": select_box(_("Workflow"), _workflows(session), _("Choose …"))}
    return {}


def _named(session: Session, model: type[ContactList]) -> dict[str, str]:
    rows = session.execute(select(model.id, model.name).order_by(model.name).limit(AT_ONCE))
    return {row.id: row.name for row in rows}


def _workflows(session: Session) -> dict[str, str]:
    """Those that can be started: published and active."""
    active = select(Workflow.id, Workflow.name).where(Workflow.status == "active").order_by(Workflow.name)
    return {row.id: row.name for row in session.execute(active.limit(AT_ONCE))}
