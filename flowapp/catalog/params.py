"""Parameters of actions and triggers: one pydantic model gives the form, the API's check, the JSON Schema and the docs.

`ui()` adds to a field what a form needs. Texts are English msgids, marked with N_ and translated where they are shown.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from functools import cache
from typing import Any, Literal, TypedDict, cast

from pydantic import BaseModel, ConfigDict
from pydantic.config import JsonDict

from flowapp.logs import is_secret_name
from flowapp.texts import Text, say

_LONG_PIECE = 8  # characters beside an expression that may be a part of a secret, “Bearer ” is none

Widget = Literal[
    "text",  # one line; expressions welcome, with the variable picker
    "textarea",  # several lines; expressions welcome
    "number",  # a number or an expression
    "select",  # a Literal's values, or `choices`
    "choices",  # one or several of `choices`
    "checkbox",
    "duration",  # "90 seconds", "2 days", ISO 8601
    "date",  # a day, chosen in a calendar
    "datetime",
    "timezone",
    "keyvalue",  # dict: rows of name and value
    "lines",  # list of texts: one a line
    "rows",  # list of models: a row of fields each
    "conditions",  # condition group (engine.language.conditions)
    "mapping",  # column -> value of the data table chosen in the field named by `depends_on`, or one expression
    "table",  # slug of a data table
    "schema",  # slug of a validation schema
    "email_template",  # slug of an e-mail template
    "form",  # slug of a form
    "integration",  # id of an integration; `integration_type` narrows
    "integration_action",  # what to do with the integration chosen in the field named by `depends_on`
    "action_params",  # dict: the params of the action chosen in the field named by `depends_on`
    "members",  # e-mail addresses of members of the organization
    "step",  # step_id of this workflow
    "workflow",  # id or name of another workflow
    "cron",
    "sql",
    "secret",  # stored encrypted, never shown again
    "hidden",  # set by the app
]

Suggest = Literal["", "events", "fields"]
Others = Literal["wrong", "doubtful", "new"]
Inserts = Literal["text", "html", "addresses"]
# The resource that a widget chooses from.
_OF_WIDGET: Mapping[str, str] = {
    "table": "table", "schema": "schema", "form": "form", "email_template": "email_template", "integration": "integration", "members": "member",
    "workflow": "workflow",
}  # fmt: skip
_DECIDING = re.compile(r"\{(\w+)\}")


def N_(text: str) -> str:  # noqa: N802 - gettext's usual name
    """Marks a text for the catalogues without translating it."""
    return text


class FieldsError(ValueError):
    """What is wrong with several params together: certain where none of these `fields` holds an expression."""

    def __init__(self, message: str, *fields: str) -> None:
        super().__init__(message)
        self.fields = fields


class Params(BaseModel):
    """Base of every parameter model: unknown names are refused."""

    model_config = ConfigDict(extra="forbid", populate_by_name=True)


class Hints(TypedDict, total=False):
    """What a form needs of a field beside its type: what `ui` is given."""

    label: str
    help: str
    widget: Widget
    raw: bool
    secret_keys: bool
    placeholder: str
    advanced: bool
    choices: list[tuple[str, str]] | None
    depends_on: str
    integration_type: str
    show_if: dict[str, list[str]] | None
    plain: bool
    suggest: Suggest
    resource: str
    others: Others
    words: tuple[str, ...]
    inserts: Inserts
    options_of: tuple[str, ...]
    pattern_help: str


def ui(
    label: str,
    help: str = "",  # noqa: A002 - the word the form shows it under
    *,
    widget: Widget = "text",
    raw: bool = False,
    secret_keys: bool = False,
    placeholder: str = "",
    advanced: bool = False,
    choices: list[tuple[str, str]] | None = None,
    depends_on: str = "",
    integration_type: str = "",
    show_if: dict[str, list[str]] | None = None,
    plain: bool = False,
    suggest: Suggest = "",
    resource: str = "",
    others: Others = "wrong",
    words: tuple[str, ...] = (),
    inserts: Inserts = "text",
    options_of: tuple[str, ...] = (),
    pattern_help: str = "",
) -> JsonDict:
    """`json_schema_extra` of a field. `raw`: expressions inside are left to the action (ctx.render, ctx.test).

    `secret_keys`: texts in this dict under a name such as Authorization are stored encrypted, and never shown again.
    `show_if`: {"mode": ["update"]} shows the field only while field `mode` has one of these values.
    `plain`: a fixed name, such as a column's: no value of the execution is offered for it.
    `inserts`: what the field's text is, so that a value stays inside the place it is inserted in: in HTML it is escaped
    unless it is marked safe, among addresses it never becomes another one (engine.language.insertion).
    `suggest`: what the field names one or several of, besides names that only others know: types of events, or fields of
    what a row works on (ActionSpec.row_samples).
    `resource`: what the field names one or several of (catalog.resources): its choices are offered beside `choices`;
    `words` mean something fixed, too. `{object}_field` is the resource that field `object`
    decides. `others` is what a name is that nothing has: wrong (it keeps the draft from being published), doubtful (it is
    only told), or new (right: it comes to be). Widgets for one resource name it by themselves.
    `options_of`, of a field whose choices the service gives (ConnectorSpec.options): the step or trigger type, then the fields
    that must be filled in first. `pattern_help`: what is said of a text that does not fit the field's pattern.
    """
    hints: Hints = {
        "label": label,
        "help": help,
        "widget": widget,
        "raw": raw,
        "secret_keys": secret_keys,
        "placeholder": placeholder,
        "advanced": advanced,
        "choices": choices,
        "depends_on": depends_on,
        "integration_type": integration_type,
        "show_if": show_if,
        "plain": plain,
        "suggest": suggest,
        "resource": resource or _OF_WIDGET.get(widget, ""),
        "others": others,
        "words": words,
        "inserts": inserts,
        "options_of": options_of,
        "pattern_help": pattern_help,
    }
    return cast("JsonDict", {"ui": hints})


def ui_of(model: type[BaseModel], name: str) -> Hints:
    """The `ui` part of a field, empty where it has none."""
    extra: Any = model.model_fields[name].json_schema_extra
    hints: Hints = extra.get("ui", {}) if isinstance(extra, dict) else {}
    return hints


def hints_of(model: type[BaseModel], written: str) -> Hints:
    """The same of a field as stored params write it, by its name or its alias; empty for what is no field."""
    for name, field in model.model_fields.items():
        if written in (name, field.alias):
            return ui_of(model, name)
    return {}


def misfit(model: type[BaseModel] | None, written: str) -> Text:
    """What is said of a text that does not fit the field's pattern. A pattern is nothing for people to read."""
    words = hints_of(model, written).get("pattern_help", "") if model else ""
    return say(words) if words else say("Correct this: it is not of the expected form.")


