"""The one table, on an engine made as the product makes its own."""

from __future__ import annotations

from sqlalchemy import Column, DateTime, Engine, MetaData, String, Table, Text

from flowapp.config import Settings
from flowapp.models.tenancy import make_engine, prepare_engine

QUEUE = "bare"
metadata = MetaData()
runs = Table(
    "bare_runs",
    metadata,
    Column("id", String(36), primary_key=True),
    Column("status", String(16), nullable=False),
    Column("body", Text, nullable=False),
    Column("answer", Text),
    Column("completed_at", DateTime(timezone=True)),
)


def open_engine(settings: Settings) -> Engine:
    """The engine of this process."""
    engine = make_engine(settings)
    prepare_engine(engine, settings)
    return engine
