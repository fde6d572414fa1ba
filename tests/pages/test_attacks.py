"""What an editor may send to the web process: it answers, soon, and others are served meanwhile."""

from __future__ import annotations

import time
from typing import Any

import pytest

from flowapp.data import csv_files, csv_reading, tables
from flowapp.extensions import db
from flowapp.models.tenancy import tenant_session
from flowapp.security.helpers import pool
from tests.pages.workflows.test_steps import LOG, Site
from tests.support.cost import at_most


@pytest.fixture
def site(app: Any, monkeypatch: pytest.MonkeyPatch) -> Site:
    monkeypatch.setattr(pool._helpers, "seconds", 2)
    return Site(app, steps=[LOG])


def test_a_large_file_is_read_beside_the_web_process(site: Site) -> None:
    """Its addresses took half a minute of the interpreter."""
    with site.app.app_context(), tenant_session(db.engine, site.organization_id) as session:
        columns = [{"label": f"E{at}", "type": "email"} for at in range(5)]
        table = tables.create(session, {"name": "People", "columns": columns})
        text = "e0,e1,e2,e3,e4\n" + "".join(f"a{at}@b.co,a@b.co,a@b.co,,nobody\n" for at in range(8_000))
        sheet = csv_reading.read(text.encode())
        with at_most(seconds=120, memory=150):
            before = time.process_time()
            checked = csv_files.check(session, table, sheet, csv_files.guess(sheet, table))
            spent = time.process_time() - before
        assert (len(checked.good), len(checked.bad_lines), checked.count, len(checked.faults)) == (0, 8_000, 8_000, 100)
        assert checked.faults[0] == (2, "E4", "Enter an e-mail address, for example ann@example.com.")
        assert spent < 2  # about 0.1: it is the helper that worked
        small = csv_reading.read(b"e0,e4\na@b.co,b@b.co\nx,\n")
        checked = csv_files.check(session, table, small, csv_files.guess(small, table))
        assert (len(checked.good), checked.bad_lines, checked.count) == (1, {3}, 1)


@pytest.mark.parametrize("address", ["/workflows/import", "/imports/new/contact", "/tables/{table}/import"])
def test_a_text_in_place_of_a_file_is_no_file(site: Site, address: str) -> None:
    with site.app.app_context(), tenant_session(db.engine, site.organization_id) as session:
        table = tables.create(session, {"name": "People", "columns": [{"label": "E", "type": "email"}]}).id
        session.commit()
    sent = {"csrf_token": site.csrf, "file": "a,b\n1,2"}
    page = site.client.post(address.format(table=table), data=sent)
    assert page.status_code == 422
    assert "Choose a" in page.text
