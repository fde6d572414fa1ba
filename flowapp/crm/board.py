"""The deals of a pipeline as a board: a column for each stage, with how many there are and what they are worth."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal

from sqlalchemy import ColumnElement, func, select
from sqlalchemy.orm import Session, lazyload, selectinload

from flowapp.crm import finding
from flowapp.crm.finding import Search
from flowapp.models import Deal, Pipeline, Stage

SHOWN = 50  # of a column


@dataclass(frozen=True, slots=True)
class Column:
    """A stage: `deals` are the newest in it, `count` and `sums` (by currency) are of all."""

    stage: Stage
    deals: Sequence[Deal]
    count: int
    sums: Mapping[str, Decimal]


def columns(session: Session, pipeline: Pipeline, search: Search) -> list[Column]:
    """The columns of a pipeline, with the deals that are looked for; what is in the trash has no place on a board."""
    where = finding.conditions(Deal, replace(search, pipeline_id=pipeline.id, trashed=False))
    totals = _totals(session, where)
    return [
        Column(stage, _newest(session, where, stage), sum(count for count, _sum in totals.get(stage.id, {}).values()),
               {code: amount for code, (_count, amount) in totals.get(stage.id, {}).items() if amount})
        for stage in pipeline.stages
    ]  # fmt: skip


def _totals(session: Session, where: Sequence[ColumnElement[bool]]) -> dict[str, dict[str, tuple[int, Decimal | None]]]:
    """By stage and currency: how many, and their sum."""
    statement = (
        select(Deal.stage_id, Deal.currency, func.count(Deal.id), func.sum(Deal.value))
        .where(*where)
        .group_by(Deal.stage_id, Deal.currency)
        .order_by(Deal.currency)
    )
    found: dict[str, dict[str, tuple[int, Decimal | None]]] = {}
    for stage_id, currency, count, amount in session.execute(statement):
        found.setdefault(stage_id, {})[currency] = (count, amount)
    return found


def _newest(session: Session, where: Sequence[ColumnElement[bool]], stage: Stage) -> Sequence[Deal]:
    newest = (
        select(Deal)
        .where(*where, Deal.stage_id == stage.id)
        .options(selectinload(Deal.company), lazyload(Deal.contacts))  # a card does not show its people
        .order_by(Deal.stage_entered_at.desc(), Deal.id.desc())
        .limit(SHOWN)
    )
    return session.scalars(newest).unique().all()
