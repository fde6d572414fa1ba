"""A workflow's draft in the editor's hands: what is shown, what can be chosen, and how a change is saved."""

from __future__ import annotations

import json
from operator import itemgetter
from typing import Any
from uuid import UUID

import redis
from flask import g
from flask_babel import gettext as _
from sqlalchemy import select

from flowapp import tasks, workflows
from flowapp.engine.graph.example_services import Shapes
from flowapp.engine.graph.examples import sample_input, shortened
from flowapp.engine.graph.sample import ValueGroup, before, values
from flowapp.engine.graph.suggestions import scope_of
from flowapp.engine.language.scope import Scope
from flowapp.errors import NotFoundError
from flowapp.extensions import db
from flowapp.models import Execution, Form, ReceivedCall, StepRun, Workflow
from flowapp.models.definitions import DefinitionJson
from flowapp.web.forms.providers import Providers, of_project
from flowapp.web.locale import when
from flowapp.workflows import received_calls, test_data
from flowapp.workflows.shapes import shapes_of

KEEP = 86_400  # seconds for which the result of a tried step stays known
LARGEST = 262_144  # characters of such a result: Redis is for many
LAST = 5


class Draft:
    """`definition` is canonical, secrets masked (they come back unharmed). NotFoundError for an unknown workflow."""

    def __init__(self, workflow_id: UUID | str) -> None:
        self.workflow: Workflow = workflows.get(db.session(), str(workflow_id))
        self.definition: DefinitionJson = workflows.shown_definition(self.workflow)

    def providers(self, without: str = "") -> Providers:
        """What selects offer; `without` is a step that is not offered to itself."""
        steps = [(s["step_id"], s["name"]) for s in self.definition["steps"] if s["step_id"] != without]
        return of_project(db.session(), self.workflow.project_id, steps, self.workflow.id)

    def trigger_at(self, key: str) -> int:
        """The place of a trigger among the others. NotFoundError where there is none of that key."""
        for at, trigger in enumerate(self.definition["triggers"]):
            if trigger["key"] == key:
                return at
        raise NotFoundError(_("There is no such trigger in this workflow."))

    def save(self, definition: DefinitionJson, revision: str = "") -> None:
        """Saves and commits. StaleError where `revision`, as the page was loaded with, is past; InvalidError with problems."""
        expected = int(revision) if revision.isascii() and revision.isdecimal() and len(revision) < 10 else None
        actor_id = g.actor.user.id
        workflows.save_draft(db.session(), self.workflow, definition, actor_id=actor_id, expected_revision=expected)
        db.session.commit()

    def save_over(self, definition: DefinitionJson) -> None:
        """Saves what was made of the draft as it was read here. StaleError where somebody saved at this very moment."""
        self.save(definition, str(self.workflow.revision))

    def executions(self) -> list[Execution]:
        """The last executions, newest first."""
        statement = select(Execution).filter_by(workflow_id=self.workflow.id).order_by(Execution.id.desc()).limit(LAST)
        return list(db.session.scalars(statement))

    def sample(self) -> dict[str, object]:
        """An input as the trigger would give it."""
        forms = {row.slug: row.fields for row in db.session.scalars(select(Form))}
        return sample_input(self.definition, forms)

    def received(self) -> ReceivedCall | None:
        """The last test call of one of its webhooks."""
        return received_calls.latest(db.session(), self.workflow.id)

    def inputs(self) -> list[tuple[str, str]]:
        """What it can be tried with, as (key, label); the usual one first: what is real comes before an example."""
        kept = [("test", str(_("Test data")))] if "input" in test_data.of(self.workflow) else []
        call, runs = self.received(), self.executions()
        received = [(call.id, str(_("The test call of %(when)s", when=when(call.received_at))))] if call else []
        real, empty = (
            [(run.id, str(_("The execution of %(when)s", when=when(run.created_at)))) for run in part]
            for part in ([run for run in runs if run.input_data], [run for run in runs if not run.input_data])
        )
        return [*kept, *received, *real, ("sample", str(_("An example"))), *empty]

    def input_of(self, key: str) -> tuple[object, str | None]:
        """The input of that key, of an example where there is none, and the execution that it is from."""
        kept, call = test_data.of(self.workflow), self.received()
        if key == "test" and "input" in kept:
            return kept["input"], kept["execution_id"]
        if call is not None and key == call.id:
            return call.input_data, None
        run = next((run for run in self.executions() if run.id == key), None)
        return (run.input_data, run.id) if run else (self.sample(), None)

    def values(self, definition: DefinitionJson, step_id: str | None) -> list[ValueGroup]:
        """What a step (None: a trigger's condition) can use. Examples are the last real input and results, if any."""
        return values(definition, step_id, *self._known(definition, step_id), shapes=self._shapes())

    def scope(self, definition: DefinitionJson, step_id: str | None, *, short: bool = False) -> Scope:
        """The same values, for expressions to find; `short`: of lists only the beginning."""
        data, results = self._known(definition, step_id)
        if short:
            data, results = shortened(data), {key: shortened(result) for key, result in results.items()}
        return scope_of(definition, step_id, data, results, self._shapes())

    def _shapes(self) -> Shapes:
        return shapes_of(db.session(), self.workflow.project_id)

    def _known(self, definition: DefinitionJson, step_id: str | None) -> tuple[object, dict[str, object]]:
        """The last real input, else an example, and the results that are known."""
        runs, call = self.executions(), self.received()
        real = [(run.created_at, run.input_data) for run in runs if run.input_data]
        if call is not None and call.received_at is not None:
            real.append((call.received_at, call.input_data))
        data = max(real, key=itemgetter(0))[1] if real else self.sample()
        return data, self.results(before(definition, step_id), runs[0].id if runs else None) if step_id else {}

    def results(self, step_ids: list[str], execution_id: str | None) -> dict[str, object]:
        """Known results: pinned ones, else those of that execution, else of the last time that the step was tried."""
        known = self._tried(step_ids)
        if execution_id:
            runs = select(StepRun).filter_by(execution_id=execution_id, status="completed").order_by(StepRun.seq)
            known |= {run.step_id: run.output for run in db.session.scalars(runs) if run.step_id in step_ids}
        pins = test_data.of(self.workflow)["pins"]
        return known | {step_id: pins[step_id] for step_id in step_ids if step_id in pins}

    def remember(self, step_id: str, result: object) -> None:
        """Keeps what a tried step gave, for the steps behind it, where it is not too large and Redis answers."""
        try:
            text = json.dumps(result)
            if len(text) <= LARGEST:
                tasks.runtime().redis.set(self._key(step_id), text, ex=KEEP)
        except (redis.RedisError, TypeError, ValueError):
            return

    def _tried(self, step_ids: list[str]) -> dict[str, object]:
        if not step_ids:
            return {}
        try:
            kept: Any = tasks.runtime().redis.mget([self._key(step_id) for step_id in step_ids])
        except redis.RedisError:
            return {}
        return {step_id: json.loads(text) for step_id, text in zip(step_ids, kept, strict=True) if text}

    def _key(self, step_id: str) -> str:
        return f"tried:{self.workflow.organization_id}:{self.workflow.id}:{step_id}"