def deciding(resource: str) -> list[str]:
    """The fields that decide which resource is meant: `object` of `{object}_field`."""
    return _DECIDING.findall(resource)


def resource_named(resource: str, current: Callable[[str], object]) -> str:
    """The resource that is meant, by what the fields that decide it say now."""
    return _DECIDING.sub(lambda found: str(current(found[1])).strip().lower(), resource)


def raw_fields(model: type[BaseModel]) -> frozenset[str]:
    """Names of the fields whose expressions the action itself evaluates."""
    return frozenset(n for n in model.model_fields if ui_of(model, n).get("raw"))


def stored_value(model: type[BaseModel], values: Mapping[str, object], name: str) -> object:
    """What stored params say under a field's name or alias; the model's default where they leave it out."""
    field = model.model_fields[name]
    for written in (field.alias, name):
        if written and written in values:
            return values[written]
    return None if field.is_required() else field.get_default(call_default_factory=True)


def written_value(model: type[BaseModel], values: Mapping[str, object], written: str) -> object:
    """The same of a field by the name that params use, which may be its alias; None where there is none."""
    for name, field in model.model_fields.items():
        if written in (name, field.alias):
            return stored_value(model, values, name)
    return None


@cache
def secret_fields(model: type[BaseModel]) -> frozenset[str]:
    """Names of the fields, as params may write them, that are stored encrypted."""
    return _written(model, lambda hints: hints.get("widget") == "secret")


@cache
def secret_key_fields(model: type[BaseModel]) -> frozenset[str]:
    """Names of the dicts, as params may write them, in which texts under secret names are stored encrypted."""
    return _written(model, lambda hints: bool(hints.get("secret_keys")))


def secret_texts(model: type[BaseModel], params: Mapping[str, object]) -> Iterator[str]:
    """The texts in params that stand where secrets are stored: what was typed, expressions left out."""
    whole, keyed = secret_fields(model), secret_key_fields(model)
    for name, value in params.items():
        if name in whole or name in keyed:
            yield from _texts(value, secret=name in whole)


def _texts(value: object, *, secret: bool) -> Iterator[str]:
    if isinstance(value, dict):
        for key, entry in value.items():
            yield from _texts(entry, secret=secret or (isinstance(entry, str) and is_secret_name(key)))
    elif secret and isinstance(value, str):
        opening, *rest = value.split("{{")
        pieces = [opening, *(piece.partition("}}")[2] for piece in rest)]
        yield from (piece for piece in pieces if len(piece) >= _LONG_PIECE or not rest)


def _written(model: type[BaseModel], wanted: Callable[[Hints], bool]) -> frozenset[str]:
    fields = {name: field.alias for name, field in model.model_fields.items() if wanted(ui_of(model, name))}
    return frozenset(fields) | frozenset(filter(None, fields.values()))
