"""Which workflows use a table, a column, a form, a schema, an e-mail template, an integration or another workflow, or name a member.

A parameter says by its widget what it names, so that steps and triggers of every type are found alike.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy import select
from sqlalchemy.orm import Session

from flowapp.catalog import ACTIONS, TRIGGERS, stored_value, ui_of
from flowapp.engine.graph.check_context import with_hints
from flowapp.engine.language.workflow_config import stored_config
from flowapp.models import DataTable, EmailTemplate, Form, Integration, Schema, User, Version, Workflow
from flowapp.models.definitions import DefinitionJson

Thing = DataTable | EmailTemplate | Form | Integration | Schema | User | Workflow
_WIDGETS: Mapping[type[Thing], str] = {
    DataTable: "table", EmailTemplate: "email_template", Form: "form", Integration: "integration", Schema: "schema", User: "members", Workflow: "workflow",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Use:
    """A workflow, and the step that uses the thing; no step where a trigger or the settings do."""

    workflow: Workflow
    step: str = ""


Stored = Sequence[tuple[Workflow, DefinitionJson | None]]


def with_published(session: Session) -> Stored:
    """All workflows by name, each with its published definition: what is looked through for any number of things."""
    statement = select(Workflow, Version.definition).outerjoin(Version, Version.id == Workflow.published_version_id)
    return [(workflow, published) for workflow, published in session.execute(statement.order_by(Workflow.name))]


def uses(workflows: Stored, thing: Thing, column: str = "") -> list[Use]:
    """What uses it, in the draft or in what is published; with `column` only what writes that column of the table."""
    found = []
    for workflow, published in workflows:
        if workflow.id != thing.id and workflow.status != "archived":
            definitions = [definition for definition in (workflow.draft, published) if definition]
            named = dict.fromkeys(step for definition in definitions for step in used_in(definition, thing, column))
            found += [Use(workflow, step) for step in named]
    return found


def used_in(definition: DefinitionJson, thing: Thing, column: str = "") -> Iterator[str]:
    """The names of the steps of a definition that use it; empty for a trigger or the settings."""
    widget, names = _WIDGETS[type(thing)], _names(thing)
    for step in definition["steps"]:
        fields = list(with_hints(ACTIONS.get(step["action_type"]), step["params"]))
        by_widget = {str(hints.get("widget")): value for _name, value, hints in fields}
        by_widget.setdefault(widget, _by_default(step["action_type"], widget))
        if not names.isdisjoint(_listed(by_widget.get(widget))):
            written = by_widget.get("mapping")
            if not column or (isinstance(written, Mapping) and column in written):
                yield step["name"]
    for trigger in definition["triggers"] if not column else ():
        fields = list(with_hints(TRIGGERS.get(trigger["trigger_type"]), trigger["config"]))
        if any(hints.get("widget") == widget and str(value).casefold() in names for _name, value, hints in fields):
            yield ""
    if isinstance(thing, Workflow) and stored_config(definition).error_workflow.casefold() in names:
        yield ""


def _by_default(action_type: str, widget: str) -> object:
    """What a step that leaves the parameter out uses: of a connector's, the first integration of its type."""
    model = ACTIONS[action_type].params if action_type in ACTIONS else None
    names = (name for name in model.model_fields if ui_of(model, name).get("widget") == widget) if model else ()
    return next((stored_value(model, {}, name) for name in names if model), None)


def _listed(value: object) -> set[str]:
    """What a parameter names: one thing, or several."""
    return {str(name).casefold() for name in (value if isinstance(value, list) else [value or ""])}


def _names(thing: Thing) -> set[str]:
    """What workflows may call it by."""
    called = (
        ("id", "email") if isinstance(thing, User) else ("id", "name", "slug", "number", "integration_type", "provider")
    )
    own = (getattr(thing, name, None) for name in called)
    return {str(name).casefold() for name in own if name}
