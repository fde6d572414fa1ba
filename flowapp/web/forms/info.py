"""What a parameter model says about each of its fields, in the words of a form."""

from __future__ import annotations

import types
from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from functools import cache
from typing import Annotated, Any, Final, Literal, Union, get_args, get_origin

from pydantic import AliasChoices, BaseModel
from pydantic.fields import FieldInfo
from wtforms.utils import unset_value

from flowapp.catalog import ui_of
from flowapp.catalog.params import deciding

ABSENT: Final[object] = unset_value  # a parameter that is not set


@dataclass(frozen=True, slots=True)
class Info:
    """One parameter. `key` is its name in the params, `name` the one in the model; `default` may be ABSENT."""

    key: str
    name: str
    label: str
    help: str
    widget: str
    annotation: object
    required: bool
    default: object
    placeholder: str = ""
    advanced: bool = False
    choices: tuple[tuple[str, str], ...] = ()
    depends_on: str = ""
    integration_type: str = ""
    show_if: dict[str, list[str]] | None = None
    aliases: tuple[str, ...] = ()
    plain: bool = False
    suggest: str = ""
    resource: str = ""
    options_of: tuple[str, ...] = ()

    @property
    def deciding(self) -> tuple[str, ...]:
        """The fields that decide what this one is about, or what it can be chosen from."""
        return (self.depends_on, *deciding(self.resource)) if self.depends_on else tuple(deciding(self.resource))

    @property
    def names(self) -> tuple[str, ...]:
        """Every name under which the parameter may be stored, the usual one first."""
        return self.key, self.name, *self.aliases


@cache
def infos(model: type[BaseModel]) -> tuple[Info, ...]:
    """Every parameter of the model, in its order."""
    return tuple(_info(model, name, field) for name, field in model.model_fields.items())


def _info(model: type[BaseModel], name: str, field: FieldInfo) -> Info:
    ui = ui_of(model, name)
    return Info(
        key=field.alias or name,
        name=name,
        label=ui.get("label") or name.replace("_", " ").capitalize(),
        help=ui.get("help", ""),
        widget="events" if ui.get("suggest") == "events" else _widget(field.annotation, ui.get("widget", "text")),
        annotation=field.annotation,
        required=field.is_required(),
        default=ABSENT if field.is_required() else as_json(field.get_default(call_default_factory=True)),
        placeholder=ui.get("placeholder", ""),
        advanced=bool(ui.get("advanced")) and not field.is_required(),
        choices=tuple(ui.get("choices") or ((value, _words(value)) for value in literals(field.annotation))),
        depends_on=ui.get("depends_on", ""),
        integration_type=ui.get("integration_type", ""),
        show_if=ui.get("show_if"),
        aliases=_aliases(field.validation_alias),
        plain=bool(ui.get("plain")),
        suggest=ui.get("suggest", ""),
        resource=ui.get("resource", ""),
        options_of=tuple(ui.get("options_of", ())),
    )


def _aliases(alias: object) -> tuple[str, ...]:
    choices = alias.choices if isinstance(alias, AliasChoices) else [alias]
    return tuple(choice for choice in choices if isinstance(choice, str))


def as_json(value: object) -> object:
    """A default as it would stand in the params."""
    if isinstance(value, BaseModel):
        return value.model_dump(mode="json", by_alias=True)
    if isinstance(value, list | tuple):
        return [as_json(entry) for entry in value]
    return value


def _words(value: str) -> str:
    return value if value.isupper() else value.replace("_", " ").capitalize()


def arms(annotation: object) -> list[object]:
    """The alternatives of a type, None left out: of `str | None` it is [str]."""
    origin = get_origin(annotation)
    if origin is Annotated:
        return arms(get_args(annotation)[0])
    if origin in (Union, types.UnionType):
        return [inner for arm in get_args(annotation) for inner in arms(arm)]
    return [] if annotation in (None, type(None)) else [annotation]


def literals(annotation: object) -> dict[str, object]:
    """The values that a Literal allows, by their text."""
    return {str(value): value for arm in arms(annotation) if get_origin(arm) is Literal for value in get_args(arm)}


def models_in(annotation: object) -> list[type[BaseModel]]:
    """The models that a field, or the entries of its list, may be."""
    models: list[type[BaseModel]] = []
    for arm in arms(annotation):
        if isinstance(arm, type) and issubclass(arm, BaseModel):
            models.append(arm)
        elif get_origin(arm) is list:
            models += models_in(get_args(arm)[0])
    return models


def accepts(annotation: object, *kinds: type) -> bool:
    """Whether one of the alternatives is one of these types."""
    return any(arm in kinds or get_origin(arm) in kinds for arm in arms(annotation))


def _widget(annotation: object, declared: str) -> str:
    """The declared widget; where only the default was declared, the one that suits the type."""
    if declared != "text" or accepts(annotation, str) or Any in arms(annotation):
        return declared
    return next(_suiting(annotation), "json")


def _suiting(annotation: object) -> Iterator[str]:
    if literals(annotation):
        yield "select"
    if models_in(annotation):
        yield "rows" if accepts(annotation, list) else "model"
    for widget, kinds in _BY_TYPE.items():
        if accepts(annotation, *kinds):
            yield widget


_BY_TYPE: dict[str, tuple[type, ...]] = {
    "checkbox": (bool,),
    "number": (int, float, Decimal),
    "keyvalue": (dict,),
    "lines": (list,),
}
