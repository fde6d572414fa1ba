"""The page of a record: fields at the left, timeline in the middle, what belongs to it at the right. Each of these parts is
a fragment of its own, which the page fetches again when something has changed."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import timedelta
from functools import cache
from typing import Generic
from uuid import UUID

from flask import Response, g, request, url_for

from flowapp.crm import notes, tags
from flowapp.crm.people import duplicates
from flowapp.events import Cause, audit
from flowapp.exact_json import dump_json
from flowapp.extensions import db
from flowapp.models import Company, Contact, Deal, Pipeline
from flowapp.records.paging import PageAt
from flowapp.security.roles import Role
from flowapp.web.crm import related
from flowapp.web.crm.boxes import form_of, member_choices, mentionable
from flowapp.web.crm.composer import NoteForm, TaskForm
from flowapp.web.crm.nouns import Noun, R, Row, S, title_of
from flowapp.web.crm.timeline import lines
from flowapp.web.crm.values import of_row
from flowapp.web.edits import Edit, labels
from flowapp.web.forms.page import FieldsForm
from flowapp.web.locale import today
from flowapp.web.render import page, to_url, wants_fragment
from flowapp.web.texts import label_of

PARTS = ("header", "ask", "fields", "composer", "timeline", "aside")
ENTRIES = 30


class NounPage(Generic[S]):
    """Records of a noun and the boxes of their fields, whatever page they are on."""

    def __init__(self, noun: Noun[S]) -> None:
        self.noun = noun

    def get(self, ids: dict[str, UUID]) -> S:
        """The record that the address names, one in the trash too."""
        return self.noun.service.get(db.session(), str(ids[f"{self.noun.name}_id"]), trashed=True)

    def url(self, record: S, endpoint: str = "show", **values: str | None) -> str:
        """An address of the record."""
        ids = {f"{self.noun.name}_id": record.id, **values}
        return url_for(f"{self.noun.plural}.{endpoint}", _external=None, **ids)

    def note(self, record: S, what: str) -> None:
        """Writes the audit trail, and commits."""
        target = (self.noun.name, record.id, self.noun.title(record))
        audit(db.session(), f"{self.noun.name}.{what}", actor=g.actor.audit, target=target)
        db.session.commit()

    def form(self, record: S, row: Row, *, posted: bool = False) -> FieldsForm:
        """The boxes of a row."""
        stored = self.noun.values(db.session(), record)
        return form_of(db.session(), row.fields, stored, request.form if posted else None)

    def form_again(self, record: S, row: Row, merged: Mapping[str, object]) -> FieldsForm:
        """The boxes of a row with what is to be asked about."""
        form = self.form(record, row)
        for name, value in merged.items():
            form[name].data = value
        return form

    def edit(self, record: S, row: Row) -> Edit:
        """The row's boxes, which somebody else may change meanwhile."""
        form = self.form(record, row)
        texts = {one.box: label_of(one) for one in row.fields}
        return Edit({name: form[name].data for name in form._fields}, labels(texts))


class RecordPage(NounPage[R]):
    """The page of the records of a noun, whole or a part of it."""

    def saved(self, record: R, part: str = "fields", **context: object) -> Response:
        """After a change: that fragment, and word to the other parts; without script the page again."""
        if not wants_fragment():
            return to_url(self.url(record))
        response = self.page(record, 200, part, **context)
        response.headers["HX-Trigger"] = "changed"
        return response

    def page(self, record: R, status: int = 200, part: str = "", **context: object) -> Response:
        """The page of the record, or the part that is asked for. What a part needs is read when it is drawn."""
        part = part or request.args.get("part", "")
        may_write = g.actor.role >= Role.OPERATOR
        return page(
            "crm/record.html",
            block=part if part in PARTS else "fields",
            status=status,
            record=record,
            noun=self.noun,
            url=lambda endpoint="show", **values: self.url(record, endpoint, **values),
            name=self.noun.title(record),
            may_write=may_write,
            can_write=may_write and not record.deleted_at,
            **self._readers(record),
            **context,
        )

    def _readers(self, record: R) -> dict[str, Callable[..., object]]:
        session = db.session()
        values = self.noun.service.view(record)
        at = PageAt(ENTRIES, request.args.get("cursor"))
        return {
            "rows": cache(lambda: [(row, of_row(session, row, values)) for row in self.noun.rows(session)]),
            "row_form": lambda row: self.form(record, row),
            "row_edit": lambda row: self.edit(record, row),
            "record_tags": cache(lambda: tags.of(session, record)),
            "entries": cache(lambda: lines(session, record, at)),
            "note_form_of": lambda note: NoteForm(data={"text": note.text}),
            "mention_names": cache(lambda: dump_json(mentionable(session))),
            "may_change": lambda note: notes.may_change(note, g.actor.user.id, g.actor.role),
            "mergeable": lambda: isinstance(record, Contact | Company),
            "title_of": title_of,
            "label_of": label_of,
            "alike": cache(lambda: duplicates.of(session, record) if isinstance(record, Contact | Company) else []),
            "related": cache(lambda: related.of(session, record)),
            "stages": lambda: session.get_one(Pipeline, record.pipeline_id).stages if isinstance(record, Deal) else (),
            "new_note": NoteForm,
            "new_task": lambda: TaskForm(
                member_choices(session),
                stored={"due_date": str(today() + timedelta(days=1)), "assignee_id": g.actor.user.id},
            ),
        }


def cause() -> Cause:
    """A change that a person makes in the browser."""
    return Cause(g.actor.user.id)
