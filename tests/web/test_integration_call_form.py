"""The form of a step that uses an integration: it asks for what the chosen action takes, and stores what it is given unchanged."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from flask import Flask
from werkzeug.datastructures import MultiDict

from flowapp.catalog import connector_meant, get_action, load
from flowapp.catalog.resources import Choice
from flowapp.web.forms import ParamsForm, Providers, build
from tests.web.test_formgen import bare_app, page, read

load()
CONNECTED = [
    Choice("id-1", "Our Slack", ("Our Slack", "slack"), "slack"),
    Choice("id-2", "Shop", ("Shop", "stripe"), "stripe"),
]
PROVIDERS = Providers(choices=lambda resource: CONNECTED if resource == "integration" else ())
REFERENCE: list[dict[str, Any]] = [
    {"integration": "sendgrid", "to": "admin@example.com", "data": "{{form_data}}", "template": "contact_notification"},
    {"integration": "slack", "channel": "#x", "message": "Nouveau contact: {{form_data.name}}"},
    {"integration": "stripe", "action": "create_customer", "email": "{{input.customer_email}}", "name": "Ada"},
    {"integration": "stripe", "action": "create_subscription", "customer_id": "{{steps.a.customer_id}}", "plan": "x"},
    {"integration": "aws_s3", "action": "upload", "bucket": "b", "key": "backup_{{timestamp}}.json", "data": "{{steps.a.results}}"},
    {"integration": "Our Slack", "action": "slack_send_message", "params": {"text": "by its other name", "channel": "#x"}, "blocks": [{"a": 1}]},
    {"integration": "{{ input.which }}", "action": "send_message", "params": {"channel": "#x"}, "n": 5},
    {"integration": "nothing like that", "params": {"a": {"b": [1, None]}}},
    {"integration": "slack", "action": "no such action", "channel": "#x"},
]  # fmt: skip


@pytest.fixture(scope="module")
def app() -> Flask:
    """One for all, so that each template is compiled once."""
    return bare_app()


@pytest.fixture(autouse=True)
def context(app: Flask) -> Iterator[None]:
    with app.test_request_context():
        yield


def make(values: dict[str, Any], posted: MultiDict[str, str] | None = None) -> ParamsForm:
    return build(get_action("integration_call").params, values, posted, providers=PROVIDERS, prefix="p-")


def typed(values: dict[str, Any], **controls: str) -> ParamsForm:
    """The form posted with these controls changed, by their names without the form's prefix."""
    data = page(make(values)).data
    for name, value in controls.items():
        data[f"p-{name.replace('__', '-')}"] = value
    return make(values, data)


@pytest.mark.parametrize("values", REFERENCE, ids=lambda values: f"{values['integration']} {values.get('action', '')}")
def test_what_is_stored_comes_back_unchanged(values: dict[str, Any]) -> None:
    form = make(values)
    assert form.data == values
    again = make(values, page(form).data)
    assert read(again) == values
    assert list(read(again).get("params", {})) == list(values.get("params", {}))


@pytest.mark.parametrize("reference", ["id-1", "Our Slack", "slack", "SLACK"])
def test_the_fields_of_the_action_are_asked_for(reference: str) -> None:
    html = page(make({"integration": reference})).html
    assert 'for="p-params-of-channel"' in html and "Its name, such as #sales, or its id." in html
    assert "Usual action: Send a message" in html
    assert 'for="p-params-of-integration"' not in html
    assert f'name="p-params-of-integration" value="{reference}"' in html  # of which channels are asked for
    html = page(make({"integration": reference, "action": "find_user"})).html
    assert 'for="p-params-of-email"' in html and "p-params-of-channel" not in html


def test_what_is_typed_is_stored_as_params() -> None:
    form = typed({"integration": "slack"}, params__of__channel="#sales", params__of__message="Hello")
    assert form.validate(), form.errors
    assert form.data == {"integration": "slack", "params": {"channel": "#sales", "message": "Hello"}}


def test_a_field_that_is_needed_says_so_at_its_place() -> None:
    form = typed({"integration": "slack"}, params__of__message="{{ ( }}")
    assert not form.validate()
    assert set(form["params"].form.errors) == {"p-params-of-channel", "p-params-of-message"}
    assert len(form["params"].form["message"].messages) == 1
    assert form["params"].form["channel"].messages == ["This field is required."]
    stored = typed({"integration": "slack", "channel": "#x", "message": "x"}, params__of__message="{{ ( }}")
    assert not stored.validate()
    assert list(stored.errors) == ["p-params"], stored.errors
    assert len(stored["params"].form["message"].messages) == 1


def test_what_was_typed_goes_along_to_another_action_and_back() -> None:
    form = typed({}, integration="id-1", _refresh="1")
    data = page(form).data
    data["p-params-of-channel"], data["p-params-of-message"] = "#sales", "Hello"
    data["p-integration"] = "id-2"
    elsewhere = make({}, data)
    assert elsewhere.data["params"] == {"channel": "#sales", "message": "Hello"}
    controls = page(elsewhere)
    assert 'for="p-params-of-channel"' not in controls.html and "#sales" in controls.html
    back = controls.data
    back["p-integration"] = "id-1"
    again = make({}, back)
    assert again["params"].form["channel"].data == "#sales" and not again["params"].rows
    assert again.data == {"integration": "id-1", "params": {"channel": "#sales", "message": "Hello"}}


def test_what_the_action_does_not_know_stays_in_rows() -> None:
    values = {"integration": "slack", "channel": "#x", "message": "x", "priority": "high", "params": {"colour": "red"}}
    form = make(values)
    assert [row.name for row in form["params"].rows] == ["colour", "priority"]
    data = page(form).data
    data["p-params-1-value"] = "low"
    assert make(values, data).data == values | {"priority": "low"}


def test_a_name_of_a_service_says_what_it_means() -> None:
    assert "Slack (the first one connected)" in page(make({"integration": "slack"})).html
    assert "REST API (not connected yet)" in page(make({"integration": "api"})).html
    assert "gone (no longer available)" in page(make({"integration": "gone"})).html
    assert ">Our Slack</option>" in page(make({"integration": "our slack"})).html


def test_a_name_counts_before_the_type_of_another() -> None:
    connected = [*CONNECTED, Choice("id-3", "slack", ("slack", "api"), "api")]
    meant = {reference: connector_meant(connected, reference) for reference in ("slack", "our slack", "ID-1", "stripe")}
    assert {name: spec and spec.type for name, spec in meant.items()} == {
        "slack": "api", "our slack": "slack", "ID-1": "slack", "stripe": "stripe",
    }  # fmt: skip
