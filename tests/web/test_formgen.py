"""Every widget shows what is stored and gives it back; bad input lands beside its field."""

from __future__ import annotations

import json
from collections.abc import Iterator
from html.parser import HTMLParser
from typing import Annotated, Any, Literal

import pytest
from flask import Flask, render_template_string
from flask_babel import Babel
from jinja2 import FileSystemLoader
from pydantic import BaseModel, ConfigDict, Field
from werkzeug.datastructures import MultiDict

from flowapp.catalog import Params, ui
from flowapp.catalog.resources import Choice
from flowapp.web.forms import ParamsForm, Providers, build
from flowapp.web.forms.fields import text
from tests.conftest import ROOT


class SetOp(BaseModel):
    model_config = ConfigDict(extra="forbid")
    op: Literal["set"] = "set"
    values: dict[str, Any] = Field(json_schema_extra=ui("Values", widget="keyvalue"))


class PickOp(BaseModel):
    model_config = ConfigDict(extra="forbid")
    op: Literal["pick"] = "pick"
    fields: list[str] = Field(json_schema_extra=ui("Fields", widget="lines"))


class Rule(BaseModel):
    model_config = ConfigDict(extra="forbid")
    field: str = Field(json_schema_extra=ui("Field"))
    required: bool = Field(default=False, json_schema_extra=ui("Required", widget="checkbox"))


class Retry(BaseModel):
    model_config = ConfigDict(extra="forbid")
    times: int = Field(default=3, ge=1, json_schema_extra=ui("Times", widget="number"))


class Everything(Params):
    url: str = Field(json_schema_extra=ui("Address", "Where to.", placeholder="https://…"))
    message: str = Field(default="", json_schema_extra=ui("Message", widget="textarea"))
    timeout: float = Field(default=30, gt=0, json_schema_extra=ui("Timeout", widget="number"))
    method: Literal["GET", "POST"] = Field(default="POST", json_schema_extra=ui("Method", widget="select"))
    active: bool = Field(default=True, json_schema_extra=ui("Active", widget="checkbox"))
    headers: dict[str, str] = Field(default_factory=dict, json_schema_extra=ui("Headers", widget="keyvalue"))
    body: dict[str, Any] | list[Any] | str | None = Field(default=None, json_schema_extra=ui("Body", widget="keyvalue"))
    to: list[str] = Field(default_factory=list, json_schema_extra=ui("To", widget="lines"))
    rules: list[Rule] = Field(default_factory=list, json_schema_extra=ui("Rules", widget="rows"))
    operations: list[Annotated[SetOp | PickOp, Field(discriminator="op")]] = Field(
        default_factory=list, json_schema_extra=ui("Operations", widget="rows")
    )
    conditions: Any = Field(default=None, json_schema_extra=ui("Conditions", widget="conditions", raw=True))
    table: str = Field(default="", json_schema_extra=ui("Table", widget="table"))
    data: dict[str, Any] | str | None = Field(
        default=None, json_schema_extra=ui("Data", widget="mapping", depends_on="table")
    )
    mode: Literal["insert", "update"] = Field(default="insert", json_schema_extra=ui("Mode", widget="select"))
    match: list[str] = Field(
        default_factory=list, json_schema_extra=ui("Match", widget="lines", show_if={"mode": ["update"]})
    )
    secret: str = Field(default="", json_schema_extra=ui("Secret", widget="secret", advanced=True))
    retry: Retry | None = Field(default=None, json_schema_extra=ui("Retry", widget="text"))
    zone: str = Field(default="UTC", json_schema_extra=ui("Zone", widget="timezone"))
    cron: str = Field(default="", json_schema_extra=ui("Cron", widget="cron"))
    key: str = Field(default="", json_schema_extra=ui("Key", widget="hidden"))
    anything: Any = Field(default=None, json_schema_extra=ui("Anything"))


