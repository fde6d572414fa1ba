"""Fails on purpose."""

from __future__ import annotations

from pydantic import Field

from flowapp.catalog import N_, Outcome, Params, StepContext, action, ui
from flowapp.catalog.fields import Text
from flowapp.errors import StepError


class FailParams(Params):
    """What went wrong, for whoever reads the execution."""

    message: Text = Field(
        "The workflow failed on purpose.",
        json_schema_extra=ui(N_("Message"), N_("Shown with the execution."), widget="textarea"),
    )


@action(
    "fail",
    label=N_("Fail"),
    description=N_("Fails with a message. Then “If this step fails” applies, or the step's error branch."),
    group=N_("Flow"),
    icon="alert-octagon",
    synonyms="error abort exception throw échouer erreur échec",
    effect="pure",
    params=FailParams,
    aliases=("raise_error", "throw_error"),
    branches=(),
)
def fail(_ctx: StepContext, params: FailParams) -> Outcome:
    """StepError, permanent: trying again gives the same."""
    raise StepError(params.message, permanent=True)
