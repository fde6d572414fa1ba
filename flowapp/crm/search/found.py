"""Records found by their words, in an index that the database keeps itself (models.RecordWord).

No full-text index of the databases: PostgreSQL uses none under row-level security, since their operators are not leakproof;
comparisons of texts are.
"""

from __future__ import annotations

from sqlalchemy import ColumnElement, Select, false, intersect, select, union_all
from sqlalchemy.orm import aliased

from flowapp.crm.search.words import Asked, asked_of
from flowapp.models import Company, Contact, Deal
from flowapp.models.crm.base import Sourced
from flowapp.models.crm.nouns import NOUNS
from flowapp.models.folding import one_of
from flowapp.models.search import RecordWord

_AFTER_ALL = "\U0010ffff"


def found_by(model: type[Sourced], text: str) -> list[ColumnElement[bool]]:
    """The conditions that hold for what has every word of the text; none for no text."""
    if not text.strip():
        return []
    return [one_of(model.id, found.scalar_subquery())] if (found := ids(model, text)) is not None else [false()]


def ids(model: type[Sourced], text: str) -> Select[str] | None:
    """A query for the ids of what has every word of the text; None where it has no word."""
    asked = asked_of(text)
    return _all_of([_ids_of(model, one) for one in asked]) if asked else None


def _all_of(found: list[Select[str]]) -> Select[str]:
    return found[0] if len(found) == 1 else select(intersect(*found).subquery().c[0])


def _ids_of(model: type[Sourced], one: Asked) -> Select[str]:
    if not one.phone:
        return _ids(model, one.words[0])
    apart = _all_of([_ids(model, word) for word in one.words])
    return select(union_all(_with(model, one.phone), apart).subquery().c[0])


def _ids(model: type[Sourced], word: str) -> Select[str]:
    """Those with a word that begins so, or whose company has one."""
    own = _with(model, word)
    if not issubclass(model, Contact | Deal):
        return own
    theirs = aliased(model)
    of_company = select(theirs.id).where(one_of(theirs.company_id, _with(Company, word).scalar_subquery()))
    return select(union_all(own, of_company).subquery().c[0])


def _with(model: type[Sourced], word: str) -> Select[str]:
    begins = (RecordWord.word >= word) & (RecordWord.word < word + _AFTER_ALL)
    return select(RecordWord.record_id).where(RecordWord.noun == NOUNS[model], begins)
