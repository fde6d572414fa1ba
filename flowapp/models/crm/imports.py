"""Files of records that somebody brings: as they were sent, and their rows while they are imported."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import CheckConstraint, ForeignKey, Index, LargeBinary, String
from sqlalchemy.orm import Mapped, mapped_column

from flowapp.exact_json import Json
from flowapp.models.base import AnyJson, Base, HasId, Id, Tenant, Timestamps
from flowapp.models.crm.fields import FIELD_OBJECTS


class Import(HasId, Tenant, Timestamps, Base):
    """A file of contacts, companies or deals (`noun`) on its way into the CRM.

    `content` is the file until its rows are taken in `parts`; `reading` says how it is read (encoding, separator, sheet),
    `mapping` which column (by its place) goes into which field, `options` what is done with the rows. `header_key` tells
    files with the same column names: their mapping is remembered. `started_at` is empty while it is prepared.
    """

    __tablename__ = "imports"
    __table_args__ = (
        CheckConstraint(f"object IN {FIELD_OBJECTS}", name="object"),
        Index("ix_imports_header", "organization_id", "object", "header_key", "id"),
    )

    noun: Mapped[str] = mapped_column("object", String(16))
    file_name: Mapped[str] = mapped_column(String(255))
    content: Mapped[bytes | None] = mapped_column(LargeBinary, deferred=True)
    reading: Mapped[Json] = mapped_column(default=dict)
    header: Mapped[list[str]] = mapped_column(AnyJson, default=list)
    header_key: Mapped[str] = mapped_column(String(64), default="")
    row_count: Mapped[int] = mapped_column(default=0)
    mapping: Mapped[Json] = mapped_column(default=dict)
    options: Mapped[Json] = mapped_column(default=dict)
    job_id: Mapped[str | None] = mapped_column(Id, index=True)
    created_by: Mapped[str | None] = mapped_column(Id, ForeignKey("users.id", ondelete="SET NULL"))
    started_at: Mapped[datetime | None]


class ImportPart(Tenant, Base):
    """Some rows of an import, which are written together: [line, cells] of each."""

    __tablename__ = "import_parts"

    import_id: Mapped[str] = mapped_column(Id, ForeignKey("imports.id", ondelete="CASCADE"), primary_key=True)
    position: Mapped[int] = mapped_column(primary_key=True)
    rows: Mapped[list[list[object]]] = mapped_column(AnyJson)
