"""Every action, trigger and connector: what is stored fills its form, and the form posted as it stands gives it back."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from flask import Flask
from pydantic import BaseModel
from werkzeug.datastructures import MultiDict

from flowapp.catalog import ACTIONS, CONNECTORS, TRIGGERS, Params, load
from flowapp.catalog.resources import Choice
from flowapp.web.forms import ParamsForm, Providers, build
from flowapp.web.forms.info import Info, infos, literals, models_in
from tests.web.test_formgen import Controls, bare_app, page, read

load()
COLUMNS = [{"key": "name", "label": "Name"}, {"key": "email", "label": "E-mail"}]
OFFERED = [("one", "One"), ("two", "Two")]
PROVIDERS = Providers(
    steps=OFFERED, columns=lambda _table: COLUMNS,
    choices=lambda _resource: [Choice("one", "One", kind="smtp"), Choice("two", "Two", kind="http")],
)  # fmt: skip
GROUP = {
    "all": [
        {"field": "input.n", "operator": ">", "value": 5},
        {"any": [{"field": "input.a", "operator": "in", "value": ["x", 1]}, {"field": "b", "operator": "exists"}]},
    ]
}
VALUES: dict[str, Any] = {
    "text": "say {{ input.x }}", "textarea": "one\n{{ input.x }}\n", "sql": "select *\nfrom t", "number": 3,
    "checkbox": True, "duration": "2 hours", "date": "2026-12-31", "datetime": "+3 days", "timezone": "Europe/Paris", "cron": "0 8 * * 1",
    "keyvalue": {"a": "b", "n": 5, "deep": {"list": [1, None]}}, "lines": ["a@b.c", "d@e.f"], "events": ["contact.updated", "order.*"], "conditions": GROUP,
    "mapping": {"email": "{{ input.email }}", "gone": 2}, "secret": "••••", "hidden": "kept", "json": {"a": [1]},
    **dict.fromkeys(("table", "schema", "form", "email_template", "step", "workflow", "integration"), "two"), "members": ["one", "two"], "integration_action": "two", "action_params": {"a": "b", "n": 5},
}  # fmt: skip


def models() -> dict[str, type[Params]]:
    """The parameter models that people fill in, by name."""
    found = {f"action {name}": spec.params for name, spec in ACTIONS.items()}
    found |= {f"trigger {name}": spec.params for name, spec in TRIGGERS.items()}
    for name, spec in CONNECTORS.items():
        found |= {f"{name} config": spec.config, f"{name} credentials": spec.credentials}
    return found


def stored(model: type[BaseModel], without: str = "") -> dict[str, Any]:
    """Params in which everything is filled in."""
    return {info.key: _value(info) for info in infos(model) if info.key != without}


def _value(info: Info) -> Any:
    if info.widget == "rows":
        return [entry for model in models_in(info.annotation) for entry in _entries(model)]
    if info.widget == "model":
        return stored(models_in(info.annotation)[0])
    if info.widget == "select":
        return [*(literals(info.annotation).values() or (value for value, _name in info.choices))][-1]
    if info.widget == "choices":
        return [value for value, _name in info.choices][-2:]
    return VALUES[info.widget]


def _entries(model: type[BaseModel]) -> list[dict[str, Any]]:
    """A row of each kind, with what the form shows of that kind."""
    kinds = literals(model.model_fields["op"].annotation).values() if "op" in model.model_fields else [None]
    return [_shown(model, {**stored(model), **({"op": kind} if kind else {})}) for kind in kinds]


def _shown(model: type[BaseModel], values: dict[str, Any]) -> dict[str, Any]:
    for info in infos(model):
        in_sight = all(str(values.get(name)) in wanted for name, wanted in (info.show_if or {}).items())
        if info.key != "op" and (not in_sight or values[info.key] == info.default):
            del values[info.key]
        elif info.widget == "conditions":
            values[info.key] = {"any": [{"field": "input.n", "operator": ">", "value": "5"}]}
    return values


def make(model: type[Params], values: dict[str, Any], posted: MultiDict[str, str] | None = None) -> ParamsForm:
    return build(model, values, posted, providers=PROVIDERS, prefix="p-")


def posted(form: ParamsForm) -> MultiDict[str, str]:
    return page(form).data


@pytest.fixture(scope="module")
def app() -> Flask:
    """One for all, so that each template is compiled once."""
    return bare_app()


@pytest.fixture(params=sorted(models()))
def model(request: Any, app: Flask) -> Iterator[type[Params]]:
    with app.test_request_context():
        yield models()[request.param]


def test_the_form_posted_as_it_stands_gives_back_what_is_stored(model: type[Params]) -> None:
    values = stored(model)
    form = make(model, values)
    assert form.data == values
    assert read(make(model, values, posted(form))) == values
    assert read(make(model, {}, posted(make(model, {})))) == {}


def test_what_is_stored_as_an_expression_comes_back_as_one(model: type[Params]) -> None:
    values = {
        info.key: "{{ input.x }}"
        for info in infos(model)
        if info.widget not in ("hidden", "conditions", "rows", "model", "secret", "lines", "events")
    }
    assert read(make(model, values, posted(make(model, values)))) == values


def test_a_mistake_stands_at_its_own_field(model: type[Params]) -> None:
    values = stored(model)
    for field in make(model, values):
        if field.info.advanced or field.info.widget not in ("text", "textarea", "number", "duration", "datetime"):
            continue
        data = posted(make(model, values))
        data[field.name] = "{{ ( }}"
        form = make(model, values, data)
        form.validate()
        if not field.hidden:
            assert "cannot be read" in " ".join(form.errors[field.name])
            assert f'id="{field.name}-error"' in page(form).html  # type: ignore[attr-defined]
            assert form.data[field.info.key] == "{{ ( }}"


def test_every_button_of_a_row_and_of_a_view_keeps_what_is_there(model: type[Params]) -> None:
    values = stored(model)
    controls: Controls = page(make(model, values))
    alike = {
        (name, value.rpartition(":")[2] if name == "_mode" else value.rpartition("-")[0]): value
        for name, value in controls.buttons
    }
    for (name, _kind), value in list(alike.items())[:25]:
        form = make(model, values, MultiDict([*controls.data.items(multi=True), (name, value)]))
        assert form.acted, (name, value)
        if name not in ("_remove", "_up", "_down", "_add") and ":expression" not in value:
            assert form.data == values, (name, value)
        page(form)
