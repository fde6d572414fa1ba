"""What executions, and the records of the CRM, are found by."""

from __future__ import annotations

from sqlalchemy import ForeignKey, String
from sqlalchemy.orm import Mapped, mapped_column

from flowapp.models.base import Base, Id, Tenant


class ExecutionWord(Tenant, Base):
    """A word that an execution is found by (executions.subjects), in lower case without accents: an index, made anew from
    what it says at any time."""

    __tablename__ = "execution_words"
    __table_args__ = ({"sqlite_with_rowid": False},)

    organization_id: Mapped[str] = mapped_column(Id, primary_key=True, sort_order=-10)
    # Compared by its bytes, so that all words with one beginning lie together.
    word: Mapped[str] = mapped_column(
        String(64).with_variant(String(64, collation="C"), "postgresql"), primary_key=True
    )
    execution_id: Mapped[str] = mapped_column(
        Id, ForeignKey("executions.id", ondelete="CASCADE"), primary_key=True, index=True
    )


class RecordWord(Tenant, Base):
    """A word that a contact, company, deal or task (`noun`) is found by: one of its `search`, from where triggers of the
    database put it here, whoever writes the row."""

    __tablename__ = "record_words"
    __table_args__ = ({"sqlite_with_rowid": False},)

    organization_id: Mapped[str] = mapped_column(
        Id, ForeignKey("organizations.id", ondelete="CASCADE"), primary_key=True, sort_order=-10
    )
    noun: Mapped[str] = mapped_column(String(16), primary_key=True)
    # Compared by its bytes, so that all words with one beginning lie together.
    word: Mapped[str] = mapped_column(
        String(64).with_variant(String(64, collation="C"), "postgresql"), primary_key=True
    )
    record_id: Mapped[str] = mapped_column(Id, primary_key=True)
