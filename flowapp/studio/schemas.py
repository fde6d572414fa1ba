"""Named validation schemas of a project: rows of rules, a JSON Schema, or both."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import orjson
from flask_babel import gettext as _
from sqlalchemy import select
from sqlalchemy.orm import Session

from flowapp.errors import InvalidError, NotFoundError, Problem, StepError
from flowapp.models import Schema
from flowapp.studio import names, projects
from flowapp.studio.rules import Rule, check, compiled, read_rules

__all__ = ["ProjectSchemas", "Rule", "check", "create", "delete", "get", "read_rules", "update"]
MAX_PROBLEMS = 50


def get(session: Session, schema_id: str) -> Schema:
    """NotFoundError for an unknown id, or another organization's."""
    schema = session.scalars(select(Schema).where(Schema.id == schema_id)).one_or_none()
    if schema is None:
        raise NotFoundError(_("This validation schema does not exist, or was deleted."))
    return schema


def create(session: Session, body: Mapping[str, Any], *, project_id: str | None = None) -> Schema:
    """A schema from {"name", "rules": [...], "json_schema": text or object}. InvalidError by path."""
    values = _read(body)
    project_id = project_id or projects.default_project(session).id
    slug = projects.free_slug(session, Schema, project_id, values["name"])
    schema = Schema(project_id=project_id, slug=slug, **values)
    session.add(schema)
    session.flush()
    return schema


def update(session: Session, schema: Schema, body: Mapping[str, Any]) -> Schema:
    """Changes name and rules. The slug stays, because workflows call the schema by it."""
    for name, value in _read(body).items():
        setattr(schema, name, value)
    session.flush()
    return schema


def delete(session: Session, schema: Schema) -> None:
    """Deletes a schema."""
    session.delete(schema)
    session.flush()


def _read(body: Mapping[str, Any]) -> dict[str, Any]:
    problems: list[Problem] = []
    name, rules, json_schema = str(body.get("name") or "").strip(), [], None
    if not name or len(name) > 200 or "\x00" in name:
        problems.append(Problem("name", _("Give the schema a name of at most 200 characters.")))
    try:
        rules = read_rules(body.get("rules") or [])
    except InvalidError as error:
        problems += error.problems
    try:
        json_schema = _read_json_schema(body.get("json_schema"))
    except InvalidError as error:
        problems += error.problems
    if not problems and not rules and json_schema is None:
        problems.append(Problem("rules", _("Add at least one rule.")))
    if problems:
        raise InvalidError(problems)
    return {"name": name, "rules": [rule.as_json() for rule in rules], "json_schema": json_schema}


def _read_json_schema(given: Any) -> dict[str, Any] | None:
    if isinstance(given, str):
        try:
            given = orjson.loads(given) if given.strip() else None
        except orjson.JSONDecodeError as error:
            raise InvalidError.at("json_schema", _("This is not valid JSON: %(error)s.", error=error)) from None
    if given is None:
        return None
    if not isinstance(given, dict):
        raise InvalidError.at("json_schema", _('Write a JSON Schema as an object: {"type": "object", …}.'))
    if fault := _schema_fault(given):
        raise InvalidError.at("json_schema", fault)
    return given


def _schema_fault(schema: dict[str, Any]) -> str:
    """Why a JSON Schema cannot be used, or nothing."""
    from jsonschema import Draft202012Validator, SchemaError

    try:
        Draft202012Validator.check_schema(schema)
    except (SchemaError, RecursionError) as error:
        text = error.message if isinstance(error, SchemaError) else "it is nested too deeply"
        return str(_("This is not a valid JSON Schema: %(error)s.", error=text))
    for key, value in _entries(schema):
        if key == "$ref" and isinstance(value, str) and not value.startswith("#"):
            return str(
                _("“%(value)s” is outside of this schema: only references such as #/$defs/x are read.", value=value)
            )
        if key == "pattern" and isinstance(value, str) and compiled(value) is None:
            return str(_("The pattern %(value)s cannot be used: write it without look-around.", value=value))
        if key == "patternProperties":
            return str(_("patternProperties cannot be used: name the properties."))
    return ""


def _entries(node: Any) -> Iterator[tuple[str, Any]]:
    for key, value in node.items() if isinstance(node, dict) else [("", item) for item in node]:
        yield key, value
        if isinstance(value, dict | list):
            yield from _entries(value)


def check_json_schema(schema: dict[str, Any], data: Any) -> list[dict[str, str]]:
    """Problems of `data` by a JSON Schema (2020-12), as [{"field", "message"}]; formats such as email are checked."""
    from jsonschema import Draft202012Validator, FormatChecker
    from jsonschema.exceptions import ValidationError
    from jsonschema.validators import extend
    from referencing import Registry
    from referencing.exceptions import Unresolvable

    def matches(_validator: Any, pattern: str, value: Any, _schema: Any) -> Iterator[ValidationError]:
        if isinstance(value, str) and check([Rule("x", "pattern", pattern)], {"x": value}):
            yield ValidationError(f"“{value[:80]}” does not match the pattern {pattern}")

    judge = extend(  # type: ignore[no-untyped-call]
        Draft202012Validator, {"pattern": matches}
    )
    validator = judge(schema, format_checker=FormatChecker(), registry=Registry())
    found: list[dict[str, str]] = []
    try:
        for error in validator.iter_errors(data):
            found.append({"field": ".".join(map(str, error.absolute_path)), "message": _capital(error.message)})
            if len(found) >= MAX_PROBLEMS:
                break
    except (Unresolvable, RecursionError) as error:
        raise StepError(f"The JSON Schema cannot be applied: {error}.", permanent=True) from None
    return found


def _capital(text: str) -> str:
    return f"{text[:1].upper()}{text[1:300]}."


class ProjectSchemas:
    """The validation schemas of one project: catalog.Schemas over a session."""

    def __init__(self, session: Session, project_id: str) -> None:
        self._session, self._project_id = session, project_id

    def validate(self, schema: str | Mapping[str, Any] | Sequence[Any], data: Any) -> list[dict[str, str]]:
        """Problems as [{"field", "message"}], empty when `data` is valid.

        `schema`: slug or name of a schema; a list of rules; {"rules": [...]}; or a JSON Schema. StepError (permanent)
        where there is no such schema, or it cannot be read.
        """
        if isinstance(schema, str):
            found = self._find(schema)
            problems = check(read_rules(found.rules), data)
            seen = {problem["field"] for problem in problems}
            more = check_json_schema(found.json_schema, data) if found.json_schema else []
            return problems + [problem for problem in more if problem["field"] not in seen]
        try:
            if isinstance(schema, Mapping) and not isinstance(schema.get("rules"), list):
                return check_json_schema(_read_json_schema(dict(schema)) or {}, data)
            return check(read_rules(schema["rules"] if isinstance(schema, Mapping) else schema), data)
        except InvalidError as error:
            raise StepError(f"The validation schema cannot be used: {error.message}", permanent=True) from None

    def _find(self, name: str) -> Schema:
        rows = self._session.scalars(select(Schema).where(Schema.project_id == self._project_id)).all()
        found = names.find(rows, name)
        if isinstance(found, Schema):
            return found
        hint = names.suggestion(name, [row.slug for row in rows])
        raise StepError(f"There is no validation schema “{name}” in this project.{hint}", permanent=True)
