"""One step in the editor: its form, the values it can use, and the step test beside it."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import urlencode

from flask import request, url_for
from flask_babel import gettext as _
from pydantic import Field

from flowapp.catalog import N_, Params, get_action, ui
from flowapp.catalog.entities import ENTITIES
from flowapp.engine.graph import edit
from flowapp.engine.graph.examples import RowExample, field_names, row_examples
from flowapp.engine.graph.outline import outline, with_edges
from flowapp.engine.graph.sample import ValueGroup
from flowapp.engine.graph.suggestions import brief
from flowapp.engine.language.definition import StepDef, stored_step
from flowapp.engine.language.scope import Scope
from flowapp.logs import mask
from flowapp.models.definitions import DefinitionJson, StepJson
from flowapp.web.edits import Edit
from flowapp.web.forms.draft import Draft
from flowapp.web.forms.edges import ShownEdge, edges_from
from flowapp.web.forms.form import PlainForm, build
from flowapp.web.forms.row_help import RowResult
from flowapp.web.forms.steps import StepForm
from flowapp.web.texts import translated
from flowapp.workflows import test_data

PLACES = ("after", "branch", "before", "below", "parallel")
_KINDS = {
    "input": N_("Trigger"),
    "variables": N_("Workflow variables"),
    "general": N_("Always available"),
}


class OwnInput(Params):
    """An input that a person writes to try a step with."""

    data: dict[str, object] = Field(
        default_factory=dict,
        json_schema_extra=ui(N_("Your own values"), N_("What the trigger would provide."), widget="keyvalue"),
    )


class Editor:
    """A step being made (at `after` and `branch`, also `parallel`; before `before`; `below` lanes) or changed.

    `definition` holds the step as it is in the form, in its place, so that what runs before it is known.
    """

    def __init__(self, draft: Draft, step_id: str = "", action_type: str = "") -> None:
        self.draft = draft
        self.new = not step_id
        self.place = _place(draft.definition, step_id)
        step = new_step(draft.definition, action_type) if self.new else edit.step_of(draft.definition, step_id)
        self.origin = step.copy()
        posted = request.form if request.method == "POST" else None
        providers = draft.providers(step["step_id"])
        shown = StepForm(step, providers)
        self.edit = Edit(shown.values, shown.label, inside=("params",))
        seen: Any = {**step, **self.edit.seen}
        self.form = StepForm(seen, providers, posted) if posted is not None else shown
        if posted is not None and self.new and self.form.name.data:
            self.form.step["step_id"] = edit.free_step_id(draft.definition, self.form.name.data)
        self.own = build(OwnInput, {}, posted, base=PlainForm, prefix="t-")
        self.kept = test_data.of(draft.workflow)
        self.source = request.form.get("t-source") or draft.inputs()[0][0]

    def validate(self) -> bool:
        """Whether the step can be saved as it was posted; False, too, where the post only asked for another row."""
        return (self.form.acted or self.form.validate()) and not self.acted

    def merge(self) -> bool:
        """Takes into the form what others changed of the step meanwhile. False where the page has to ask first."""
        if self.new:
            return True
        merged: Any = self.edit.merge(self.form.values)
        self.form.step.update(merged)
        if self.edit.asks:
            self.form = self.form.again()
        return not self.edit.asks

    @property
    def acted(self) -> bool:
        return self.form.acted or self.own.acted

    @property
    def definition(self) -> DefinitionJson:
        """The draft with the step as the form has it. NotFoundError where its place is gone."""
        return self._with(self.form.step)

    def _with(self, step: StepJson) -> DefinitionJson:
        definition, place = self.draft.definition, self.place
        if not self.new:
            return edit.change(definition, step)
        if place["before"]:
            return edit.insert_before(definition, step, place["before"])
        if place["below"]:
            return edit.insert_below(definition, step, place["below"])
        parallel = bool(place["parallel"])
        return edit.insert_after(definition, step, place["after"] or None, place["branch"], parallel=parallel)

    @property
    def url(self) -> str:
        """Where the form posts to."""
        return self._url("steps")

    @property
    def try_url(self) -> str:
        """Where the form posts to, to try the step."""
        return self._url("step_test")

    def _url(self, page: str) -> str:
        workflow_id = self.draft.workflow.id
        if self.new:
            return url_for(f"{page}.new", workflow_id=workflow_id, action_type=self.form.spec.type)
        return url_for(f"{page}.change", workflow_id=workflow_id, step_id=self.form.step["step_id"])

    def groups(self) -> list[dict[str, object]]:
        """The values to insert, as `ui.value_list` shows them."""
        return shown_groups(self.draft.values(self._with(self.origin), self.origin["step_id"]))

    def scope(self) -> Scope:
        """The same values, for expressions to find."""
        return self.draft.scope(self._with(self.origin), self.origin["step_id"])

    @property
    def values_url(self) -> str:
        """Where the picker asks what can be done with a value."""
        place = {name: value for name, value in self.place.items() if value} if self.new else {}
        known = {"new": self.form.spec.type, **place} if self.new else {"step": self.form.step["step_id"]}
        return f"{url_for('workflow_values.show', workflow_id=self.draft.workflow.id)}?{urlencode(known)}"

    def edges(self) -> list[ShownEdge]:
        """What leads on from the step, as it is saved."""
        return [] if self.new else edges_from(self.draft.definition, self.form.step["step_id"])

    def inputs(self) -> list[tuple[str, str]]:
        """What the step can be tried with."""
        return [*self.draft.inputs(), ("own", str(_("My own values")))]

    def input_data(self) -> tuple[object, str | None]:
        """The chosen input, and the execution that it is from."""
        if self.source == "own":
            return self.own.data.get("data", {}), None
        return self.draft.input_of(self.source)

    def preview(self) -> str:
        """The chosen input as JSON text."""
        return json.dumps(self.input_data()[0], ensure_ascii=False, indent=2)

    def _show_rows(self) -> None:
        """Tells the rows that work one after the other what each makes of the sample."""
        if self.form.spec.row_samples:
            scope = self.draft.scope(self._with(self.origin), self.origin["step_id"], short=True)
            for name, examples in row_examples(self.form.step, scope).items():
                self.form.params[name].tell_rows([shown_row(one) for one in examples])

    def context(self) -> dict[str, Any]:
        """What steps/edit.html needs."""
        self._show_rows()
        return {"editor": self, "form": self.form, "workflow": self.draft.workflow, "step_test": None, "ask": False}


def _place(definition: DefinitionJson, step_id: str) -> dict[str, str]:
    """Where a new step goes. What led there may have been deleted: then at the end. For a step that exists, where it is."""
    place = {name: request.values.get(name, "")[:200] for name in PLACES}
    steps = {step["step_id"] for step in definition["steps"]}
    if step_id:
        before = next(((s, branch) for s, target, branch in with_edges(definition) if target == step_id), ("", ""))
        return dict.fromkeys(PLACES, "") | dict(zip(PLACES, before, strict=False))
    if request.method == "POST" and not {place[name] for name in ("after", "before", "below")} <= {"", *steps}:
        last = outline(definition)[-1:]
        return dict.fromkeys(PLACES, "") | {"after": last[0].step_id if last else ""}
    return place


def shown_row(example: RowExample) -> RowResult:
    """The example as the page shows it, secrets masked."""
    text = "" if example.made is None else brief(mask(example.made))
    return RowResult(field_names(example.given), text, translated(example.error) if example.error else "")


def _in_words(text: str) -> str:
    return _(text) if text else ""


def shown_groups(groups: list[ValueGroup]) -> list[dict[str, object]]:
    """Groups of values in the reader's language."""
    return [
        {"label": _label(group), "items": [{**item, "label": _in_words(item["label"])} for item in group.items]}
        for group in groups
    ]


def _label(group: ValueGroup) -> str:
    if group.kind == "loop":
        return str(_("Each item of “%(name)s”", name=group.name))
    if group.kind in ENTITIES:
        return str(_(ENTITIES[group.kind].label))
    return group.name if group.kind == "step" else str(_(_KINDS[group.kind]))


def new_step(definition: DefinitionJson, action_type: str) -> StepJson:
    """A step of that type with everything at its default. NotFoundError for an unknown type."""
    spec = get_action(action_type)
    name = str(_(spec.label))
    step = StepDef(step_id=edit.free_step_id(definition, name), name=name, action_type=spec.type)
    return stored_step(step)
