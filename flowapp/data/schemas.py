"""Named validation schemas of a project: rows of rules, a JSON Schema, or both."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from flowapp import exact_json
from flowapp.data import names, stored
from flowapp.data.rule_checks import SchemaRule
from flowapp.data.schema_rules import check, check_each, read_rules
from flowapp.errors import InvalidError, NotFoundError, Problem, StepError
from flowapp.models import Schema, conventions_of
from flowapp.security import json_schema
from flowapp.texts import say
from flowapp.values.conventions import UNSTATED, Conventions

__all__ = ["ProjectSchemas", "SchemaRule", "check", "create", "delete", "get", "read_rules", "update"]


def get(session: Session, schema_id: str) -> Schema:
    """NotFoundError for an unknown id, or another organization's."""
    schema = session.scalars(select(Schema).where(Schema.id == schema_id)).one_or_none()
    if schema is None:
        raise NotFoundError(say("This validation schema does not exist, or was deleted."))
    return schema


def create(session: Session, body: Mapping[str, object], *, project_id: str | None = None) -> Schema:
    """A schema from {"name", "rules": [...], "json_schema": text or object}. InvalidError by path."""
    return stored.add(session, Schema, _read(body), project_id)


def update(session: Session, schema: Schema, body: Mapping[str, object]) -> Schema:
    """Changes name and rules. The slug stays, because workflows call the schema by it."""
    return stored.change(session, schema, _read(body))


def delete(session: Session, schema: Schema) -> None:
    """Deletes a schema."""
    session.delete(schema)
    session.flush()


def _read(body: Mapping[str, Any]) -> dict[str, object]:
    problems: list[Problem] = []
    name, rules, given = str(body.get("name") or "").strip(), [], None
    if not name or len(name) > 200 or "\x00" in name:
        problems.append(Problem("name", say("Give the schema a name of at most 200 characters.")))
    try:
        rules = read_rules(body.get("rules") or [])
    except InvalidError as error:
        problems += error.problems
    try:
        given = _read_json_schema(body.get("json_schema"))
    except InvalidError as error:
        problems += error.problems
    if not problems and not rules and given is None:
        problems.append(Problem("rules", say("Add at least one rule.")))
    if problems:
        raise InvalidError(problems)
    return {"name": name, "rules": [rule.as_json() for rule in rules], "json_schema": given}


def _read_json_schema(given: object) -> dict[str, object] | None:
    if isinstance(given, str):
        try:
            given = exact_json.loads(given) if given.strip() else None
        except ValueError as error:
            raise InvalidError.at("json_schema", say("This is not valid JSON: %(error)s.", error=str(error))) from None
    if given is None:
        return None
    if not isinstance(given, dict):
        raise InvalidError.at("json_schema", say('Write a JSON Schema as an object: {"type": "object", …}.'))
    if fault := json_schema.fault(given):
        raise InvalidError.at("json_schema", fault)
    return given


@dataclass(frozen=True, slots=True)
class Checks:
    """What a schema asks for: rules, a JSON Schema, or both."""

    rules: list[SchemaRule] = field(default_factory=list)
    json_schema: Mapping[str, object] | None = None
    conventions: Conventions = UNSTATED

    def problems(self, items: Sequence[object]) -> list[list[dict[str, str]]]:
        """Those of each item, as [{"field", "message"}]; after some hundreds the rest is not looked at.

        Needs no database, and may take its budget: call it outside of a session. StepError (permanent).
        """
        by_rules = check_each(self.rules, items, self.conventions)
        if self.json_schema is None:
            return by_rules
        problems_of_items = []
        for first, more in zip(by_rules, json_schema.apply(self.json_schema, items), strict=False):
            seen = {problem["field"] for problem in first}
            problems_of_items.append(first + [problem for problem in more if problem["field"] not in seen])
        return problems_of_items


class ProjectSchemas:
    """The validation schemas of one project."""

    def __init__(self, session: Session, project_id: str) -> None:
        self._session, self._project_id = session, project_id

    def checks(self, schema: str | Mapping[str, object] | Sequence[object]) -> Checks:
        """What `schema` asks for: slug or name of a schema; a list of rules; {"rules": [...]}; or a JSON Schema.

        StepError (permanent) where there is no such schema, or it cannot be read.
        """
        conventions = conventions_of(self._session)
        if isinstance(schema, str):
            row = self._find(schema)
            return Checks(read_rules(row.rules), row.json_schema, conventions)
        try:
            if isinstance(schema, Mapping) and not isinstance(schema.get("rules"), list):
                return Checks(json_schema=_read_json_schema(dict(schema)) or {})
            listed = schema["rules"] if isinstance(schema, Mapping) else schema
            rules = read_rules(listed if isinstance(listed, Sequence) else [])
            return Checks(rules, conventions=conventions)
        except InvalidError as error:
            raise StepError(
                say("The validation schema cannot be used: %(message)s", message=error.message), permanent=True
            ) from None

    def _find(self, name: str) -> Schema:
        rows = self._session.scalars(select(Schema).where(Schema.project_id == self._project_id)).all()
        schema = names.find(rows, name)
        if isinstance(schema, Schema):
            return schema
        hint = names.suggestion(name, [row.slug for row in rows])
        raise StepError(
            say("There is no validation schema “%(name)s” in this project.%(hint)s", name=name, hint=hint),
            permanent=True,
        )
