"""Adds points to a contact's score."""

from __future__ import annotations

from pydantic import Field

from flowapp.actions.crm.family import CONTACT, GROUP, RESULT, SAMPLE_ID, kept, reference
from flowapp.catalog import N_, Outcome, Params, StepContext, action, ui
from flowapp.catalog.fields import Text


class ChangeScoreParams(Params):
    """A negative number takes points away; the score is never below 0."""

    points: int = Field(
        ge=-100_000,
        le=100_000,
        json_schema_extra=ui(N_("Points"), N_("A negative number takes points away."), widget="number"),
    )
    contact: Text = Field("", max_length=254, json_schema_extra=CONTACT)


@action(
    "change_score",
    label=N_("Change score"),
    description=N_("Adds points to the score of a contact, or takes them away."),
    group=GROUP,
    icon="chart-line",
    effect="idempotent",
    params=ChangeScoreParams,
    param_aliases={"score": "points", "amount": "points", "contact_id": "contact"},
    synonyms="points lead scoring rating note",
    result={**RESULT, "score": N_("The score now")},
    sample={"id": SAMPLE_ID, "score": 30, "created": False, "changed": True},
)
def change_score(ctx: StepContext, params: ChangeScoreParams) -> Outcome:
    """The points of a visit count once."""
    return kept(ctx, "contact", ctx.crm.add_score(reference(ctx, "contact", params.contact), params.points))
