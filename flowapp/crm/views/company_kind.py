"""Conditions about the company that a contact or a deal belongs to."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import ColumnElement, SQLColumnExpression, false, func, not_, select, true

from flowapp.models import Company
from flowapp.models.folding import one_of
from flowapp.records.filters import Context
from flowapp.records.filters.kinds import TextKind


@dataclass(frozen=True, slots=True)
class CompanyKind:
    """A text of a record's company. The companies are looked through, not the company of each record again and again."""

    company_id: SQLColumnExpression[str] | SQLColumnExpression[str | None]
    text: TextKind

    @property
    def operators(self) -> Sequence[str]:
        """Those of texts."""
        return self.text.operators

    def read(self, operator: str, value: object, context: Context) -> object:
        """As texts are."""
        return self.text.read(operator, value, context)

    def test(self, operator: str, value: object, context: Context, *, ignore_case: bool) -> ColumnElement[bool]:
        """Whether it holds for the company."""
        return self._of(self.text.test(operator, value, context, ignore_case=ignore_case))

    def missing(self) -> ColumnElement[bool]:
        """There is no company."""
        return not_(func.coalesce(self._of(true()), false()))

    def exists(self) -> ColumnElement[bool]:
        """The company has one that is not blank."""
        return self._of(self.text.exists())

    def _of(self, test: ColumnElement[bool]) -> ColumnElement[bool]:
        ids = select(Company.id).where(Company.deleted_at.is_(None), test)
        return one_of(self.company_id, ids.scalar_subquery())
