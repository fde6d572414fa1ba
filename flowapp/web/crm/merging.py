"""The pages on which two contacts or companies become one: likely duplicates, the choice of the other one, the preview."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Generic
from uuid import UUID

from flask import Blueprint, Response, flash, g, request, url_for
from flask_babel import gettext as _
from sqlalchemy.orm import Session

from flowapp.catalog import N_
from flowapp.crm import links
from flowapp.crm.merging import choices, followers, merge
from flowapp.crm.merging.choices import Choice
from flowapp.crm.people import duplicates
from flowapp.crm.people.duplicates import Party
from flowapp.errors import InvalidError, NotFoundError
from flowapp.events import audit
from flowapp.extensions import db
from flowapp.models import Company, Contact
from flowapp.security.roles import Role
from flowapp.web.crm.nouns import R, RecordField, title_of
from flowapp.web.crm.page import cause
from flowapp.web.crm.record import RecordPages, declared
from flowapp.web.crm.values import field_named, of_field, url_of
from flowapp.web.render import page, to_url
from flowapp.web.texts import label_of, translated

REASONS = {
    "phone": N_("same phone number"), "email": N_("same mailbox"), "domain": N_("same domain"), "name": N_("similar name"),
}  # fmt: skip
MOVES = {
    "taggings": N_("Tags"), "list_members": N_("Lists"), "deal_contacts": N_("Deals"), "deals": N_("Deals"), "tasks": N_("Tasks"),
    "notes": N_("Notes"), "contacts": N_("Contacts"),
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Row:
    """A field of both, as the preview shows it."""

    choice: Choice
    label: str
    mine: str
    theirs: str
    value: str

    @property
    def open(self) -> bool:
        """Whether there is something to choose."""
        return bool(self.mine and self.theirs) and not self.choice.settled


class MergePages(Generic[R]):
    """The routes, as a noun's blueprint mounts them."""

    def __init__(self, pages: RecordPages[R]) -> None:
        self.pages, self.noun = pages, pages.noun

    def mount(self, bp: Blueprint) -> None:
        """Adds the routes to the noun's blueprint."""
        one = f"/<uuid:{self.noun.name}_id>"
        bp.add_url_rule("/duplicates", "duplicates", declared(self.duplicates, Role.VIEWER), methods=["GET"])
        for path, name, view, method in (
            (f"{one}/merge", "merge_preview", self.preview, "GET"),
            (f"{one}/merge", "merge_now", self.merge, "POST"),
            (f"{one}/not-duplicate", "not_duplicate", self.keep_apart, "POST"),
        ):
            bp.add_url_rule(path, name, declared(view, Role.OPERATOR), methods=[method])

    def duplicates(self) -> Response:
        """Pairs that may be the same, the likeliest first."""
        pairs = duplicates.every(db.session(), self._model())
        return self._page("crm/duplicates.html", pairs=pairs)

    def preview(self, **ids: UUID) -> Response:
        """Which one, if the address does not say; else both values of each field."""
        kept, other = self._party(ids), request.args.get("other", "").strip()
        return self._preview(kept, other)

    def merge(self, **ids: UUID) -> Response:
        """Merges, and leads to the one that stays."""
        session, kept, other = db.session(), self._party(ids), request.form.get("other", "")
        take = [name for name in request.form.getlist("fields") if request.form.get(f"take-{name}") == "theirs"]
        try:
            gone = links.find(session, self.noun.name, other)
            target = (self.noun.name, gone.id, title_of(gone))
            names = self._names(kept, gone if isinstance(gone, Contact | Company) else None)
            if isinstance(kept, Contact) and isinstance(gone, Contact):
                merge.contact(session, kept, gone, take, cause=cause())
            elif isinstance(kept, Company) and isinstance(gone, Company):
                merge.company(session, kept, gone, take, cause=cause())
        except (InvalidError, NotFoundError) as error:
            session.rollback()
            return self._preview(self._party(ids), "", problem=_message(error), typed=other)
        audit(session, f"{self.noun.name}.merged", actor=g.actor.audit, target=target, details={"into": kept.id})
        session.commit()
        flash(_("“%(gone)s” was merged into “%(kept)s”.", gone=names[1], kept=names[0]), "success")
        return to_url(url_of(kept))

    def keep_apart(self, **ids: UUID) -> Response:
        """Remembers that two are not the same."""
        one = self._party(ids)
        other = links.find(db.session(), self.noun.name, request.form.get("other", ""))
        if isinstance(other, Contact | Company):
            duplicates.keep_apart(db.session(), one, other)
        db.session.commit()
        flash(_("They will not be shown as duplicates again."), "success")
        return to_url(request.form.get("next") or url_for(f"{self.noun.plural}.duplicates"))

    def _preview(self, kept: Party, other: str, *, problem: str = "", typed: str = "") -> Response:
        session, gone = db.session(), None
        try:
            found = links.find(session, self.noun.name, other) if other else None
            gone = found if isinstance(found, Contact | Company) else None
            if gone is not None and gone.id == kept.id:
                gone, problem = None, _("Choose another record than this one.")
        except (InvalidError, NotFoundError) as error:
            problem, typed = _message(error), other
        rows = self._rows(session, kept, gone) if gone else []
        moves = [
            (_(MOVES[name]), count)
            for name, count in (followers.counted(session, self.noun.name, gone.id).items() if gone else ())
            if count and name in MOVES
        ]
        return self._page(
            "crm/merge.html", 422 if problem else 200, kept=kept, gone=gone, names=self._names(kept, gone), rows=rows, moves=moves, problem=problem,
            typed=typed, alike=[] if gone else duplicates.of(session, kept),
        )  # fmt: skip

    def _rows(self, session: Session, kept: Party, gone: Party) -> Sequence[Row]:
        pair = (kept, gone)
        found = choices.of(self.noun.name, pair)  # type: ignore[arg-type]
        return [self._row(session, one) for one in found if one.mine or one.theirs]

    def _row(self, session: Session, choice: Choice) -> Row:
        field = field_named(session, self.noun.name, choice.name.removeprefix("fields."))
        texts = [_text(session, field, value) for value in (choice.mine, choice.theirs, choice.value)]
        return Row(choice, label_of(field), *texts)

    def _party(self, ids: dict[str, UUID]) -> Party:
        record = self.pages.get(ids)
        if not isinstance(record, Contact | Company) or record.deleted_at:
            raise NotFoundError(_("It is in the trash."))
        return record

    def _model(self) -> type[Contact | Company]:
        return Contact if issubclass(self.noun.model, Contact) else Company

    def _names(self, kept: Party, gone: Party | None) -> tuple[str, str]:
        """What the two are called; namesakes by what tells them apart, too."""
        names = title_of(kept), title_of(gone) if gone else ""
        if gone is None or names[0] != names[1]:
            return names
        apart = [one.email if isinstance(one, Contact) else one.domain for one in (kept, gone)]
        if apart[0] == apart[1]:
            apart = [f"#{kept.number}", f"#{gone.number}"]
        return f"{names[0]} ({apart[0] or f'#{kept.number}'})", f"{names[1]} ({apart[1] or f'#{gone.number}'})"

    def _page(self, template: str, status: int = 200, **context: object) -> Response:
        return page(
            template, block="", status=status, noun=self.noun, may_merge=g.actor.role >= Role.OPERATOR, title_of=title_of,
            url_of=url_of, reasons={name: _(text) for name, text in REASONS.items()}, **context,
        )  # fmt: skip


def _text(session: Session, field: RecordField, value: object) -> str:
    return of_field(session, field, value).text


def _message(error: InvalidError | NotFoundError) -> str:
    return translated(error.problems[0].message if isinstance(error, InvalidError) else error.message)
