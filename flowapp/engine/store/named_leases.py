"""Leases by name: which process may do what only one should do at a time (models.Lease)."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import delete, insert, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from flowapp.models.execution import Lease


def take_lease(session: Session, name: str, owner: str, now: datetime, until: datetime) -> bool:
    """Takes, keeps or fails to get a lease. The caller commits.

    A lease that ends later than anybody would ask for was written by a clock that ran ahead: it is nobody's.
    """
    taken = session.execute(
        update(Lease)
        .where(Lease.name == name, (Lease.owner == owner) | (Lease.until < now) | (Lease.until > until + (until - now)))
        .values(owner=owner, until=until)
        .execution_options(synchronize_session=False)
    )
    if taken.rowcount == 1:  # type: ignore[attr-defined]
        return True
    if session.get(Lease, name) is not None:
        return False
    try:
        session.execute(insert(Lease).values(name=name, owner=owner, until=until))
    except IntegrityError:
        session.rollback()
        return False
    return True


def give_back(session: Session, name: str, owner: str) -> None:
    """Ends a lease before its time, where it is still this owner's. The caller commits."""
    session.execute(delete(Lease).where(Lease.name == name, Lease.owner == owner))
