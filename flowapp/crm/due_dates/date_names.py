"""The date fields of each noun, as triggers of dates name them."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from sqlalchemy.orm import Session

from flowapp.catalog import N_
from flowapp.catalog.resources import Choice, Choices, resource
from flowapp.crm import fields
from flowapp.crm.due_dates.date_fields import dates_of, find
from flowapp.errors import InvalidError
from flowapp.models import FIELD_OBJECTS
from flowapp.texts import say

_LABELS: Mapping[str, str] = {
    "created_at": N_("Created"), "updated_at": N_("Changed"), "last_activity_at": N_("Last activity"),
    "expected_close": N_("Expected close"), "stage_entered_at": N_("In this stage since"), "closed_at": N_("Closed"),
    "due_date": N_("Due"), "due_at": N_("Due at"), "done_at": N_("Done at"),
}  # fmt: skip
_MISSING = {
    "contact": N_("Contacts have no date “%(name)s”.%(near)s"),
    "company": N_("Companies have no date “%(name)s”.%(near)s"),
    "deal": N_("Deals have no date “%(name)s”.%(near)s"),
    "task": N_("Tasks have no date “%(name)s”.%(near)s"),
}


def _listing(noun: str) -> Callable[[Session, str], Choices]:
    def listing(session: Session, _project_id: str) -> Choices:
        defined = {field.key: field.label for field in fields.of(session, noun)} if noun in FIELD_OBJECTS else {}
        return [
            Choice(name, defined.get(name) or say(_LABELS[name]), (f"fields.{name}",) if name in defined else ())
            for name in dates_of(session, noun)
        ]

    return listing


def _knows(noun: str) -> Callable[[Session, str, str], bool]:
    """What is found on the day: of contacts also a field that nobody has defined."""

    def knows(session: Session, _project_id: str, name: str) -> bool:
        try:
            find(session, noun, name.removeprefix("fields."))
        except InvalidError:
            return False
        return True

    return knows


for _noun, _missing in _MISSING.items():
    for _word in (_noun, *(("organisation", "organization") if _noun == "company" else ())):
        resource(f"{_word}_date", missing=_missing, knows=_knows(_noun))(_listing(_noun))
