"""A signed-in client of the JSON API."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from flowapp.api.executions import executions
from flowapp.api.public import hooks
from tests.api.crm.people import Place, install_fakes, make_place, working

BASE = "/api/v1/automation"


class Api:
    """A client that speaks JSON as one member; `base` is one of the prefixes."""

    def __init__(self, client: Any, place: Place, role: str = "owner", base: str = BASE) -> None:
        self.client, self.place, self.role, self.base = client, place, role, base

    def __call__(self, method: str, path: str, body: Any = None, status: int | None = None, **options: Any) -> Any:
        """The parsed answer; checks its status where one is given."""
        headers = {**self.place.headers(self.role), **options.pop("headers", {})}
        if body is not None:
            options["json"] = body
        answer = self.client.open(self.base + path, method=method, headers=headers, **options)
        assert status is None or answer.status_code == status, (answer.status_code, answer.text)
        return answer

    def get(self, path: str, status: int = 200, **options: Any) -> Any:
        return self("GET", path, status=status, **options).json

    def post(self, path: str, body: Any = None, status: int = 200, **options: Any) -> Any:
        return self("POST", path, body, status, **options).json

    def patch(self, path: str, body: Any, status: int = 200, **options: Any) -> Any:
        return self("PATCH", path, body, status, **options).json

    def as_(self, role: str) -> Api:
        return Api(self.client, self.place, role, self.base)


@pytest.fixture
def place(app: Any, monkeypatch: pytest.MonkeyPatch) -> Place:
    """An organization, inside the application's context; the tests' own step types are known."""
    install_fakes(monkeypatch)
    with app.app_context():
        return make_place()


@pytest.fixture
def api(app: Any, place: Place) -> Api:
    return Api(app.test_client(), place)


@pytest.fixture
def worker(app: Any, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Executions run, in threads of this process; whoever waits for one in vain fails soon."""
    monkeypatch.setattr(executions, "WAIT_SECONDS", 10)
    monkeypatch.setattr(hooks, "WAIT_SECONDS", 10)
    with working():
        yield
