"""What is to be done, and what was noted."""

from __future__ import annotations

from datetime import date, datetime

from sqlalchemy import CheckConstraint, ForeignKey, Index, String, Text
from sqlalchemy.orm import Mapped, mapped_column

from flowapp.exact_json import Json
from flowapp.models.base import AnyJson, Base, Id
from flowapp.models.crm.base import Linked, Sourced, by_deletion, by_order, by_source

TASK_TYPES = ("task", "call", "email", "meeting")
TASK_PRIORITIES = ("low", "normal", "high")
NOTE_TYPES = ("note", "call", "email", "meeting")


class Task(Sourced, Linked, Base):
    """Something to do. It is due on a day, or at a moment of that day in its assignee's zone.

    `made_by`: the cause of its event (a person, or a workflow with execution and step). `search`: the words it is found by.
    """

    __tablename__ = "tasks"
    __table_args__ = (
        by_source("tasks"),
        by_deletion("tasks"),
        by_order("tasks"),
        CheckConstraint(f"type IN {TASK_TYPES}", name="type"),
        CheckConstraint(f"priority IN {TASK_PRIORITIES}", name="priority"),
        CheckConstraint("due_at IS NULL OR due_date IS NOT NULL", name="due"),
        Index("ix_tasks_assignee_id_due_date", "assignee_id", "due_date"),
        Index("ix_tasks_organization_id_due_date", "organization_id", "due_date"),
    )

    title: Mapped[str] = mapped_column(String(300))
    description: Mapped[str] = mapped_column(Text, default="")
    type: Mapped[str] = mapped_column(String(16), default="task")
    priority: Mapped[str] = mapped_column(String(8), default="normal")
    due_date: Mapped[date | None]
    due_at: Mapped[datetime | None]
    assignee_id: Mapped[str | None] = mapped_column(Id, ForeignKey("users.id", ondelete="SET NULL"))
    done_at: Mapped[datetime | None]
    made_by: Mapped[Json] = mapped_column(default=dict)
    search: Mapped[str] = mapped_column(Text, default="", server_default="")


class Note(Sourced, Linked, Base):
    """What somebody wrote about a record. `html` is sanitised when it is written, `text` is the same without formatting.

    `mentions` are the ids of the members whom it names. It is about at least one record.
    """

    __tablename__ = "notes"
    __table_args__ = (
        by_source("notes"),
        by_deletion("notes"),
        CheckConstraint(f"type IN {NOTE_TYPES}", name="type"),
        CheckConstraint("coalesce(contact_id, company_id, deal_id) IS NOT NULL", name="about"),
    )

    type: Mapped[str] = mapped_column(String(16), default="note")
    html: Mapped[str] = mapped_column(Text)
    text: Mapped[str] = mapped_column(Text)
    mentions: Mapped[list[str]] = mapped_column(AnyJson, default=list)
    made_by: Mapped[Json] = mapped_column(default=dict)
