"""Fields of a manifest as parameter models: what forms, checks, docs and simulation read of every other step type."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Annotated, Literal, Optional, TypedDict, cast

from pydantic import AfterValidator, AliasChoices, BeforeValidator, ConfigDict, Field, ValidationInfo, create_model
from pydantic.config import JsonDict
from pydantic_core import PydanticKnownError

from flowapp import exact_json
from flowapp.catalog.fields import (
    Addresses,
    HeaderName,
    Lines,
    Moment,
    Number,
    Text,
    WebAddress,
    Whole,
    bounded,
    has_expression,
    json_fault,
)
from flowapp.catalog.manifests.kinds import Kind
from flowapp.catalog.manifests.manifest import ActionField, Manifest, OptionsOf, Setting
from flowapp.catalog.outgoing.files import packed
from flowapp.catalog.params import N_, Params, Widget, ui
from flowapp.texts import say


def _as_json(name: str) -> BeforeValidator:
    """JSON that was written as text is read; other text stays text."""

    def read(value: object) -> object:
        if not isinstance(value, str) or value.strip()[:1] not in ("{", "[") or has_expression(value):
            return value
        if fault := json_fault(name, value):
            raise ValueError(fault)
        return exact_json.loads(value)

    return BeforeValidator(read)


def _file(value: object) -> object:
    if isinstance(value, dict) and packed(value) is None:
        raise ValueError(say("Enter text, or a file that an earlier step gave: base64, content_type and filename."))
    return value


_TYPES: dict[Kind, object] = {
    "text": Text, "long": Text, "sql": str, "html": Text, "addresses": Addresses, "number": Number, "integer": Whole, "boolean": bool,
    "list": Lines, "pairs": dict[str, object], "json": object, "datetime": Moment,
    "file": Annotated[object, BeforeValidator(_file)], "value": object,
}  # fmt: skip
_WIDGETS: dict[Kind, Widget] = {
    "long": "textarea", "sql": "sql", "html": "textarea", "number": "number", "integer": "number", "boolean": "checkbox",
    "choice": "select", "list": "lines", "pairs": "keyvalue", "json": "textarea", "datetime": "datetime", "file": "text",
    "value": "textarea",
}  # fmt: skip
_EMPTY: dict[Kind, object] = {
    "text": "", "long": "", "sql": "", "html": "", "addresses": [], "list": [], "pairs": {}, "datetime": "", "file": "", "json": None,
    "value": None,
}  # fmt: skip


_SIZED = frozenset({"text", "long", "sql", "html", "addresses", "list", "pairs"})


class ConnectorParams(Params):
    """Base of the params of every compiled action. They are built when they are first used: there are many."""

    model_config = ConfigDict(defer_build=True)

    integration: str


class _Settings(Params):
    """Base of config and credentials: whether a default will do may depend on another field."""

    model_config = ConfigDict(validate_default=True)


Made = Mapping[str, tuple[object, object]]


def params_model(
    manifest: Manifest, name: str, doc: str, fields: Iterable[ActionField], more: Made | None = None
) -> type[ConnectorParams]:
    """The params of an action or a trigger: the integration, then its fields, and `more` (types and fields by name)."""
    made = {
        **{_attribute(field.name): (_type(field), _field(field, f"{manifest.type}_{name}")) for field in fields},
        **(more or {}),
    }
    connection = Field(
        manifest.type,
        json_schema_extra=ui(
            N_("Connection"), widget="integration", integration_type=manifest.type, advanced=False
        ),
    )  # fmt: skip
    return create_model(_class_name(manifest.type, name), __base__=ConnectorParams, __doc__=doc, integration=(str, connection), **made)  # type: ignore[call-overload, no-any-return]  # fmt: skip


def settings_model(manifest: Manifest, name: str, settings: Iterable[Setting], *, secret: bool) -> type[Params]:
    """The config of an integration, or its credentials."""
    made = {one.name: (_setting_type(one), _setting(one, secret=secret)) for one in settings}
    if not secret and manifest.base_url:
        made["calls_per_minute"] = (Optional[int], _calls_per_minute(manifest))  # noqa: UP045 - made at run time
    return create_model(_class_name(manifest.type, name), __base__=_Settings, __doc__=manifest.description, **made)  # type: ignore[call-overload, no-any-return]  # fmt: skip


def _attribute(name: str) -> str:
    """The attribute of a field: its name, unless the base class has an attribute of that name."""
    return f"{name}_" if hasattr(ConnectorParams, name) else name


def _class_name(connector: str, name: str) -> str:
    return f"{connector}_{name}".title().replace("_", "")


def _type(field: ActionField) -> object:
    if field.kind == "choice":
        made: object = Literal[tuple(choice.value for choice in field.choices)]
    elif field.kind == "json":
        made = Annotated[object, _as_json(field.name)]
    else:
        made = _TYPES[field.kind]
    optional = not field.required and field.default is None and field.kind not in _EMPTY
    return Optional[made] if optional else made  # noqa: UP045 - made at run time


def _field(field: ActionField, step_type: str) -> object:
    default = _EMPTY.get(field.kind) if field.default is None else field.default
    extra = ui(
        field.label,
        field.help,
        widget=_WIDGETS.get(field.kind, "text"),
        placeholder=field.placeholder,
        advanced=field.advanced,
        choices=[(choice.value, choice.label) for choice in field.choices] or None,
        show_if=field.show_if or None,
        raw=field.kind == "sql",
        options_of=(step_type, *needs_of(field.options)) if field.options else (),
        inserts={"html": "html", "addresses": "addresses"}.get(field.kind, "text"),  # type: ignore[arg-type]
    )
    limits: dict[str, object] = {"ge": field.minimum, "le": field.maximum, "max_length": field.max_length}
    if field.required and field.kind in _SIZED:
        limits["min_length"] = 1
    if _attribute(field.name) != field.name:
        limits["alias"] = field.name
    if field.aliases:
        limits["validation_alias"] = AliasChoices(field.name, *field.aliases)
    return _declared(... if field.required and field.default is None else default, extra, limits)


def needs_of(options: OptionsOf) -> list[str]:
    """The fields that must be filled in before the choices can be asked for; settings of the connection may be among them."""
    return sorted(options.call.named) if options.call else options.needs


class _Limits(TypedDict, total=False):
    ge: float
    le: float
    min_length: int
    max_length: int
    pattern: str
    alias: str
    validation_alias: AliasChoices


def _declared(default: object, extra: JsonDict, limits: Mapping[str, object]) -> object:
    given = cast(_Limits, {name: limit for name, limit in limits.items() if limit is not None})
    made: object = Field(default, json_schema_extra=extra, **given)
    return made


def _setting_type(one: Setting) -> object:
    if one.kind == "choice":
        return Literal[tuple(choice.value for choice in one.choices)]
    kinds = {
        "integer": Annotated[int, bounded(one.minimum, one.maximum)],
        "boolean": bool,
        "url": WebAddress,
        "header": HeaderName,
    }
    made: object = kinds.get(one.kind, str)
    return Annotated[made, _filled_where_shown(one.show_if)] if one.required and one.show_if else made


def _filled_where_shown(show_if: Mapping[str, list[str]]) -> AfterValidator:
    """What is required is so only where the form shows it."""

    def check(value: object, info: ValidationInfo) -> object:
        if value in ("", None) and all(info.data.get(name) in shown for name, shown in show_if.items()):
            raise PydanticKnownError("string_too_short", {"min_length": 1})
        return value

    return AfterValidator(check)


def _setting(one: Setting, *, secret: bool) -> object:
    kinds: dict[str, Widget] = {"integer": "number", "boolean": "checkbox", "choice": "select", "long": "textarea"}
    extra: JsonDict = ui(
        one.label,
        one.help,
        widget="secret" if secret else kinds.get(one.kind, "text"),
        placeholder=one.placeholder,
        advanced=one.advanced,
        choices=[(choice.value, choice.label) for choice in one.choices] or None,
        show_if=one.show_if or None,
        pattern_help=one.pattern_help,
    )
    always = one.required and not one.show_if
    pattern = f"^$|{one.pattern}" if one.pattern and one.required and not always else one.pattern
    limits: dict[str, object] = {"pattern": pattern or None}
    if one.kind in ("text", "long", "url", "header"):
        limits |= {"max_length": 10_000, "min_length": 1 if always else None}
    default = ({"integer": 0, "boolean": False}.get(one.kind, "")) if one.default is None else one.default
    return _declared(... if always and one.default is None else default, extra, limits)


def _calls_per_minute(manifest: Manifest) -> object:
    limit = manifest.limit
    each_minute = round(limit.calls * 60 / limit.seconds) if limit else None
    extra = ui(
        N_("Calls per minute"),
        N_("Calls beyond it wait for their turn. Leave empty for no limit."),
        widget="number",
        advanced=True,
    )
    return Field(each_minute, ge=1, le=1_000_000, json_schema_extra=extra)
