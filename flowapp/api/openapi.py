"""The OpenAPI 3.1 document, made from the declared routes and their pydantic models."""

from __future__ import annotations

import re

from pydantic import BaseModel
from pydantic.json_schema import models_json_schema

from flowapp.api.routes import JSON, OPERATIONS, PREFIXES, Operation
from flowapp.api.schemas import Problem
from flowapp.exact_json import Json

_REF = "#/components/schemas/{model}"
_PARAMETER = re.compile(r"<(?:(\w+):)?(\w+)>")
_CONVERTED = {
    "": {"type": "string"},
    "int": {"type": "integer", "minimum": 0},
    "uuid": {"type": "string", "format": "uuid"},
}
_ABOUT = (
    "Every path works with and without its last slash. Errors are application/problem+json: 422 and 400 say that a "
    "request does not have its shape, 404 that it names what is not there, 409 that it does not fit what there is. "
    "A text must not hold the character U+0000, and a whole number has at most 300 digits."
)


def document(version: str) -> Json:
    """The whole document. Every path is below each of the servers; those from the root name their own."""
    _, schemas = models_json_schema([(model, "validation") for model in _models()], ref_template=_REF)
    paths: dict[str, Json] = {}
    for operation in OPERATIONS:
        item = paths.setdefault(_PARAMETER.sub(r"{\2}", operation.rule), {})
        if operation.root:
            item["servers"] = [{"url": "/"}]
        for method in operation.methods:
            item[method.lower()] = _operation(operation, method)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Flowapp",
            "version": version,
            "description": _ABOUT,
        },
        "servers": [{"url": prefix} for prefix in PREFIXES],
        "security": [{"bearer": []}, {"session": []}],
        "paths": paths,
        "components": {
            "schemas": schemas["$defs"],
            "securitySchemes": {
                "bearer": {"type": "http", "scheme": "bearer", "description": "A token from the settings."},
                "session": {
                    "type": "apiKey",
                    "in": "cookie",
                    "name": "flowapp_session",
                    "description": "A signed-in browser; anything but GET needs the header X-CSRFToken.",
                },
            },
        },
    }


def _models() -> list[type[BaseModel]]:
    used = [model for o in OPERATIONS for model in (o.body, o.answer) if model is not None]
    return list(dict.fromkeys([*used, Problem]))


def _operation(operation: Operation, method: str) -> Json:
    rule = operation.view.access  # type: ignore[attr-defined]
    name = operation.view.__name__
    who = f"Public: {rule.public}." if rule.role is None else f"Needs the role {rule.role.label}."
    shown: Json = {
        "operationId": name if len(operation.methods) == 1 else f"{name}_{method.lower()}",
        "tags": [operation.tag],
        "summary": operation.summary,
        "description": "\n\n".join((" ".join((operation.view.__doc__ or "").split()), who)),
        "responses": _responses(operation),
    }
    if rule.role is None:
        shown["security"] = []
    if parameters := [*_path_parameters(operation.rule), *_query_parameters(operation.query)]:
        shown["parameters"] = parameters
    if operation.body is not None and method != "GET":
        content = {JSON: {"schema": _reference(operation.body)}}
        needed = any(field.is_required() for field in operation.body.model_fields.values())
        shown["requestBody"] = {"content": content, "required": needed}
    return shown


def _responses(operation: Operation) -> Json:
    answer: Json = {"description": "Done."}
    schema = _reference(operation.answer) if operation.answer else {}
    if operation.status != 204:
        answer["content"] = {kind: {"schema": schema} for kind in operation.media or (JSON,)}
    others = {
        str(status): {"description": "", "content": {kind: {"schema": schema if kind == JSON else {}}}}
        for status, kind in operation.others
    }
    wrong = {"content": {"application/problem+json": {"schema": _reference(Problem)}}}
    return {
        str(operation.status): answer,
        **others,
        "default": {"description": "What is wrong, and what to do.", **wrong},
    }


def _reference(model: type[BaseModel]) -> Json:
    return {"$ref": _REF.format(model=model.__name__)}


def _path_parameters(rule: str) -> list[Json]:
    return [
        {"name": name, "in": "path", "required": True, "schema": _CONVERTED[converter]}
        for converter, name in _PARAMETER.findall(rule)
    ]


def _query_parameters(model: type[BaseModel] | None) -> list[Json]:
    shown = []
    declared = model.model_json_schema() if model else {"properties": {}}
    for name, schema in declared["properties"].items():
        described = {"description": schema.pop("description")} if "description" in schema else {}
        needed = {"required": True} if name in declared.get("required", ()) else {}
        shown.append({"name": name, "in": "query", "schema": schema, **needed, **described})
    return shown
