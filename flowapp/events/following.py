"""Events follow what they are about: a record's timeline goes with it into the one that it is merged with, or is erased."""

from __future__ import annotations

from sqlalchemy import delete, update
from sqlalchemy.orm import Session

from flowapp.catalog.entities import Departure, follows_contact
from flowapp.models import Event


@follows_contact
def follow(session: Session, departure: Departure) -> None:
    """What was handed on already; what was not is handed on as an event of the survivor."""
    about = (Event.entity_type == departure.noun, Event.entity_id == departure.id)
    if departure.what == "merged":
        moved = update(Event).where(*about).values(entity_id=departure.into)
        session.execute(moved.execution_options(synchronize_session=False))
    elif departure.what == "erased":
        session.execute(delete(Event).where(*about).execution_options(synchronize_session=False))
