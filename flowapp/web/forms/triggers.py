"""The form of one trigger (settings, conditions), for the trigger editor and the wizard.

form = TriggerForm(trigger, providers, request.form if posted else None)
if not form.acted and form.validate(): …    # form.trigger is as the definition holds it
# else render again: `{% import "workflows/triggers/_form.html" as parts %}{{ parts.trigger(form) }}`
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import wtforms
from flask_babel import format_datetime
from flask_babel import gettext as _
from pydantic import Field

from flowapp.catalog import N_, Params, get_trigger, ui
from flowapp.engine.language.definition import check_trigger_config, json_problems
from flowapp.errors import Problem
from flowapp.models import utcnow
from flowapp.models.definitions import TriggerJson
from flowapp.web.edits import Edit
from flowapp.web.forms.field import Posted
from flowapp.web.forms.fields.stored import keep_secrets
from flowapp.web.forms.form import PlainForm, build
from flowapp.web.forms.providers import Providers
from flowapp.web.forms.summary import completed, described
from flowapp.web.texts import translated

FIRINGS = 5


class Conditions(Params):
    """When a trigger that fired really starts the workflow."""

    conditions: object = Field(
        default=None,
        json_schema_extra=ui(
            N_("Only start when"),
            N_(
                "Without conditions, it always starts. If the conditions are not met, the execution is "
                "marked as skipped."
            ),
            widget="conditions",
            raw=True,
        ),
    )


@dataclass(frozen=True, slots=True)
class Preview:
    """A clock trigger in words, and its next firings in the reader's zone and language; else what is wrong with it."""

    words: str = ""
    times: tuple[str, ...] = ()
    faults: tuple[str, ...] = ()


class LiveForm(PlainForm):
    """What is shown beside it (the next times of a clock, the last events) follows each change."""

    class Meta:
        live = True


class TriggerForm(wtforms.Form):  # type: ignore[misc]
    """`config` and `conditions` are forms of their own; `trigger` is as it was posted."""

    active = wtforms.BooleanField()
    edit: Edit

    def __init__(self, trigger: TriggerJson, providers: Providers, posted: Posted | None = None) -> None:
        self.providers = providers
        self.trigger: TriggerJson = {"config": {}, "conditions": None, "is_active": True, **trigger}
        self.spec = get_trigger(trigger["trigger_type"])
        base = LiveForm if self.spec.source in ("clock", "event") else PlainForm
        config, conditions = self.trigger["config"], self.trigger["conditions"]
        self.config = build(
            self.spec.params, config, posted, base=base, providers=providers, prefix="p-", check=self._check
        )
        stored = {"conditions": conditions} if conditions else {}
        self.conditions = build(Conditions, stored, posted, providers=providers, prefix="c-")
        on_page = posted is not None and "active-there" in posted
        super().__init__(posted if on_page else None, data={"active": bool(self.trigger["is_active"])})
        if posted is not None:
            self.trigger["config"] = self.config.data
            self.trigger["conditions"] = self.conditions.data.get("conditions")
            self.trigger["is_active"] = self.active.data

    @property
    def values(self) -> dict[str, object]:
        """What the form holds, by the names of a trigger's parts."""
        conditions = self.conditions.data.get("conditions")
        return {"config": self.config.data, "conditions": conditions, "is_active": bool(self.active.data)}

    @classmethod
    def editing(cls, trigger: TriggerJson, providers: Providers, posted: Posted | None) -> TriggerForm:
        """The form of a trigger that others may edit meanwhile: `edit`."""
        form = cls(trigger, providers)
        edit = Edit(form.values, form.label, inside=("config",))
        if posted is not None:
            seen: Any = {**trigger, **edit.seen}
            form = cls(seen, providers, posted)
        form.edit = edit
        return form

    def merged(self) -> TriggerForm:
        """The form with what others changed of the trigger meanwhile; a new one where the page has to ask first."""
        values: Any = self.edit.merge(self.values)
        self.trigger.update(values)
        if not self.edit.asks:
            return self
        form = TriggerForm(self.trigger, self.providers)
        form.edit = self.edit
        keep_secrets(self.config, form.config)
        return form

    def label(self, path: tuple[str, ...]) -> str:
        """What the page calls the part of the trigger at a path of `values`."""
        if path[0] == "config":
            return self.config.label(path[-1])
        return str(_("Conditions") if path[0] == "conditions" else _("This trigger is enabled"))

    def validate(self, extra_validators: object = None) -> bool:
        return all([super().validate(extra_validators), self.config.validate(), self.conditions.validate()])

    @property
    def acted(self) -> bool:
        return self.config.acted or self.conditions.acted

    @property
    def errors(self) -> dict[str, list[str]]:
        return {**super().errors, **self.config.errors, **self.conditions.errors}

    @property
    def conditions_open(self) -> bool:
        return bool(self.conditions.errors or self.conditions["conditions"].group.entries)

    def preview(self) -> Preview | None:
        """What a clock trigger means as it is filled in now; None for others, and while nothing is filled in."""
        config = self.config.data
        problems = self._check(config)
        if self.spec.next_fire is None or any(problem.code == "missing" for problem in problems):
            return None
        if problems:
            return Preview(faults=tuple(translated(problem.message) for problem in problems))
        model = self.spec.params.model_validate(completed(self.spec, config))
        if self.spec.over_records:  # when a record is due, its date says
            return Preview(described(self.spec, config))
        moments: list[datetime] = []
        while len(moments) < FIRINGS and (next_one := self.spec.next_fire(model, moments[-1] if moments else utcnow())):
            moments.append(next_one)
        if not moments:
            return Preview(faults=(str(_("This time has passed: the trigger will not start anything.")),))
        times = (str(format_datetime(moment, "EEEE d MMMM y, HH:mm:ss")) for moment in moments)
        return Preview(described(self.spec, config), tuple(times))

    def show(self, problems: Iterable[Problem], at: int) -> None:
        """Shows the problems of a refused save; this trigger's are at `triggers.<at>.…`."""
        for problem in problems:
            parts = problem.path.split(".")
            part = parts[2] if parts[:2] == ["triggers", str(at)] and len(parts) > 2 else ""
            if part == "config":
                self.config.show([Problem(".".join(parts[3:]), problem.message)])
            elif part == "conditions":
                self.conditions.show([Problem(".".join(parts[2:]), problem.message)])
            else:
                self.config.form_errors.append(translated(problem.message))

    def _check(self, params: dict[str, object]) -> list[Problem]:
        return json_problems(params) or check_trigger_config(self.spec.type, params, "")
