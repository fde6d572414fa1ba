"""Values of a wrong kind, and answers that are none: an error that names the field, never a 500, nothing half saved."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import func, select

from flowapp.catalog import CONNECTORS
from flowapp.extensions import db
from flowapp.models import Integration
from flowapp.models.tenancy import system_session
from tests.api.conftest import Api
from tests.support.servers.sink import Answer, Sink

SECRET = "s3cr3t-token-of-the-service"


def nested(levels: int) -> Any:
    value: Any = "x"
    for _ in range(levels):
        value = [value]
    return value


ODD = [
    True,
    1.5,
    10**25,
    "x" * 200_000,
    [1],
    {"a": {}},
    nested(200),
    "\u202e\uffff",
    {"$secret": "x"},
    "{{ [1] }}",
    "é\r\n",
]
NO_ADDRESS = [
    "https://[",
    "https://[::1",
    "http://a:99999/",
    "http://a:b/",
    "//a",
    "ftp://a",
    "http://ann@a/",
    "http://%zz/",
]


def account(api: Api, sink: Sink, kind: str = "api") -> str:
    config = {"base_url": sink.url("/"), "auth": "bearer"}
    body = {"name": kind, "integration_type": kind, "config": config, "credentials": {"secret": SECRET}}
    made: str = api.post("/integrations/", body, 201)["id"]
    return made


def stored() -> int:
    with system_session(db.engine) as session:
        return session.scalar(select(func.count(Integration.id))) or 0


@pytest.mark.parametrize("kind", ["api", "webhook", "aws_s3", "email", "database"])
def test_a_wrong_kind_in_a_connection_is_named(app: Any, api: Api, sink: Sink, kind: str) -> None:
    kept, where = 0, CONNECTORS[kind]
    for part, model in (("config", where.config), ("credentials", where.credentials)):
        for name in model.model_fields:
            for odd in ODD:
                body = {
                    "name": f"N{kept}",
                    "integration_type": kind,
                    "config": {},
                    "credentials": {},
                    part: {name: odd},
                }
                answer = api("POST", "/integrations/", body)
                kept += answer.status_code == 201
                assert answer.status_code in (201, 400, 422), answer.text
                if answer.status_code != 201:
                    assert answer.json.get("errors") or answer.json["detail"], answer.text
    with app.app_context():
        assert stored() == kept


@pytest.mark.parametrize("address", NO_ADDRESS)
@pytest.mark.parametrize(("kind", "field"), [("api", "base_url"), ("aws_s3", "endpoint"), ("webhook", "base_url")])
def test_what_is_no_address_is_not_kept(api: Api, kind: str, field: str, address: str) -> None:
    credentials = dict.fromkeys(CONNECTORS[kind].credentials.model_fields, "abcdefgh")
    body = {"name": "N", "integration_type": kind, "config": {field: address}, "credentials": credentials}
    refused = api.post("/integrations/", body, 422)
    assert [one["path"] for one in refused["errors"]] == [f"config.{field}"]


@pytest.mark.parametrize("kind", ["api", "webhook"])
@pytest.mark.parametrize("path", ["https://[", "//[", "http://[::1/", "/%", "\\\\evil.example\\x", "/a?b=["])
def test_a_path_that_is_none_is_told_or_stays_at_the_service(api: Api, sink: Sink, kind: str, path: str) -> None:
    action = {"api": "get", "webhook": ""}[kind]
    done = api.post(f"/integrations/{account(api, sink, kind)}/execute/", {"action": action, "params": {"url": path}})
    assert "unexpectedly" not in done["message"]
    assert done["success"] == bool(sink.requests)


@pytest.mark.parametrize("location", ["http://[", "//[", "http://a:99999/", "\\\\evil.example", "javascript:1"])
def test_a_redirect_to_nowhere_is_told(api: Api, sink: Sink, location: str) -> None:
    sink.default = Answer(302, b"", {"Location": location})
    one = account(api, sink)
    done = api.post(f"/integrations/{one}/execute/", {"action": "get", "params": {"path": "/x"}})
    assert (done["success"], "unexpectedly" in done["message"]) == (False, False)
    assert api.post(f"/integrations/{one}/test/", {})["success"] is False


def test_an_answer_that_is_nested_too_deeply_is_told(api: Api, sink: Sink) -> None:
    sink.default = Answer(200, b"[" * 900 + b"]" * 900)
    done = api.post(f"/integrations/{account(api, sink)}/execute/", {"action": "get", "params": {"path": "/x"}})
    assert "nested too deeply" in done["message"]


def test_a_test_that_crashes_says_so_without_secrets(
    api: Api, sink: Sink, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def crash(*_arguments: object) -> str:
        raise KeyError(SECRET)

    one = account(api, sink)
    monkeypatch.setattr("flowapp.connectors.api.trial.try_out", crash)
    answer = api.post(f"/integrations/{one}/test/", {})
    assert answer == {"success": False, "message": "The test failed unexpectedly (KeyError)."}
    assert SECRET not in caplog.text
    assert "try_out" in caplog.text, "whoever runs the installation finds it"
