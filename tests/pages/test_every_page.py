"""Every page on PostgreSQL, once: the other tests of pages run on SQLite, and a browser reads each page there (tests/e2e)."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest

from tests.api.crm.people import working
from tests.e2e.sweep import furnish, pages
from tests.support import matrix
from tests.support.applications import running


@pytest.mark.parametrize("database_url", matrix.POSTGRESQL, indirect=True)
def test_every_page_answers_on_postgresql(settings: Any) -> None:
    with running(dataclasses.replace(settings, smtp_url="")) as app:
        with working():
            made = furnish(app)
        found = pages(app, made)
    assert len({page.endpoint for page in found}) > 50
    assert len(found) > 100
