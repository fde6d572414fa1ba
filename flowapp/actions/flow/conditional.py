"""Goes on along `yes` or `no`."""

from __future__ import annotations

from pydantic import Field

from flowapp.catalog import N_, Branch, Outcome, Params, StepContext, action, ui


class ConditionalParams(Params):
    """A condition, or a group of them joined by all, any or not."""

    conditions: dict[str, object] | list[object] = Field(
        json_schema_extra=ui(N_("Take Yes when"), widget="conditions", raw=True)
    )


@action(
    "conditional",
    label=N_("If / else"),
    description=N_("Takes Yes when the conditions are met, No when they are not."),
    group=N_("Flow"),
    icon="arrows-split-2",
    synonyms="if else condition branch check filter decision si sinon vérifier décision filtre",
    effect="pure",
    params=ConditionalParams,
    aliases=("condition",),
    branches=("yes", "no"),
    result={
        "matched": N_("Whether the conditions are met"),
        "explanation": N_("Each condition with the values it compared"),
    },
    param_aliases={"condition": "conditions", "condition_config": "conditions"},
    sample={"matched": True, "explanation": []},
)
def conditional(ctx: StepContext, params: ConditionalParams) -> Outcome:
    """Tests the conditions."""
    matched, explanation = ctx.test(params.conditions)
    return Branch("yes" if matched else "no", {"matched": matched, "explanation": explanation})
