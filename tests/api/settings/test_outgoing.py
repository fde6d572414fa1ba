"""/outgoing-connections/: what an organization's outgoing connections may reach besides public addresses."""

from __future__ import annotations

from typing import Any

import pytest

from flowapp import tasks
from flowapp.accounts.installation import first_organization
from flowapp.errors import EgressError
from flowapp.models.tenancy import system_session
from flowapp.tasks.services import open_services
from tests.api.conftest import Api

PATH = "/outgoing-connections/"


@pytest.fixture
def first(app: Any, api: Api) -> Api:
    """The client's organization runs the installation."""
    with app.app_context(), system_session(tasks.runtime().engine) as session:
        assert first_organization(session) == api.place.id
    return api


def test_an_admin_reads_and_changes_it(first: Api) -> None:
    assert first.get(PATH) == {"allow": [], "may_allow": True}
    kept = {"allow": ["10.0.0.0/24", "db.internal"], "may_allow": True}
    assert first("PUT", PATH, {"allow": ["10.0.0.7/24", "DB.internal"]}, 200).json == kept
    assert first.as_("admin").get(PATH) == kept
    assert first.patch(PATH, {"allow": []}) == {"allow": [], "may_allow": True}


@pytest.mark.parametrize(
    ("allow", "path"),
    [(["10.0.0.1", "0.0.0.0/0"], "allow.1"), ([7], "allow.0"), ("10.0.0.1", "allow")],
)
def test_what_cannot_be_allowed_is_named(first: Api, allow: object, path: str) -> None:
    answer = first("PUT", PATH, {"allow": allow}, 422).json
    assert [problem["path"] for problem in answer["errors"]] == [path]
    assert first.get(PATH)["allow"] == []


def test_editors_are_refused(first: Api) -> None:
    first.as_("editor").get(PATH, 403)
    first.as_("editor")("PUT", PATH, {"allow": []}, 403)


def test_a_step_connects_by_the_same_guard(app: Any, first: Api) -> None:
    with app.app_context():
        services = open_services(tasks.runtime(), first.place.id, first.place.project_id, "UTC")
        first("PUT", PATH, {"allow": ["10.0.0.7"]}, 200)
        assert services.http.addresses("10.0.0.7", 5432) == ["10.0.0.7"]
        for host in ("10.0.0.8", "169.254.169.254", "100.100.100.200"):
            with pytest.raises(EgressError, match="is not public"):
                services.http.connect(host, 5432, 1.0)
