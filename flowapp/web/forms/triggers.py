"""The form of one trigger (settings, conditions), for the trigger editor and the wizard.

form = TriggerForm(trigger, providers)
trigger = form.read(request.form)       # as the definition holds it
if form.acted or form.errors: …         # render again: `{% import "workflows/triggers/_form.html" as parts %}{{ parts.trigger(form) }}`
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from flask_babel import format_datetime
from pydantic import Field

from flowapp.catalog import N_, Params, get_trigger, ui
from flowapp.engine.language.definition import check_trigger_config, json_problems
from flowapp.errors import Problem
from flowapp.models import utcnow
from flowapp.web.forms.field import Posted
from flowapp.web.forms.form import Form
from flowapp.web.forms.providers import Providers
from flowapp.web.forms.summary import described
from flowapp.web.texts import translated

Json = dict[str, Any]
FIRINGS = 5


class Conditions(Params):
    """When a trigger that fired really starts the workflow."""

    conditions: Any = Field(
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


class ConfigForm(Form):
    """Nothing is evaluated in a trigger's settings."""

    picker = False


class ClockForm(ConfigForm):
    """Its preview follows each change."""

    live = True


class TriggerForm:
    """`config` and `conditions` are forms; `trigger` is as last read."""

    def __init__(self, trigger: Json, providers: Providers) -> None:
        self.trigger = {"config": {}, "conditions": None, "is_active": True, **trigger}
        self.spec = get_trigger(trigger["trigger_type"])
        self.active = bool(self.trigger["is_active"])
        kind = ClockForm if self.spec.source == "clock" else ConfigForm
        self.config = kind(self.spec.params, self.trigger["config"], providers, "p-", self._check)
        stored = {"conditions": self.trigger["conditions"]} if self.trigger["conditions"] else {}
        self.conditions = Form(Conditions, stored, providers, "c-")

    @property
    def acted(self) -> bool:
        return self.config.acted or self.conditions.acted

    @property
    def errors(self) -> dict[str, list[str]]:
        return {**self.config.errors, **self.conditions.errors}

    @property
    def conditions_open(self) -> bool:
        return bool(self.conditions.errors or self.conditions["conditions"].group["items"])  # type: ignore[attr-defined]

    def read(self, data: Posted) -> Json:
        """The trigger as posted. Fills `errors` unless the post only `acted`."""
        if "active-there" in data:
            self.active = "active" in data
        acted = [form.take(data) for form in (self.config, self.conditions)]
        if not any(acted):
            self.config.judge()
            self.conditions.judge()
        conditions = self.conditions.params().get("conditions")
        self.trigger |= {"config": self.config.params(), "conditions": conditions, "is_active": self.active}
        return self.trigger

    def preview(self) -> Preview | None:
        """What a clock trigger means as it is filled in now; None for others, and while nothing is filled in."""
        config = self.config.params()
        problems = self._check(config)
        if self.spec.next_fire is None or any(problem.code == "missing" for problem in problems):
            return None
        if problems:
            return Preview(faults=tuple(translated(problem.message) for problem in problems))
        model = self.spec.params.model_validate(config)
        moments: list[datetime] = []
        while len(moments) < FIRINGS and (next_one := self.spec.next_fire(model, moments[-1] if moments else utcnow())):
            moments.append(next_one)
        times = (str(format_datetime(moment, "EEEE d MMMM y, HH:mm:ss")) for moment in moments)
        return Preview(described(self.spec, config), tuple(times))

    def place(self, problems: Iterable[Problem], at: int) -> None:
        """Shows the problems of a refused save; this trigger's are at `triggers.<at>.…`."""
        for problem in problems:
            parts = problem.path.split(".")
            part = parts[2] if parts[:2] == ["triggers", str(at)] and len(parts) > 2 else ""
            if part == "config":
                self.config.place([Problem(".".join(parts[3:]), problem.message)])
            elif part == "conditions":
                self.conditions.place([Problem(".".join(parts[2:]), problem.message)])
            else:
                self.config.form_errors.append(translated(problem.message))

    def _check(self, params: Json) -> list[Problem]:
        return json_problems(params) or check_trigger_config(self.spec.type, params, "")