COLUMNS = [{"key": "name", "label": "Full name", "required": True}, {"key": "email", "label": "E-mail"}]
PROVIDERS = Providers(
    choices=lambda name: [Choice("contacts", "Contacts")] if name == "table" else (),
    columns=lambda slug: COLUMNS if slug == "contacts" else (),
)
STORED = {
    "url": "https://x.test/{{ input.id }}",
    "message": "a\nb",
    "timeout": 2.5,
    "method": "GET",
    "active": False,
    "headers": {"X-A": "1"},
    "body": {"n": 5, "ok": True, "none": None, "deep": {"a": [1, 2]}, "text": "5"},
    "to": ["a@b.c", "{{ input.email }}"],
    "rules": [{"field": "name", "required": True}, {"field": "email"}],
    "operations": [{"op": "set", "values": {"a": 1}}, {"op": "pick", "fields": ["a", "b"]}],
    "conditions": {
        "all": [
            {"field": "a", "operator": ">", "value": 5},
            {
                "any": [
                    {"field": "b", "operator": "in", "value": ["x", "y"], "ignore_case": True},
                    {"not": [{"field": "c", "operator": "exists"}]},
                ]
            },
        ]
    },
    "table": "contacts",
    "data": {"email": "{{ input.email }}", "gone": 1},
    "mode": "update",
    "match": ["email"],
    "secret": "••••",
    "retry": {"times": 5},
    "zone": "Europe/Paris",
    "cron": "0 8 * * *",
    "key": "k-1",
    "anything": [1, {"a": "b"}],
    "method_": "?",
}


