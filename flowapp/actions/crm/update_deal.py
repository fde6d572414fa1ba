"""Changes a deal: its stage, its value, any field."""

from __future__ import annotations

from pydantic import Field, model_validator

from flowapp.actions.crm.family import DATA_ALIASES, DEAL, GROUP, RESULT, SAMPLE_ID, data_of, kept, reference
from flowapp.catalog import N_, FieldsError, Outcome, Params, StepContext, action, ui
from flowapp.catalog.fields import Text
from flowapp.texts import say


class UpdateDealParams(Params):
    """What is empty stays as it is."""

    stage: Text = Field(
        "",
        max_length=100,
        json_schema_extra=ui(N_("Stage"), N_("Name of the stage that the deal moves to."), resource="stage"),
    )
    lost_reason: Text = Field(
        "",
        max_length=500,
        json_schema_extra=ui(N_("Lost reason"), N_("Needed if the deal moves to a stage where it is lost.")),
    )
    value: Text = Field("", max_length=40, json_schema_extra=ui(N_("Value")))
    data: dict[str, object] = Field({}, max_length=100, json_schema_extra=data_of("deal"))
    deal: Text = Field("", max_length=64, json_schema_extra=DEAL)

    @model_validator(mode="after")
    def _changes(self) -> UpdateDealParams:
        if not (self.stage or self.value or self.data):
            raise FieldsError(say("Say what changes: the stage, the value or other fields."), "stage", "value", "data")
        return self


@action(
    "update_deal",
    label=N_("Update deal"),
    description=N_("Moves a deal to another stage, or changes its value or other fields."),
    group=GROUP,
    icon="coin",
    effect="idempotent",
    params=UpdateDealParams,
    param_aliases={**DATA_ALIASES, "deal_id": "deal", "montant": "value", "stage_id": "stage"},
    synonyms="opportunity move stage affaire opportunité étape modifier",
    result={**RESULT, "title": N_("Title"), "stage": N_("Stage"), "status": N_("open, won or lost")},
    sample={
        "id": SAMPLE_ID,
        "title": "Engine No. 2",
        "stage": "SIGNÉ",
        "status": "won",
        "created": False,
        "changed": True,
    },
)
def update_deal(ctx: StepContext, params: UpdateDealParams) -> Outcome:
    """A deal that would be lost without a reason fails the step."""
    named = {name: getattr(params, name) for name in ("stage", "lost_reason", "value") if getattr(params, name)}
    return kept(ctx, "deal", ctx.crm.update("deal", reference(ctx, "deal", params.deal), {**params.data, **named}))
