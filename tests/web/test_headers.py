"""What a browser may do with an answer: our pages run our scripts, everything else runs nothing."""

from __future__ import annotations

from typing import Any

import pytest

from flowapp.extensions import db
from tests.support.tenant import make_tenant

SANDBOX = "sandbox; default-src 'none'"


@pytest.fixture
def headers(app: Any) -> dict[str, str]:
    with app.app_context():
        return make_tenant(db.engine, "Mine").headers


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_only_our_pages_may_run_scripts(app: Any, client: Any, headers: dict[str, str]) -> None:
    """Users' bytes come as files and as JSON: led to open one, a browser runs nothing of it and guesses no type."""
    workflow = client.post("/api/workflows/", json={"name": "A", "description": "<script>"}, headers=headers).json["id"]
    kinds = {}
    for path in (
        f"/workflows/{workflow}/export", f"/api/workflows/{workflow}/logs/export/?export_format=csv",
        f"/api/workflows/{workflow}/logs/export/?export_format=jsonl", f"/api/workflows/{workflow}/", "/api/nothing/",
        "/openapi.json", "/healthz",
    ):  # fmt: skip
        got = client.get(path, headers=headers)
        kinds[path] = got.mimetype
        assert got.headers["Content-Security-Policy"].startswith(SANDBOX), path
        assert got.headers["X-Content-Type-Options"] == "nosniff", path
    assert len(set(kinds.values())) >= 3
    page = client.get("/workflows/", headers=headers)
    policy = page.headers["Content-Security-Policy"]
    assert "sandbox" not in policy
    assert "'unsafe-inline'" not in policy
    assert "script-src 'self' 'nonce-" in policy
