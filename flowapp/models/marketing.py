"""E-mails that are written once and sent by workflows."""

from __future__ import annotations

from sqlalchemy import String, Text, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from flowapp.models.base import Base, HasId, Timestamps
from flowapp.models.numbers import Numbered, by_number
from flowapp.models.project import InProject


class EmailTemplate(HasId, InProject, Numbered, Timestamps, Base):
    """An e-mail with expressions in it. Where `text` is empty, the text part is made from the HTML."""

    __tablename__ = "email_templates"
    __table_args__ = (UniqueConstraint("project_id", "slug"), by_number("email_templates"))

    name: Mapped[str] = mapped_column(String(200))
    slug: Mapped[str] = mapped_column(String(64))
    subject: Mapped[str] = mapped_column(String(998))
    html: Mapped[str] = mapped_column(Text, default="")
    text: Mapped[str] = mapped_column(Text, default="")
