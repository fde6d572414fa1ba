"""What the API takes about workflows, as its document shows it. Other common spellings of the names are read as well."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import BaseModel, Field, GetJsonSchemaHandler, WithJsonSchema, create_model
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema, PydanticUndefined

from flowapp.api.schemas import In, one_of
from flowapp.catalog import ACTIONS, TRIGGERS
from flowapp.engine.language.definition import STEP_ID, EdgeDef, StepDef, TriggerDef
from flowapp.engine.language.dialects import NEVER_NULL
from flowapp.engine.language.workflow_config import BusinessHours, WorkflowConfig
from flowapp.models import WORKFLOW_STATUSES
from flowapp.workflows.extras import STATUS_ALIASES


class _Registered:
    """A type by the names that the catalog knows it by, when the document is made."""

    def __init__(self, registry: Mapping[str, Any]) -> None:
        self.registry = registry

    def __get_pydantic_json_schema__(self, core: CoreSchema, handler: GetJsonSchemaHandler) -> dict[str, Any]:
        aliases = {alias for spec in self.registry.values() for alias in spec.aliases}
        return {"type": "string", "enum": sorted({*self.registry, *aliases})}


def _as_sent(model: type[BaseModel], name: str, *, empty: frozenset[str] = frozenset(), **changes: Any) -> type[In]:
    """The model as it may be sent, some fields by another type; those that are `empty` may be null, which says nothing."""
    fields: dict[str, Any] = {}
    for key, field in model.model_fields.items():
        kind: Any = field.annotation
        for constraint in field.metadata:
            kind = Annotated[kind, constraint]
        kind = changes.get(key, kind)
        kind = kind | None if key in empty else kind
        extra = None if key in changes else field.json_schema_extra
        required = field.is_required() and key not in empty
        default = None if field.default is PydanticUndefined else field.default
        fields[key] = (
            kind,
            Field(json_schema_extra=extra) if required else Field(default=default, json_schema_extra=extra),
        )
    return create_model(name, __base__=In, __doc__=model.__doc__, **fields)


_Day = Annotated[str, WithJsonSchema({"type": "string", "format": "date"})]
_Clock = Annotated[str, WithJsonSchema({"type": "string", "pattern": r"^([01][0-9]|2[0-3]):[0-5][0-9]$"})]
_Days = Annotated[list[_Day], Field(max_length=366)]
_Key = Annotated[str, WithJsonSchema({"type": "string", "pattern": STEP_ID})]
_Action, _Trigger = Annotated[str, _Registered(ACTIONS)], Annotated[str, _Registered(TRIGGERS)]
_Status = Annotated[str, one_of(*WORKFLOW_STATUSES, *STATUS_ALIASES)]
_Step = _as_sent(StepDef, "StepIn", empty=frozenset({"name", "params"}), action_type=_Action)
_TriggerIn = _as_sent(TriggerDef, "TriggerIn", empty=frozenset({"key", "config"}), trigger_type=_Trigger, key=_Key)
_Edge = _as_sent(EdgeDef, "EdgeIn", empty=frozenset({"branch"}))
_Hours = _as_sent(BusinessHours, "BusinessHoursIn", start=_Clock, end=_Clock, holidays=_Days)
_Config = _as_sent(WorkflowConfig, "WorkflowConfigIn", business_hours=_Hours | None)


class WorkflowChangeIn(In):
    """What changes; absent: as it was. In the canonical form; other common ways to write it are read as well.

    What a definition says is checked beyond its shape: names of steps, parameters, expressions, conditions. A 422 names
    each place.
    """

    name: str | None = Field(default=None, min_length=1, max_length=200)
    description: str | None = Field(default=None, max_length=10_000)
    status: _Status | None = Field(default=None, description="draft, active, paused (or inactive) or archived.")
    project: str | None = Field(default=None, description="Id or slug of a project.")
    variables: dict[str, Any] | None = None
    config: _Config | None = None  # type: ignore[valid-type]
    triggers: list[_TriggerIn] | None = Field(default=None, max_length=100)  # type: ignore[valid-type]
    steps: list[_Step] | None = Field(default=None, max_length=500)  # type: ignore[valid-type]
    edges: list[_Edge] | None = Field(default=None, max_length=2000)  # type: ignore[valid-type]
    canvas_data: dict[str, Any] | None = None
    language: Literal[1, 2, 3] | None = None
    is_template: bool | None = None

    @classmethod
    def __get_pydantic_json_schema__(cls, core: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        """Without null where the reader refuses it."""
        schema = handler.resolve_ref_schema(handler(core))
        for name in {*NEVER_NULL} & {*schema["properties"]}:
            field = schema["properties"][name]
            kinds = [kind for kind in field.pop("anyOf", []) if kind != {"type": "null"}]
            field.pop("default", None)
            field.update(*kinds)
        return schema


WorkflowIn = create_model(
    "WorkflowIn",
    __base__=WorkflowChangeIn,
    __doc__="A workflow, as for a change. No project: the default one.",
    name=(str, Field(min_length=1, max_length=200)),
)
