"""SQLite files of a folder that the installation offers: to the organization that runs it, and to no other."""

from __future__ import annotations

import sqlite3
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from flowapp import tasks
from flowapp.tasks.outgoing import Outgoing
from tests.api.conftest import Api
from tests.api.crm.people import make_place

SHOP = {"name": "Shop", "integration_type": "database", "config": {"kind": "sqlite", "database": "shop.db"}}


@pytest.fixture
def folder(app: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """As if the process had been started with it."""
    with sqlite3.connect(tmp_path / "shop.db") as connection:
        connection.execute("CREATE TABLE customers AS SELECT 1 AS id, 'Ann' AS name")
    connection.close()
    with app.app_context():
        current = tasks.runtime()
        settings = replace(current.settings, sqlite_folder=str(tmp_path))
        monkeypatch.setattr(current, "outgoing", Outgoing(settings, current.engine))
    return tmp_path


@pytest.mark.usefixtures("folder")
def test_the_first_organization_opens_them(api: Api) -> None:
    made = api.post("/integrations/configure/", SHOP, 201)
    assert (made["provider"], made["credential_type"]) == ("sqlite", "database")
    told = api.post(f"/integrations/{made['id']}/test/")
    assert (told["success"], told["message"][:27]) == (True, "Connected to “shop.db” (SQL")
    run = {"action": "query", "params": {"query": "SELECT name FROM customers WHERE id = :id", "params": {"id": 1}}}
    assert api.post(f"/integrations/{made['id']}/execute/", run)["result"]["first"] == {"name": "Ann"}


@pytest.mark.usefixtures("folder")
def test_no_other_organization_opens_them(app: Any, api: Api) -> None:
    with app.app_context():
        other = Api(api.client, make_place())
    made = other.post("/integrations/configure/", SHOP, 201)
    refused = "offers your organization no SQLite files"
    assert refused in other.post(f"/integrations/{made['id']}/test/")["message"]
    run = {"action": "query", "params": {"query": "SELECT 1"}}
    assert refused in other.post(f"/integrations/{made['id']}/execute/", run)["message"]


def test_an_installation_offers_none_unless_it_says_so(api: Api) -> None:
    made = api.post("/integrations/configure/", SHOP, 201)
    assert "FLOWAPP_SQLITE_FOLDER" in api.post(f"/integrations/{made['id']}/test/")["message"]


@pytest.mark.usefixtures("folder")
def test_flowapps_own_database_is_none_of_them(app: Any, api: Api, folder: Path) -> None:
    with app.app_context():
        own = str(tasks.runtime().engine.url.database)
    (folder / "own.db").hardlink_to(own)
    body = {**SHOP, "config": {"kind": "sqlite", "database": "own.db"}}
    made = api.post("/integrations/configure/", body, 201)
    answer = api.post(f"/integrations/{made['id']}/test/")
    assert (answer["success"], "lies outside" in answer["message"]) == (False, True)
