"""How much each integration is used: calls, errors and how long they took, by day; when it was used last, and its last error.

Workers count in Redis (tasks.outgoing.usage); the job update_integration_stats brings that here.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from flowapp.models import Integration, IntegrationUsage, iso, utcnow

KEPT_DAYS = 90
STEP = 1.1  # durations are counted in classes that grow by a tenth
LONGEST_ERROR = 500  # characters


@dataclass(slots=True)
class Counted:
    """Calls of one integration on one day. `latencies`: how many took how long, by class (see `latency_class`)."""

    calls: int = 0
    errors: int = 0
    latencies: Counter[int] = field(default_factory=Counter)


@dataclass(slots=True)
class LastUse:
    """When an integration was used last; its last error, where there was one."""

    used_at: datetime
    error: str = ""
    error_at: datetime | None = None


def latency_class(seconds: float) -> int:
    """The class of a duration; see `percentile`."""
    return max(0, round(math.log(max(seconds * 1000, 1), STEP)))


def percentile(latencies: Mapping[int, int], part: float) -> int | None:
    """Milliseconds within which so large a part of the calls ended, to about 5 %; None without calls."""
    wanted, seen = math.ceil(sum(latencies.values()) * part), 0
    for known in sorted(latencies):
        seen += latencies[known]
        if seen >= wanted:
            return round(STEP**known)
    return None


def add(
    session: Session,
    batch: str,
    counted: Mapping[tuple[str, date], Counted],
    last: Mapping[str, LastUse],
) -> int:
    """Adds a batch, by integration and day; the number of calls that it brought. The same batch again changes nothing.

    `session` sees all organizations. What was counted for an integration that is gone is left out.
    """
    wanted = {integration_id for integration_id, _day in counted} | set(last)
    rows = {row.id: row for row in session.scalars(select(Integration).where(Integration.id.in_(wanted)))}
    added = 0
    for (integration_id, day), more in counted.items():
        if integration_id in rows:
            added += _add(session, rows[integration_id], day, batch, more)
    for integration_id, use in last.items():
        if integration_id in rows:
            _note(rows[integration_id], use)
    session.flush()
    return added


def _add(session: Session, integration: Integration, day: date, batch: str, more: Counted) -> int:
    found = select(IntegrationUsage).where(
        IntegrationUsage.integration_id == integration.id, IntegrationUsage.day == day
    )
    row = session.scalars(found.with_for_update()).one_or_none()
    if row is None:
        row = IntegrationUsage(
            organization_id=integration.organization_id, integration_id=integration.id, day=day, calls=0, errors=0,
            latencies={}, batch="",
        )  # fmt: skip
        session.add(row)
    if row.batch == batch:
        return 0
    latencies = Counter({known: int(str(count)) for known, count in row.latencies.items()})
    latencies.update({str(known): count for known, count in more.latencies.items()})
    row.calls, row.errors, row.latencies, row.batch = (
        row.calls + more.calls, row.errors + more.errors, dict(latencies), batch,
    )  # fmt: skip
    return more.calls


def _note(row: Integration, use: LastUse) -> None:
    if row.last_used_at is None or row.last_used_at < use.used_at:
        row.last_used_at = use.used_at
    if use.error_at and (row.last_error_at is None or row.last_error_at < use.error_at):
        row.last_error, row.last_error_at = use.error[:LONGEST_ERROR], use.error_at


def purge(session: Session, now: datetime) -> None:
    """Forgets the days that nobody is shown any more."""
    session.execute(delete(IntegrationUsage).where(IntegrationUsage.day < now.date() - timedelta(days=KEPT_DAYS)))


def usage_json(session: Session, row: Integration, days: int = 30) -> dict[str, object]:
    """Its use in the last days, today included."""
    today = utcnow().date()
    since = today - timedelta(days=days - 1)
    found = select(IntegrationUsage).where(IntegrationUsage.integration_id == row.id, IntegrationUsage.day >= since)
    used = session.scalars(found.order_by(IntegrationUsage.day)).all()
    latencies, by_day = _merged(used), {one.day: one for one in used}
    return {
        "integration": row.id,
        "period_start": since.isoformat(),
        "period_end": today.isoformat(),
        "calls": sum(one.calls for one in used),
        "errors": sum(one.errors for one in used),
        "latency_p50_ms": percentile(latencies, 0.5),
        "latency_p95_ms": percentile(latencies, 0.95),
        "last_used_at": iso(row.last_used_at),
        "last_error": row.last_error,
        "last_error_at": iso(row.last_error_at),
        "days": [_day_json(since + timedelta(days=at), by_day) for at in range(days)],
    }


def _day_json(day: date, used: Mapping[date, IntegrationUsage]) -> dict[str, object]:
    row = used.get(day)
    return {"date": day.isoformat(), "calls": row.calls if row else 0, "errors": row.errors if row else 0}


def calls_of(session: Session, ids: Iterable[str], days: int = 30) -> dict[str, int]:
    """How often each was called in the last days."""
    since = utcnow().date() - timedelta(days=days - 1)
    found = select(IntegrationUsage.integration_id, IntegrationUsage.calls).where(
        IntegrationUsage.integration_id.in_(list(ids)), IntegrationUsage.day >= since
    )
    calls: Counter[str] = Counter()
    for integration_id, count in session.execute(found):
        calls[integration_id] += count
    return calls


def _merged(rows: Sequence[IntegrationUsage]) -> Counter[int]:
    merged: Counter[int] = Counter()
    for row in rows:
        merged.update({int(known): int(str(count)) for known, count in row.latencies.items()})
    return merged
