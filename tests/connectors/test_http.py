from __future__ import annotations

from types import SimpleNamespace

import pytest
from pydantic import ValidationError

from flowapp.catalog import CONNECTORS, load, ui_of
from flowapp.connectors.http import HttpConfig, HttpCredentials, try_service
from flowapp.errors import EgressError, StepError
from flowapp.security.egress import SafeHttp
from tests.support.servers.sink import Answer

CONTEXT = SimpleNamespace(http=SafeHttp(("127.0.0.1",)))


@pytest.mark.parametrize(
    ("config", "header", "value"),
    [
        ({}, "Authorization", "Bearer tok"),
        ({"auth": "basic", "username": "ann"}, "Authorization", "Basic YW5uOnRvaw=="),
        ({"auth": "header", "header_name": "X-Key"}, "X-Key", "tok"),
        ({"auth": "none"}, "Authorization", None),
    ],
)
def test_the_service_is_called_as_steps_will_call_it(sink, config, header, value) -> None:
    tried = HttpConfig(base_url=sink.url("/v1"), **config)
    assert try_service(tried, HttpCredentials(secret="tok"), CONTEXT) == f"{sink.url('/v1')} returned 200."
    [received] = sink.requests
    assert (received.method, received.path, received.headers.get(header)) == ("GET", "/v1", value)


@pytest.mark.parametrize(
    ("status", "told", "permanent"),
    [(401, "refused", True), (403, "refused", True), (500, "cannot be used right now", False)],
)
def test_what_shows_that_it_cannot_be_used(sink, status, told, permanent) -> None:
    sink.default = Answer(status)
    with pytest.raises(StepError, match=told) as caught:
        try_service(HttpConfig(base_url=sink.url()), HttpCredentials(secret="t"), CONTEXT)
    assert caught.value.permanent is permanent


def test_an_answer_of_404_shows_that_somebody_is_there(sink) -> None:
    sink.default = Answer(404)
    assert "returned 404" in try_service(HttpConfig(base_url=sink.url()), HttpCredentials(secret="t"), CONTEXT)


def test_inner_addresses_and_missing_secrets(sink) -> None:
    with pytest.raises(EgressError):
        try_service(HttpConfig(base_url=sink.url()), HttpCredentials(secret="t"), SimpleNamespace(http=SafeHttp()))
    with pytest.raises(StepError, match="has no secret"):
        try_service(HttpConfig(base_url=sink.url()), HttpCredentials(), CONTEXT)
    assert sink.requests == []


@pytest.mark.parametrize(
    "config", [{}, {"base_url": ""}, {"base_url": "ftp://a"}, {"base_url": "https://a", "auth": "magic"}]
)
def test_configs_that_cannot_be_used(config) -> None:
    with pytest.raises(ValidationError):
        HttpConfig.model_validate(config)


def test_every_connector_and_each_of_its_fields_is_described() -> None:
    load()
    assert {"email", "webhook"} <= set(CONNECTORS)
    for spec in CONNECTORS.values():
        assert spec.label
        assert spec.description
        for model in (spec.config, spec.credentials):
            for name in model.model_fields:
                assert ui_of(model, name).get("label"), f"{spec.type}.{name}"
        assert all(ui_of(spec.credentials, name)["widget"] == "secret" for name in spec.credentials.model_fields)
