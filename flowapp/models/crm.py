"""Whom the organization deals with."""

from __future__ import annotations

from sqlalchemy import CheckConstraint, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from flowapp.exact_json import Json
from flowapp.models.base import Base, HasId, Timestamps
from flowapp.models.numbers import Numbered, by_number


class Contact(HasId, Numbered, Timestamps, Base):
    """A person. `timezone` (empty: the organization's) is where waits count their hours; `fields` are the user's own."""

    __tablename__ = "contacts"
    __table_args__ = (
        UniqueConstraint("organization_id", "email"),
        CheckConstraint("email = lower(email)", name="email_lower"),
        by_number("contacts"),
    )

    email: Mapped[str] = mapped_column(String(254))
    first_name: Mapped[str] = mapped_column(String(200), default="")
    last_name: Mapped[str] = mapped_column(String(200), default="")
    timezone: Mapped[str] = mapped_column(String(64), default="")
    fields: Mapped[Json] = mapped_column(default=dict)
