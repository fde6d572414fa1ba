"""Which value of two records the merged one has: chosen field by field, or settled by a rule."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass

from flowapp.crm import reading
from flowapp.errors import InvalidError
from flowapp.models import Company, Contact
from flowapp.texts import say

Pair = tuple[Contact, Contact] | tuple[Company, Company]
FREE: Mapping[str, tuple[str, ...]] = {
    "contact": ("email", "first_name", "last_name", "phone", "language", "timezone", "owner_id", "company_id"),
    "company": ("name", "domain", "pipeline_stage", "montant_potentiel", "owner_id"),
}
STRICTNESS = ("unknown", "granted", "denied")  # the last one wins
MOST_POINTS = 10**9
_EMPTY: tuple[object, ...] = ("", None, [])


@dataclass(frozen=True, slots=True)
class Choice:
    """A field of both records, and what the merged one has. `settled`: by a rule, there is nothing to choose."""

    name: str
    mine: object
    theirs: object
    value: object
    settled: bool = False

    @property
    def differs(self) -> bool:
        """Whether there is something to choose, or to know."""
        return self.mine != self.theirs

    @property
    def taken(self) -> bool:
        """Whether it is the other record's value."""
        return self.differs and self.value == self.theirs


def of(noun: str, pair: Pair, take: Collection[str] = ()) -> list[Choice]:
    """Every field of the pair, (what is kept, what goes). What is kept has its own value, unless it has none or `take` names
    the field. InvalidError at `take` for a name that is no field to choose."""
    kept, gone = pair
    own = [f"fields.{key}" for key in dict.fromkeys([*kept.fields, *gone.fields])]
    names = [*FREE[noun], *own]
    if unknown := [name for name in take if name not in names]:
        raise InvalidError.at("take", say("There is no field “%(name)s” to choose.", name=unknown[0][:100]), "unknown")
    found = [_choice(name, _value(kept, name), _value(gone, name), name in take) for name in names]
    if isinstance(kept, Contact) and isinstance(gone, Contact):
        found += _settled(kept, gone)
    return found


def choice_json(choice: Choice) -> dict[str, object]:
    """The choice as answers print it."""
    names = ("name", "mine", "theirs", "value", "settled")
    return {name: reading.shown(getattr(choice, name)) for name in names}


def _choice(name: str, mine: object, theirs: object, taken: bool) -> Choice:
    wanted = theirs if theirs not in _EMPTY and (taken or mine in _EMPTY) else mine
    return Choice(name, mine, theirs, wanted)


def _settled(kept: Contact, gone: Contact) -> list[Choice]:
    score = min(kept.score + gone.score, MOST_POINTS)
    consent = max(kept.consent, gone.consent, key=STRICTNESS.index)
    emails = list(dict.fromkeys([*kept.emails, *gone.emails]))
    return [
        Choice("emails", kept.emails, gone.emails, emails, settled=True),
        Choice("score", kept.score, gone.score, score, settled=True),
        Choice("consent", kept.consent, gone.consent, consent, settled=True),
    ]


def _value(record: Contact | Company, name: str) -> object:
    key = name.removeprefix("fields.")
    return record.fields.get(key) if key != name else getattr(record, name)
