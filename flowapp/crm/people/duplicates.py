"""Contacts, and companies, that may be the same one: found in blocks of those that share something, never by all pairs.

Contacts: of one phone number; of one mailbox (ann+news@ is ann@); of similar names in one company, or with the same last name
where the companies do not differ. Companies: of one domain, or of similar names.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import combinations
from math import comb
from typing import cast

from rapidfuzz import fuzz
from sqlalchemy import ColumnElement, SQLColumnExpression, func, or_, select
from sqlalchemy.orm import Session

from flowapp.crm import contacts
from flowapp.crm.people import addresses
from flowapp.crm.reading import search_text
from flowapp.crm.search.words import text_of
from flowapp.crm.writing import save
from flowapp.errors import UnsuitableError
from flowapp.models import Company, Contact, ContactEmail, DistinctPair
from flowapp.records.lock import lock
from flowapp.texts import say

Party = Contact | Company
Shared = SQLColumnExpression[str] | SQLColumnExpression[str | None]
ALIKE = 88.0  # of 100: "Jon Smith" and "John Smith"
BLOCK = 200  # rows that are compared with each other at most
BLOCKS = 500  # that one question looks at
PAIRS = (
    50_000  # that it compares of what has one thing in common: 500 companies with 200 people each would take minutes
)
KEPT = addresses.MOST * BLOCK  # strings remembered: those of a block are compared with each other
_LETTERS = 4  # with which names begin alike


@dataclass(frozen=True, slots=True)
class Likeness:
    """Two records that may be the same. `reasons` are phone, email, domain, name; `score` is 0 to 100."""

    first: Party
    second: Party
    reasons: tuple[str, ...]
    score: int

    @property
    def key(self) -> tuple[str, str]:
        """Both ids, the smaller one first."""
        return key_of(self.first, self.second)


def party_json(row: Party) -> dict[str, object]:
    """One of a pair, as answers print it."""
    return {"id": row.id, "number": row.number, "name": contacts.name_of(row) if isinstance(row, Contact) else row.name}


def pair_json(pair: Likeness) -> dict[str, object]:
    """The pair, as answers print it."""
    parties = {"first": party_json(pair.first), "second": party_json(pair.second)}
    return {**parties, "reasons": pair.reasons, "score": pair.score}


def like_json(pair: Likeness) -> dict[str, object]:
    """The second one of a pair, as answers about the first one print it."""
    return {**party_json(pair.second), "reasons": pair.reasons, "score": pair.score}


def key_of(one: Party, other: Party) -> tuple[str, str]:
    """What a pair is remembered by."""
    return (one.id, other.id) if one.id < other.id else (other.id, one.id)


def compare(one: Party, other: Party) -> Likeness | None:
    """How alike they are; None where they are not."""
    same = _same_contact if isinstance(one, Contact) else _same_company
    reasons, score = same(one, other)  # type: ignore[arg-type]
    return Likeness(one, other, reasons, score) if reasons else None


def of(session: Session, record: Party, *, limit: int = 5) -> list[Likeness]:
    """What may be the same as the record, the likeliest first."""
    conditions = _shared_contact(record) if isinstance(record, Contact) else _shared_company(record)
    model = type(record)
    found: dict[str, Likeness] = {}
    for condition in conditions:
        wanted = select(model).where(condition, model.deleted_at.is_(None), model.id != record.id)
        for other in cast(Sequence[Party], session.scalars(wanted.order_by(model.id.desc()).limit(BLOCK)).all()):
            if (likeness := compare(record, other)) is not None:
                found[other.id] = likeness
    return _likeliest(session, list(found.values()), limit)


def every(session: Session, model: type[Contact | Company], *, limit: int = 50) -> list[Likeness]:
    """Pairs of the whole organization, the likeliest first: of the first blocks that have any."""
    found: dict[tuple[str, str], Likeness] = {}
    for rows in _blocks(session, model):
        for one, other in combinations(rows, 2):
            if key_of(one, other) not in found and (likeness := compare(one, other)) is not None:
                found[likeness.key] = likeness
        if len(found) >= 4 * limit:
            break
    return _likeliest(session, list(found.values()), limit)


def keep_apart(session: Session, one: Party, other: Party) -> None:
    """Remembers that these are not the same. UnsuitableError for a record and itself."""
    if one.id == other.id:
        raise UnsuitableError.at("other", say("Choose another record than this one."))
    lock(session, one)
    first, second = key_of(one, other)
    if session.get(DistinctPair, (first, second)) is None:
        save(session, DistinctPair(first_id=first, second_id=second))


def _likeliest(session: Session, pairs: Sequence[Likeness], limit: int) -> list[Likeness]:
    """Without those that somebody keeps apart."""
    known = _distinct(session, pairs)
    return sorted((one for one in pairs if one.key not in known), key=lambda one: -one.score)[:limit]


def _distinct(session: Session, pairs: Sequence[Likeness]) -> set[tuple[str, str]]:
    if not pairs:
        return set()
    firsts = select(DistinctPair).where(DistinctPair.first_id.in_({pair.key[0] for pair in pairs}))
    return {(row.first_id, row.second_id) for row in session.scalars(firsts)}


def _same_contact(one: Contact, other: Contact) -> tuple[tuple[str, ...], int]:
    scores: dict[str, int] = {}
    if one.phone and one.phone == other.phone:
        scores["phone"] = 90
    if {_mailbox(email) for email in one.emails} & {_mailbox(email) for email in other.emails}:
        scores["email"] = 95
    apart = one.company_id and other.company_id and one.company_id != other.company_id
    named = all(each.first_name and each.last_name for each in (one, other))
    names = [_words(f"{each.first_name} {each.last_name}") for each in (one, other)] if named and not apart else []
    if names and (alike := _alike(*names)) >= ALIKE:
        scores["name"] = round(alike * 0.9)
    return _together(scores)


def _same_company(one: Company, other: Company) -> tuple[tuple[str, ...], int]:
    scores: dict[str, int] = {}
    if one.domain and one.domain == other.domain:
        scores["domain"] = 95
    alike = _alike(_words(one.name), _words(other.name))
    if alike >= ALIKE and not (one.domain and other.domain and one.domain != other.domain):
        scores["name"] = round(alike * 0.9)
    return _together(scores)


def _together(scores: Mapping[str, int]) -> tuple[tuple[str, ...], int]:
    """The reasons, and one score: each further reason adds to the best one."""
    return tuple(scores), min(100, max(scores.values()) + 5 * (len(scores) - 1)) if scores else 0


def _alike(one: str, other: str) -> float:
    return fuzz.token_sort_ratio(one, other, score_cutoff=ALIKE)


@lru_cache(KEPT)
def _words(name: str) -> str:
    return search_text(name)


@lru_cache(KEPT)
def _mailbox(email: str) -> str:
    """The address without what follows a plus sign: it comes to the same mailbox."""
    name, _, domain = email.partition("@")
    return f"{name.partition('+')[0]}@{domain}"


def _shared_contact(record: Contact) -> list[ColumnElement[bool]]:
    """What others have in common with the contact: one condition for each block, each with an index."""
    found: list[ColumnElement[bool]] = []
    if record.phone:
        found.append(Contact.phone == record.phone)
    if boxes := {_mailbox(email) for email in record.emails} - set(record.emails):
        found += [addresses.holding(box) for box in boxes]
    if record.last_name:
        found.append(Contact.last_name == record.last_name)
    if record.company_id:
        found.append(Contact.company_id == record.company_id)
    return found


def _shared_company(record: Company) -> list[ColumnElement[bool]]:
    begins = text_of(record.name)[:_LETTERS]
    found: list[ColumnElement[bool]] = [Company.search.startswith(begins, autoescape=True)]
    return [Company.domain == record.domain, *found] if record.domain else found


def _blocks(session: Session, model: type[Contact | Company]) -> Iterator[Sequence[Party]]:
    """Rows that have something in common."""
    if model is Contact:
        yield from _mailboxes(session)
        yield from _sharing(session, Contact, Contact.phone, Contact.phone != "")
        yield from _sharing(session, Contact, Contact.company_id, Contact.company_id.is_not(None))
        yield from _sharing(session, Contact, Contact.last_name, Contact.last_name != "")
    else:
        yield from _sharing(session, Company, Company.domain, Company.domain != "")
        begins = func.substr(Company.search, 1, _LETTERS)
        yield from _sharing(session, Company, begins, begins != "")


def _sharing(
    session: Session, model: type[Contact | Company], column: Shared, filled: ColumnElement[bool]
) -> Iterator[Sequence[Party]]:
    """Rows with the same in a column, where `filled` holds."""
    here = model.deleted_at.is_(None)
    several = select(column).where(filled, here).group_by(column).having(func.count() > 1).order_by(column)
    pairs = 0
    for value in session.scalars(several.limit(BLOCKS)).all():
        rows = session.scalars(select(model).where(column == value, here).order_by(model.id).limit(BLOCK)).all()
        yield cast(Sequence[Party], rows)
        pairs += comb(len(rows), 2)
        if pairs >= PAIRS:
            return


def _mailboxes(session: Session) -> Iterator[Sequence[Contact]]:
    """Contacts whose address has a plus sign, each with those that have the address without it."""
    tagged = select(ContactEmail).where(ContactEmail.email.like("%+%@%")).order_by(ContactEmail.email).limit(BLOCKS)
    for row in session.scalars(tagged).all():
        same = or_(Contact.id == row.contact_id, addresses.holding(_mailbox(row.email)))
        yield session.scalars(select(Contact).where(same, Contact.deleted_at.is_(None)).limit(BLOCK)).all()
