"""manual, api_call, form_submit, and what holds for every trigger."""

from __future__ import annotations

import json

import pytest
from pydantic import ValidationError

from flowapp.catalog import TRIGGERS, canonical_type, get_trigger, load, ui_of


@pytest.fixture(scope="module", autouse=True)
def _catalog() -> None:
    load()


def test_the_five_triggers_are_there_with_their_aliases() -> None:
    assert {"manual", "webhook", "form_submit", "schedule", "api_call"} <= set(TRIGGERS)
    names = {"form_submitted": "form_submit", "Scheduled": "schedule", "API": "api_call", "MANUAL": "manual"}
    assert {alias: canonical_type("trigger", alias) for alias in names} == names


def test_every_trigger_and_each_of_its_fields_is_described_for_the_editor() -> None:
    for spec in TRIGGERS.values():
        assert spec.label
        assert spec.description
        assert spec.icon
        json.dumps(spec.sample)
        for name in spec.params.model_fields:
            assert ui_of(spec.params, name).get("label"), f"{spec.type}.{name}"
        assert spec.params.model_json_schema()["additionalProperties"] is False


def test_a_form_is_named_by_its_slug() -> None:
    spec = get_trigger("form_submitted")
    config = spec.params.model_validate({"form_id": "contact_form_1"})
    assert spec.matches is not None
    assert spec.matches(config, {"form_id": "contact_form_1", "form_data": {}})
    assert not spec.matches(config, {"form_id": "other"})
    assert not spec.matches(config, {})
    assert spec.summary is not None
    assert spec.summary(config) == "contact_form_1"
    assert spec.params.model_validate({"form_id": 123}).form_id == "123"  # type: ignore[attr-defined]
    with pytest.raises(ValidationError):
        spec.params.model_validate({"form_id": ""})


@pytest.mark.parametrize("name", ["manual", "api_call"])
def test_nothing_to_configure(name: str) -> None:
    assert get_trigger(name).params.model_validate({}).model_dump() == {}
    with pytest.raises(ValidationError):
        get_trigger(name).params.model_validate({"speed": 1})