class Controls(HTMLParser):
    """What a browser would post, every hidden-by-attribute part included."""

    def __init__(self) -> None:
        super().__init__()
        self.data: MultiDict[str, str] = MultiDict()
        self.ids: list[str] = []
        self.labels: set[str] = set()
        self.buttons: list[tuple[str, str]] = []
        self._select = self._area = ""
        self._options: list[tuple[str, bool]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        a = dict(attrs)
        if a.get("id") and tag != "svg":
            self.ids.append(str(a["id"]))
        if tag == "label" and a.get("for"):
            self.labels.add(str(a["for"]))
        name = a.get("name") or ""
        if tag == "input" and name and (a.get("type") != "checkbox" or "checked" in a):
            self.data.add(name, a.get("value") or "")
        elif tag == "select":
            self._select, self._options = name, []
        elif tag == "option" and self._select:
            self._options.append((a.get("value") or "", "selected" in a))
        elif tag == "textarea":
            self._area = name
            self.data.add(name, "")
        elif tag == "button" and name and "disabled" not in a:
            self.buttons.append((name, a.get("value") or ""))

    def handle_data(self, data: str) -> None:
        if self._area:
            self.data[self._area] = data.removeprefix("\n").replace("\n", "\r\n")

    def handle_endtag(self, tag: str) -> None:
        if tag == "textarea":
            self._area = ""
        elif tag == "select":
            chosen = [v for v, on in self._options if on] or [v for v, _ in self._options[:1]]
            if chosen:
                self.data.add(self._select, chosen[0])
            self._select = ""


def bare_app() -> Flask:
    """What templates of forms need, and no more."""
    app = Flask("test")
    app.jinja_loader = FileSystemLoader(ROOT / "templates")
    app.jinja_env.globals.update(asset=lambda name: name, csrf_token=lambda: "t")
    app.add_url_rule("/<step_type>/<field>", "field_options.show")
    Babel(app)
    app.jinja_env.add_extension("jinja2.ext.i18n")
    app.add_url_rule("/integrations/options/<step_type>/<field>", "field_options.show")
    return app


@pytest.fixture(scope="module")
def templates() -> Flask:
    """One for all tests, so that each template is compiled once."""
    return bare_app()


@pytest.fixture
def app(templates: Flask) -> Iterator[Flask]:
    with templates.test_request_context():
        yield templates


def page(form: ParamsForm) -> Controls:
    html = render_template_string('{% import "forms/fields.html" as formgen %}{{ formgen.render(form) }}', form=form)
    controls = Controls()
    controls.feed(html)
    controls.html = html  # type: ignore[attr-defined]
    return controls


def make(values: dict[str, Any] | None = None, posted: MultiDict[str, str] | None = None) -> ParamsForm:
    return build(Everything, STORED if values is None else values, posted, providers=PROVIDERS, prefix="p-")


def read(form: ParamsForm) -> dict[str, Any]:
    """What a page does after a post."""
    if not form.acted:
        form.validate()
    return form.data


def post(
    values: dict[str, Any] | None = None, drop: tuple[str, ...] = (), **changed: Any
) -> tuple[ParamsForm, dict[str, Any]]:
    data = page(make(values)).data
    for name, value in changed.items():
        data.setlist(name.replace("__", "-") if name[:1] == "_" else f"p-{name.replace('__', '-')}", [value])
    for name in drop:
        data.poplist(name)
    form = make(values, data)
    return form, read(form)


def test_what_is_stored_comes_back_unchanged(app: Flask) -> None:
    form, params = post()
    assert params == STORED
    assert list(form.errors) == [""]
    assert "method_" in form.form_errors[0]


def test_an_empty_form_gives_no_params_and_asks_for_what_is_required(app: Flask) -> None:
    form, params = post({})
    assert params == {}
    assert form.errors == {"p-url": ["This field is required."]}


def test_every_control_has_a_label_and_no_id_is_there_twice(app: Flask) -> None:
    controls = page(make())
    assert len(controls.ids) == len(set(controls.ids))
    html = controls.html  # type: ignore[attr-defined]
    for name in ("p-url", "p-timeout", "p-method", "p-data-0-value", "p-rules-0-field", "p-secret", "p-retry-times"):
        assert name in controls.labels, name
    assert "data-refreshes" in html
    assert "••••" not in html


def test_types_are_kept_and_typed_text_stays_text(app: Flask) -> None:
    _, params = post(p__body="", body__0__value="6", body__4__value="7", timeout="1,5", to="a@b.c\r\n\r\n d@e.f ")
    assert params["body"] == {"n": 6, "ok": True, "none": None, "deep": {"a": [1, 2]}, "text": "7"}
    assert params["timeout"] == 1.5
    assert params["to"] == ["a@b.c", "d@e.f"]


def test_expressions_stand_where_numbers_yes_no_and_choices_are_expected(app: Flask) -> None:
    stored = {"url": "u", "timeout": "{{ input.t }}", "active": "{{ input.on }}", "method": "{{ input.m }}"}
    form, params = post(stored)
    assert (params, form.errors) == (stored, {})
    form, params = post({"url": "u"}, _mode="p-active:expression")
    assert form.acted
    assert form["active"].template == "forms/text.html"
    form, params = post(stored, _mode="p-active:plain")
    assert form["active"].template in ("forms/checkbox.html", "forms/json.html")


@pytest.mark.parametrize(
    ("values", "name", "word"),
    [
        ({"timeout": "soon"}, "p-timeout", "number"),
        ({"timeout": "0"}, "p-timeout", "more than"),
        ({"message": "{{ input. }}"}, "p-message", "cannot be read"),
        ({"headers__0__value": "{{ x"}, "p-headers", "closed"),
        ({"headers__0__key": ""}, "p-headers", "name"),
        ({"rules__1__field": ""}, "p-rules", "required"),
        ({"operations__0__values__0__value": "{{ ( }}"}, "p-operations", "cannot be read"),
        ({"conditions__items__0__field": ""}, "p-conditions", "field"),
        ({"conditions__items__1__items__1__items__0__field": "", "conditions__items__1__items__1__items__0__operator": "matches",
          "conditions__items__1__items__1__items__0__value": "["}, "p-conditions", "field"),
        ({"retry__times": "0"}, "p-retry", "or more"),
        ({"anything": "[1,"}, "p-anything", "JSON"),
    ],
)  # fmt: skip
def test_errors_land_beside_their_field(app: Flask, values: dict[str, str], name: str, word: str) -> None:
    stored = {key: value for key, value in STORED.items() if key != "method_"}
    form, _ = post(stored, **values)
    assert list(form.errors) == [name]
    assert word in " ".join(form.errors[name])
    html = page(form).html  # type: ignore[attr-defined]
    assert 'class="field-error"' in html
    for typed in values.values():
        assert not typed or typed in html.replace("&#34;", '"')


def test_rows_are_added_removed_and_moved_and_what_was_typed_stays(app: Flask) -> None:
    form, params = post(url="typed", _add="p-headers")
    assert form.acted
    assert not form.errors
    assert len(form["headers"].rows) == 2  # type: ignore[attr-defined]
    assert params["url"] == "typed"
    assert post(_remove="p-headers-0")[1].get("headers") is None
    assert [r["field"] for r in post(_up="p-rules-1")[1]["rules"]] == ["email", "name"]
    assert [r["field"] for r in post(_down="p-rules-0")[1]["rules"]] == ["email", "name"]
    assert [r["field"] for r in post(_remove="p-rules-0")[1]["rules"]] == ["email"]
    assert post(_up="p-rules-0")[1]["rules"] == STORED["rules"]
    assert post(_add="p-operations")[1]["operations"][-1] == {"op": "set"}
    assert len(post(_add="p-operations-0-values")[0]["operations"].entries[0].form["values"].rows) == 2  # type: ignore[attr-defined]


def test_another_kind_of_row_has_its_own_fields(app: Flask) -> None:
    form, params = post(operations__0__op="pick", _refresh="1")
    assert form.acted
    assert params["operations"][0] == {"op": "pick"}
    assert "p-operations-0-fields" in page(form).data


def test_condition_rows_and_groups(app: Flask) -> None:
    form, _ = post(_add="p-conditions-items")
    assert len(form["conditions"].group.entries) == 3  # type: ignore[attr-defined]
    form, _ = post(_add_group="p-conditions-items-1-items")
    assert form["conditions"].group.entries[1].entries[2].mode == "all"  # type: ignore[attr-defined]
    _, params = post(_remove="p-conditions-items-0")
    assert params["conditions"] == {"all": [STORED["conditions"]["all"][1]]}
    _, params = post({"url": "u"}, conditions__mode="any", conditions__items__0__field="a", conditions__items__0__operator="in",
                     conditions__items__0__value="x, y")  # fmt: skip
    assert params["conditions"] == {"any": [{"field": "a", "operator": "in", "value": ["x", "y"]}]}
    _, params = post({"url": "u"}, conditions__mode="all", conditions__items__0__field="a", conditions__items__0__value="x",
                     conditions__items__0__ignore_case="1")  # fmt: skip
    assert params["conditions"] == {"all": [{"field": "a", "operator": "==", "value": "x", "ignore_case": True}]}


def test_columns_of_the_chosen_table(app: Flask) -> None:
    controls = page(make())
    assert controls.data["p-data-0-key"] == "name"
    assert controls.data["p-data-1-value"] == "{{ input.email }}"
    assert controls.data["p-data-2-key"] == "gone"
    _, params = post(data__0__value="Ada")
    assert params["data"] == {"name": "Ada", "email": "{{ input.email }}", "gone": 1}
    form, params = post({"url": "u"}, table="contacts", _refresh="1")
    assert "p-data-1-value" in page(form).data
    _, params = post({"url": "u", "table": "contacts", "data": "{{ input }}"})
    assert params["data"] == "{{ input }}"


def test_fields_out_of_sight_are_kept_until_what_hides_them_changes(app: Flask) -> None:
    stored = {"url": "u", "mode": "insert", "match": ["email"]}
    assert post(stored)[1] == stored
    form, params = post({**stored, "mode": "update"}, mode="insert")
    assert "match" not in params
    assert form["match"].hidden
    assert "p-match" in page(form).data


def test_a_secret_is_never_shown_and_stays_until_replaced_or_removed(app: Flask) -> None:
    assert post(secret="new")[1]["secret"] == "new"
    assert "secret" not in post(secret__forget="y")[1]
    assert post()[1]["secret"] == "••••"


def test_json_as_text_and_back(app: Flask) -> None:
    form, _ = post(_mode="p-body:json")
    text = form["body"].text  # type: ignore[attr-defined]
    assert json.loads(text) == STORED["body"]
    data = page(form).data
    data["p-body"] = '{"a": {"b": 1}}'
    assert read(make(posted=data))["body"] == {"a": {"b": 1}}
    data["_mode"] = "p-body:plain"
    back = make(posted=data)
    assert back["body"].template == "forms/keyvalue.html"
    data["p-body"] = "{"
    wrong = make(posted=data)
    assert wrong["body"].text == "{"  # type: ignore[attr-defined]


def test_a_control_that_took_an_expressions_place_is_read_as_that_control(app: Flask) -> None:
    data = page(make({"url": "u"})).data
    data.setlist("p-active", [""])
    form = make({"url": "u", "active": "{{ input.on }}", "method": "{{ input.m }}"}, data)
    assert form.data == {"url": "u", "active": False, "method": "POST"}


def test_a_button_inside_a_row_switches_its_view(app: Flask) -> None:
    form, params = post(_mode="p-operations-0-values:json")
    assert form.acted
    assert form["operations"].entries[0].form["values"].template == "forms/json.html"  # type: ignore[attr-defined]
    assert params == STORED


def test_a_field_missing_from_the_post_keeps_its_value(app: Flask) -> None:
    assert read(make(posted=MultiDict())) == STORED


def test_unknown_settings_go_only_when_asked(app: Flask) -> None:
    data = page(make()).data
    data["p-_drop_unknown"] = "y"
    form = make(posted=data)
    assert "method_" not in read(form)
    assert not form.errors


def test_a_usual_time_fills_the_cron_box(app: Flask) -> None:
    assert post(cron__preset="0 * * * *")[1]["cron"] == "0 * * * *"


def test_the_hidden_key_cannot_be_posted(app: Flask) -> None:
    assert post(key="stolen")[1]["key"] == "k-1"


@pytest.mark.parametrize(
    ("line", "names"),
    [
        ("a, b", ["a", " b"]),
        ("{{ x | join(',') }}, b", ["{{ x | join(',') }}", " b"]),
        ("{{ a, b", ["{{ a, b"]),
        ("", [""]),
    ],
)
def test_names_are_parted_by_commas_outside_of_expressions(line: str, names: list[str]) -> None:
    assert list(text._names(line)) == names
