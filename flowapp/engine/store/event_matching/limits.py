"""Workflows that start each other, or themselves, without an end: they are stopped, and somebody is told."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

from sqlalchemy import func, select, tuple_
from sqlalchemy.orm import Session

from flowapp.engine.store.event_matching.listeners import Match
from flowapp.models import Event, Workflow, first_id

MOST_DEEP = 10  # executions in a row, each started by an event of the one before
MOST_TOUCHES = 50  # events that one workflow causes about one record
WITHIN = timedelta(hours=1)

Reason = Literal["chain", "record"]


@dataclass(frozen=True, slots=True)
class Stopped:
    """An event that starts nothing any more. `workflow` is the one to look at."""

    workflow: Workflow
    event: Event
    reason: Reason


def allowed(session: Session, heard: Sequence[Match], now: datetime) -> tuple[list[Match], list[Stopped]]:
    """Those that may start, and those that are stopped. Events of jobs over many rows are not counted."""
    touched = _touched_too_often(session, heard, now)
    may: list[Match] = []
    stopped: list[Stopped] = []
    for one in heard:
        event = one.event
        if event.depth >= MOST_DEEP:
            stopped.append(Stopped(one.listener.workflow, event, "chain"))
        elif (event.by_workflow_id, event.entity_id) in touched and not event.bulk:
            stopped.append(Stopped(_cause(session, one), event, "record"))
        else:
            may.append(one)
    return may, stopped


def _cause(session: Session, one: Match) -> Workflow:
    """The workflow that touches the record; it may have been deleted since."""
    return session.get(Workflow, one.event.by_workflow_id) or one.listener.workflow


def _touched_too_often(session: Session, heard: Sequence[Match], now: datetime) -> set[tuple[str | None, str]]:
    """(workflow, record) of which the workflow caused more events within the hour than it may."""
    caused = {
        (one.event.by_workflow_id, one.event.entity_id)
        for one in heard
        if one.event.by_workflow_id and not one.event.bulk
    }
    if not caused:
        return set()
    pair = (Event.by_workflow_id, Event.entity_id)
    rows = session.execute(
        select(*pair)
        .where(tuple_(*pair).in_(caused), Event.id > first_id(now - WITHIN), Event.bulk.is_(False))
        .group_by(*pair)
        .having(func.count() > MOST_TOUCHES)
    )
    return {(workflow_id, entity_id) for workflow_id, entity_id in rows}
