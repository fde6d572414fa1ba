"""The fields of each noun, as parameters name them: those that can be written, that change, and that records are found by."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping

from sqlalchemy.orm import Session

from flowapp.catalog import N_
from flowapp.catalog.resources import Choice, Choices, resource
from flowapp.crm import companies, contacts, fields
from flowapp.crm.steps.nouns import NOUNS
from flowapp.crm.steps.search import names_of
from flowapp.models import FIELD_OBJECTS
from flowapp.texts import say

Labels = Mapping[str, str]
_OWNER, _COMPANY, _CURRENCY = N_("Owner"), N_("Company"), N_("Currency")
_ABOUT: Labels = {"contact_id": N_("Contact"), "company_id": _COMPANY, "deal_id": N_("Deal")}
# What is offered, under the names that events and expressions use.
OFFERED: Mapping[str, Labels] = {
    "contact": {
        "email": N_("E-mail"), "first_name": N_("First name"), "last_name": N_("Last name"), "phone": N_("Phone"),
        "company_id": _COMPANY, "owner_id": _OWNER, "language": N_("Language"), "timezone": N_("Time zone"),
        "score": N_("Score"), "consent": N_("Consent"),
    },
    "company": {
        "name": N_("Name"), "domain": N_("Domain"), "pipeline_stage": N_("Stage"),
        "montant_potentiel": N_("Potential value"), "currency": _CURRENCY, "owner_id": _OWNER,
    },
    "deal": {
        "title": N_("Title"), "value": N_("Value"), "currency": _CURRENCY, "pipeline": N_("Pipeline"), "stage": N_("Stage"),
        "status": N_("Status"), "lost_reason": N_("Lost reason"), "expected_close": N_("Expected close"),
        "contact_id": N_("Contact"), "company_id": _COMPANY, "owner_id": _OWNER, "description": N_("Description"),
    },
    "task": {
        "title": N_("Title"), "description": N_("Description"), "type": N_("Type"), "priority": N_("Priority"),
        "due_date": N_("Due"), "assignee_id": N_("Assignee"), "done": N_("Done"), **_ABOUT,
    },
    "note": {"text": N_("Text"), "type": N_("Type"), **_ABOUT},
}  # fmt: skip
# What else a change may name: all that the noun's view shows.
SHOWN: Mapping[str, Collection[str]] = {
    "contact": (*contacts.FIXED, "name"),
    "company": (*companies.FIXED, "nom"),
    "deal": ("montant", "stage_id", "pipeline_id", "stage_entered_at", "contact_ids"),
}
_OTHER_NAMES = {"company": ("organisation", "organization"), "note": ("activity",)}
_MISSING = {
    "contact": N_("Contacts have no field “%(name)s”.%(near)s"),
    "company": N_("Companies have no field “%(name)s”.%(near)s"),
    "deal": N_("Deals have no field “%(name)s”.%(near)s"),
    "task": N_("Tasks have no field “%(name)s”.%(near)s"),
    "note": N_("Notes have no field “%(name)s”.%(near)s"),
}


def _listing(noun: str, **more: str) -> Callable[[Session, str], Choices]:
    """The noun's own fields, `more`, and those that an admin defined."""

    def listing(session: Session, _project_id: str) -> Choices:
        own = fields.of(session, noun) if noun in FIELD_OBJECTS else ()
        fixed = {**OFFERED[noun], **more}
        return [
            *(Choice(name, say(label)) for name, label in fixed.items()),
            *(Choice(field.key, field.label, (f"fields.{field.key}",)) for field in own),
        ]

    return listing


def _knows(names: Collection[str], *, undefined: bool = False) -> Callable[[Session, str, str], bool]:
    """Looks among `names`; `undefined`: any `fields.x` will do, since contacts keep what nobody has defined."""

    def knows(_session: Session, _project_id: str, name: str) -> bool:
        return name in names or (undefined and name.startswith("fields.") and name != "fields.")

    return knows


for _noun, _missing in _MISSING.items():
    _open = _noun == "contact"
    _tag = {"tag": N_("Tag")} if _noun in FIELD_OBJECTS else {}
    for _word in (_noun, *_OTHER_NAMES.get(_noun, ())):
        _written = _knows({*NOUNS[_noun].names, "fields"}, undefined=_open)
        resource(f"{_word}_field", missing=_missing, knows=_written)(_listing(_noun))
        resource(f"{_word}_change", missing=_missing, knows=_knows(SHOWN.get(_noun, ()), undefined=_open))(
            _listing(_noun)
        )
        resource(f"{_word}_criterion", missing=_missing, knows=_knows(names_of(_noun)))(_listing(_noun, **_tag))
