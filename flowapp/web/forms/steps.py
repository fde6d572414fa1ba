"""The form of one step (name, parameters, what happens when it fails), for the step editor and the wizard.

form = StepForm(step, definition, providers)
step = form.read(request.form)          # a canonical step
if form.acted or form.errors: …         # render again: `{% import "workflows/steps/_form.html" as parts %}{{ parts.step(form) }}`
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Literal

from flask_babel import gettext as _
from pydantic import Field, ValidationError

from flowapp.catalog import N_, Params, get_action, ui
from flowapp.engine.language.validation_messages import plain_problems
from flowapp.errors import Problem
from flowapp.texts import say
from flowapp.web.forms.field import Field as FormField
from flowapp.web.forms.field import Posted
from flowapp.web.forms.form import Form
from flowapp.web.forms.providers import Providers
from flowapp.web.texts import translated

Json = dict[str, Any]
_RETRY = {"on_error": ["retry"]}


class Policy(Params):
    """What happens when a step fails, in a person's words."""

    on_error: Literal["stop", "continue", "retry", "goto"] = Field(
        default="stop",
        json_schema_extra=ui(
            N_("If this step fails"),
            widget="select",
            choices=[
                ("stop", N_("Stop the workflow")),
                ("continue", N_("Ignore the error and continue")),
                ("retry", N_("Retry")),
                ("goto", N_("Go to another step")),
            ],
        ),
    )
    retry_count: int = Field(
        default=3, ge=0, le=20, json_schema_extra=ui(N_("Number of retries"), widget="number", show_if=_RETRY)
    )
    retry_delay: int = Field(
        default=60,
        ge=0,
        le=86_400,
        json_schema_extra=ui(
            N_("Seconds before the first retry"), N_("Each further wait is longer."), widget="number", show_if=_RETRY
        ),
    )
    on_exhausted: Literal["stop", "continue", "goto"] = Field(
        default="stop",
        json_schema_extra=ui(
            N_("If it still fails"),
            widget="select",
            show_if=_RETRY,
            choices=[
                ("stop", N_("Stop the workflow")),
                ("continue", N_("Ignore the error and continue")),
                ("goto", N_("Go to another step")),
            ],
        ),
    )
    goto_step: str | None = Field(default=None, json_schema_extra=ui(N_("Step"), widget="step"))
    timeout: int = Field(
        default=30,
        ge=1,
        le=3600,
        json_schema_extra=ui(N_("Timeout (seconds)"), N_("Maximum time for one attempt."), widget="number"),
    )


class PolicyForm(Form):
    """Shows the step to go to only where something leads there."""

    picker = False

    def _applies(self, field: FormField) -> bool:
        if field.info.key != "goto_step":
            return super()._applies(field)
        reason = self.current("on_error")
        return reason == "goto" or (reason == "retry" and self.current("on_exhausted") == "goto")

    def _check_params(self, params: Json) -> list[Problem]:
        """Nothing is evaluated here: an expression excuses no wrong type."""
        try:
            Policy.model_validate(params)
        except ValidationError as error:
            return plain_problems(error, params, Policy)
        return []

    def _untouched(self, field: FormField) -> bool:
        return self.current("on_error") == self._stored.get("on_error", "stop") and super()._untouched(field)

    def _wire(self) -> None:
        super()._wire()
        self["on_exhausted"].refreshes = True


class StepForm:
    """`params` and `policy` are forms; `name_error` belongs to the name. `step` is the canonical step as last read."""

    def __init__(self, step: Json, providers: Providers) -> None:
        self.step = dict(step)
        self.spec = get_action(step["action_type"])
        self.name = str(step.get("name", ""))
        self.name_error = ""
        self.params = Form(self.spec.params, step.get("params", {}), providers, "p-")
        policy = {key: step[key] for key in Policy.model_fields if step.get(key) is not None}
        self.policy = PolicyForm(Policy, policy, providers, "e-")

    @property
    def acted(self) -> bool:
        """The post asked for another row or view, not to save."""
        return self.params.acted or self.policy.acted

    @property
    def errors(self) -> dict[str, list[str]]:
        name = {"name": [self.name_error]} if self.name_error else {}
        return {**name, **self.params.errors, **self.policy.errors}

    @property
    def policy_open(self) -> bool:
        """Whether the part about failing has something to show."""
        return bool(self.policy.errors or any(field.filled for field in self.policy.fields))

    def read(self, data: Posted) -> Json:
        """The step as posted. Fills `errors` unless the post only `acted`."""
        self.name = data.get("name", self.name).strip()
        acted = [form.take(data) for form in (self.params, self.policy)]
        defaults = {key: info.default for key, info in Policy.model_fields.items()}
        self.step |= {"name": self.name, "params": self.params.params(), **defaults, **self.policy.params()}
        if not any(acted):
            self._judge()
        return self.step

    def _judge(self) -> None:
        self.params.judge()
        self.policy.judge()
        if not self.name or len(self.name) > 200:
            self.name_error = str(_("Give the step a name of at most 200 characters."))
        goes = "goto" in (self.step["on_error"], self.step["on_exhausted"])
        if goes and self.step["goto_step"] not in dict(self.policy.providers.steps):
            self.policy.place([Problem("goto_step", say("Choose the step to go to."))])

    def place(self, problems: Iterable[Problem]) -> bool:
        """Shows the problems of a refused save that are this step's (at `steps.N.…`). False: some are not."""
        own = True
        for problem in problems:
            parts = problem.path.split(".")[2:]
            if problem.step_id != self.step["step_id"] or not parts:
                self.params.form_errors.append(translated(problem.message))
                own = False
            elif parts[0] == "params":
                self.params.place([Problem(".".join(parts[1:]), problem.message)])
            elif parts[0] == "name":
                self.name_error = translated(problem.message)
            else:
                self.policy.place([Problem(".".join(parts), problem.message)])
        return own
