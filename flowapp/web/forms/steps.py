"""The form of one step (name, parameters, what happens when it fails), for the step editor and the wizard.

form = StepForm(step, providers, request.form if posted else None)
if not form.acted and form.validate(): …    # form.step is the canonical step
# else render again: `{% import "workflows/steps/_form.html" as parts %}{{ parts.step(form) }}`
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import partial
from typing import Any, Literal

import wtforms
from flask_babel import gettext as _
from pydantic import Field, ValidationError
from wtforms.validators import ValidationError as Refused

from flowapp.catalog import N_, Params, get_action, ui
from flowapp.engine.language.validation_messages import plain_problems
from flowapp.errors import Problem
from flowapp.models.definitions import StepJson
from flowapp.texts import say
from flowapp.web.forms.field import Posted
from flowapp.web.forms.fields.stored import keep_secrets
from flowapp.web.forms.form import PlainForm, build
from flowapp.web.forms.info import Info
from flowapp.web.forms.providers import Providers
from flowapp.web.texts import translated

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


class PolicyForm(PlainForm):
    """Shows the step to go to only where something leads there."""

    def applies(self, info: Info) -> bool:
        if info.key != "goto_step":
            return super().applies(info)
        reason = self.current("on_error")
        return reason == "goto" or (reason == "retry" and self.current("on_exhausted") == "goto")

    def untouched(self, info: Info) -> bool:
        return self.current("on_error") == self._stored.get("on_error", "stop") and super().untouched(info)

    def post_process(self, formdata: Posted | None = None) -> None:
        super().post_process(formdata)
        self["on_exhausted"].refreshes = True


def _check_policy(providers: Providers, params: dict[str, object]) -> list[Problem]:
    """Nothing is evaluated here: an expression excuses no wrong type."""
    problems = []
    try:
        Policy.model_validate(params)
    except ValidationError as error:
        problems = plain_problems(error, params, Policy)
    goes = "goto" in (params.get("on_error"), params.get("on_exhausted"))
    if goes and params.get("goto_step") not in dict(providers.steps):
        problems.append(Problem("goto_step", say("Choose the step to go to.")))
    return problems


class StepForm(wtforms.Form):  # type: ignore[misc]
    """`params` and `policy` are forms of their own; `step` is the canonical step as it was posted."""

    name = wtforms.StringField(filters=[str.strip])

    def __init__(self, step: StepJson, providers: Providers, posted: Posted | None = None) -> None:
        self.step, self.providers = step.copy(), providers
        self.spec = get_action(step["action_type"])
        stored = {key: value for key, value in step.items() if key in Policy.model_fields and value is not None}
        self.params = build(self.spec.params, step.get("params", {}), posted, providers=providers, prefix="p-")
        self.policy = build(
            Policy, stored, posted, base=PolicyForm, prefix="e-", providers=providers,
            check=partial(_check_policy, providers),
        )  # fmt: skip
        super().__init__(posted, data={"name": str(step.get("name", ""))})
        if posted is not None:
            read: Any = self.values
            self.step.update(read)

    @property
    def values(self) -> dict[str, object]:
        """What the form holds, by the names of a step's parts."""
        defaults = {key: info.default for key, info in Policy.model_fields.items()}
        return {"name": self.name.data, "params": self.params.data, **defaults, **self.policy.data}

    def again(self) -> StepForm:
        """The form anew, of the step as it is now."""
        form = StepForm(self.step, self.providers)
        keep_secrets(self.params, form.params)
        return form

    def label(self, path: tuple[str, ...]) -> str:
        """What the page calls the part of the step at a path of `values`."""
        if path[0] == "name":
            return str(_("Step name"))
        form, key = (self.params, path[-1]) if path[0] == "params" else (self.policy, path[0])
        return form.label(key)

    def validate_name(self, field: wtforms.Field) -> None:
        """Runs as the field's own validator."""
        if not field.data or len(field.data) > 200:
            raise Refused(_("Give the step a name of at most 200 characters."))

    def validate(self, extra_validators: object = None) -> bool:
        return all([super().validate(extra_validators), self.params.validate(), self.policy.validate()])

    @property
    def acted(self) -> bool:
        """The post asked for another row or view, not to save."""
        return self.params.acted or self.policy.acted

    @property
    def errors(self) -> dict[str, list[str]]:
        return {**super().errors, **self.params.errors, **self.policy.errors}

    @property
    def policy_open(self) -> bool:
        """Whether the part about failing has something to show."""
        return bool(self.policy.errors or any(field.filled for field in self.policy))

    def show(self, problems: Iterable[Problem]) -> bool:
        """Shows the problems of a refused save that are this step's (at `steps.N.…`). False: some are not."""
        own = True
        for problem in problems:
            parts = problem.path.split(".")[2:]
            if problem.step_id != self.step["step_id"] or not parts:
                self.params.form_errors.append(translated(problem.message))
                own = False
            elif parts[0] == "params":
                self.params.show([Problem(".".join(parts[1:]), problem.message)])
            elif parts[0] == "name":
                self.name.errors = [translated(problem.message)]
            else:
                self.policy.show([Problem(".".join(parts), problem.message)])
        return own
