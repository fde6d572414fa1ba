"""Which workflows use a table, a column, a form, a schema, an e-mail template, an integration or another workflow, or name a member.

A parameter says by its widget what it names, so that steps and triggers of every type are found alike.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import NamedTuple

from sqlalchemy import select
from sqlalchemy.orm import Session, object_session

from flowapp.catalog import ACTIONS, TRIGGERS, ActionSpec, TriggerSpec, stored_value, ui_of
from flowapp.engine.graph.check_context import with_hints
from flowapp.engine.language.workflow_config import stored_config
from flowapp.integrations.service import called
from flowapp.models import DataTable, EmailTemplate, Form, Integration, Schema, User, Version, Workflow
from flowapp.models.definitions import DefinitionJson

Thing = DataTable | EmailTemplate | Form | Integration | Schema | User | Workflow
_WIDGETS: Mapping[type[Thing], str] = {
    DataTable: "table", EmailTemplate: "email_template", Form: "form", Integration: "integration", Schema: "schema", User: "members", Workflow: "workflow",
}  # fmt: skip


class Place(NamedTuple):
    """Where a definition uses a thing: the name of the step, or the type of the trigger; neither: in the settings."""

    step: str = ""
    trigger: str = ""


@dataclass(frozen=True, slots=True)
class Use:
    """A workflow, and where it uses the thing, as in Place."""

    workflow: Workflow
    step: str = ""
    trigger: str = ""


Stored = Sequence[tuple[Workflow, DefinitionJson | None]]


def with_published(session: Session) -> Stored:
    """All workflows by name, each with its published definition: what is looked through for any number of things."""
    statement = select(Workflow, Version.definition).outerjoin(Version, Version.id == Workflow.published_version_id)
    return [(workflow, published) for workflow, published in session.execute(statement.order_by(Workflow.name))]


def uses(workflows: Stored, thing: Thing, column: str = "") -> list[Use]:
    """What uses it, in the draft or in what is published; with `column` only what writes that column of the table."""
    found, names = [], _names(thing)
    for workflow, published in workflows:
        if workflow.id != thing.id and workflow.status != "archived":
            definitions = [definition for definition in (workflow.draft, published) if definition]
            places = (place for definition in definitions for place in _places(definition, type(thing), names, column))
            found += [Use(workflow, *place) for place in dict.fromkeys(places)]
    return found


def by_workflow(found: Iterable[Use]) -> list[tuple[Workflow, list[Use]]]:
    """Each workflow once, with where it uses the thing."""
    return [(workflow, list(places)) for workflow, places in groupby(found, lambda use: use.workflow)]


def is_used_in(definition: DefinitionJson, thing: Thing) -> bool:
    """Whether anything in a definition uses it."""
    return any(True for _ in _places(definition, type(thing), _names(thing)))


def _places(definition: DefinitionJson, kind: type[Thing], names: set[str], column: str = "") -> Iterator[Place]:
    widget = _WIDGETS[kind]
    for step in definition["steps"]:
        by_widget = _by_widget(ACTIONS.get(step["action_type"]), step["params"], widget)
        if not names.isdisjoint(_listed(by_widget[widget])):
            written = by_widget.get("mapping")
            if not column or (isinstance(written, Mapping) and column in written):
                yield Place(step=step["name"])
    for trigger in definition["triggers"] if not column else ():
        by_widget = _by_widget(TRIGGERS.get(trigger["trigger_type"]), trigger["config"], widget)
        if not names.isdisjoint(_listed(by_widget[widget])):
            yield Place(trigger=trigger["trigger_type"])
    if kind is Workflow and stored_config(definition).error_workflow.casefold() in names:
        yield Place()


def _by_widget(spec: ActionSpec | TriggerSpec | None, values: Mapping[str, object], widget: str) -> dict[str, object]:
    """The parameters by their widgets; of `widget` also what is meant where the parameter is left out."""
    by_widget = {str(hints.get("widget")): value for _name, value, hints in with_hints(spec, values)}
    return by_widget | {widget: by_widget.get(widget) or _by_default(spec, widget)}


def _by_default(spec: ActionSpec | TriggerSpec | None, widget: str) -> object:
    """What is used where the parameter is left out: of a connector's, the first integration of its type; of a mail's, the
    mail server that is connected (as `called` says it: empty). None: nothing."""
    model = spec.params if spec else None
    for name in model.model_fields if model else ():
        hints = ui_of(model, name) if model else {}
        if model and hints.get("widget") == widget:
            return stored_value(model, {}, name) or ("" if hints.get("integration_type") == "email" else None)
    return None


def _listed(value: object) -> set[str]:
    """What a parameter names: one thing, or several."""
    return {str(name).casefold() for name in (value if isinstance(value, list) else [value]) if name is not None}


def _names(thing: Thing) -> set[str]:
    """What workflows may call it by."""
    session = object_session(thing)
    if isinstance(thing, Integration) and session is not None:
        return {name.casefold() for name in called(session, thing)}
    columns = ("id", "email") if isinstance(thing, User) else ("id", "name", "slug", "number")
    own = (getattr(thing, column, None) for column in columns)
    return {str(name).casefold() for name in own if name}
