"""Statements on the driver itself: errors are those that SQLAlchemy would raise, where no connection can be made, too."""

from __future__ import annotations

from pathlib import Path

import pytest
from sqlalchemy import create_engine
from sqlalchemy.exc import DBAPIError

from flowapp.models.away import is_away
from flowapp.models.driver import transaction
from tests.support.processes import free_port


@pytest.mark.parametrize("kind", ["sqlite", "postgresql"])
def test_a_database_that_cannot_be_reached_is_away(kind: str, tmp_path: Path) -> None:
    nobody = f"postgresql+psycopg://flowapp@127.0.0.1:{free_port()}/none?connect_timeout=2"
    engine = create_engine(nobody if kind == "postgresql" else f"sqlite:///{tmp_path}/no-such-folder/data.db")
    with pytest.raises(DBAPIError) as caught, transaction(engine, "an organization", alone=True):
        pass
    engine.dispose()
    assert is_away(caught.value)
