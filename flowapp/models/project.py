"""What users define in a project: data tables, validation schemas, forms; and what the mail catcher caught."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import ForeignKey, Index, String, Text, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from flowapp.exact_json import Json
from flowapp.models.base import AnyJson, Base, HasId, Id, Tenant, Timestamps, utcnow
from flowapp.models.definitions import ColumnJson, FieldJson
from flowapp.models.numbers import Numbered, by_number


class InProject(Tenant):
    """A row of a project."""

    project_id: Mapped[str] = mapped_column(Id, ForeignKey("projects.id", ondelete="CASCADE"), index=True)


class Project(HasId, Tenant, Timestamps, Base):
    """Groups workflows, data tables and forms. Each organization has one default project."""

    __tablename__ = "projects"
    __table_args__ = (UniqueConstraint("organization_id", "slug"),)

    name: Mapped[str] = mapped_column(String(200))
    slug: Mapped[str] = mapped_column(String(64))
    is_default: Mapped[bool] = mapped_column(default=False)


class DataTable(HasId, InProject, Timestamps, Base):
    """A table that a user defined; its records are a real SQL table called `physical_name`.

    `columns` is a list of {"key", "label", "type": text|number|boolean|date|datetime|email|json, "required", "unique"}.
    """

    __tablename__ = "data_tables"
    __table_args__ = (UniqueConstraint("project_id", "slug"),)

    name: Mapped[str] = mapped_column(String(200))
    slug: Mapped[str] = mapped_column(String(48))
    description: Mapped[str] = mapped_column(Text, default="")
    physical_name: Mapped[str] = mapped_column(String(63), unique=True)
    columns: Mapped[list[ColumnJson]] = mapped_column(AnyJson, default=list)


class Schema(HasId, InProject, Timestamps, Base):
    """A named validation schema: a list of rules {"field", "rule", "value", "message"}, or a JSON Schema."""

    __tablename__ = "schemas"
    __table_args__ = (UniqueConstraint("project_id", "slug"),)

    name: Mapped[str] = mapped_column(String(200))
    slug: Mapped[str] = mapped_column(String(64))
    rules: Mapped[list[Json]] = mapped_column(AnyJson, default=list)
    json_schema: Mapped[Json | None]


class Form(HasId, InProject, Numbered, Timestamps, Base):
    """A hosted form, public at /f/<key>. `fields`: a list of {"key", "label", "type", "required", "options", "help"}.

    `locale`: in which its page speaks and its answers are read; empty: in the visitor's language, and as the organization writes.
    """

    __tablename__ = "forms"
    __table_args__ = (UniqueConstraint("project_id", "slug"), by_number("forms"))

    name: Mapped[str] = mapped_column(String(200))
    slug: Mapped[str] = mapped_column(String(64))
    key: Mapped[str] = mapped_column(String(64), unique=True)
    title: Mapped[str] = mapped_column(String(200), default="")
    intro: Mapped[str] = mapped_column(Text, default="")
    submit_label: Mapped[str] = mapped_column(String(80), default="")
    thanks: Mapped[str] = mapped_column(Text, default="")
    locale: Mapped[str] = mapped_column(String(16), default="", server_default="")
    fields: Mapped[list[FieldJson]] = mapped_column(AnyJson, default=list)
    is_open: Mapped[bool] = mapped_column(default=True)


class Submission(HasId, Tenant, Base):
    """One answer to a form."""

    __tablename__ = "submissions"
    __table_args__ = (Index("ix_submissions_form_id_id", "form_id", "id"),)

    form_id: Mapped[str] = mapped_column(Id, ForeignKey("forms.id", ondelete="CASCADE"))
    data: Mapped[Json] = mapped_column(default=dict)
    execution_ids: Mapped[list[str]] = mapped_column(AnyJson, default=list)
    created_at: Mapped[datetime] = mapped_column(default=utcnow)


class CaughtMail(HasId, Tenant, Base):
    """An e-mail that the built-in mail catcher kept, because no mail server is configured."""

    __tablename__ = "caught_mails"

    message_id: Mapped[str] = mapped_column(String(255), unique=True)
    sender: Mapped[str] = mapped_column(String(320), default="")
    recipients: Mapped[list[str]] = mapped_column(AnyJson, default=list)
    subject: Mapped[str] = mapped_column(String(998), default="")
    text: Mapped[str] = mapped_column(Text, default="")
    html: Mapped[str] = mapped_column(Text, default="")
    created_at: Mapped[datetime] = mapped_column(default=utcnow, index=True)
