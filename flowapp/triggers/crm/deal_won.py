"""A deal was won, in any pipeline or in the one that the settings name."""

from __future__ import annotations

from flowapp.catalog import N_, TriggerSpec, trigger
from flowapp.catalog.record_triggers import DEAL_SAMPLE, PipelineParams, changed, in_pipeline


class DealWonParams(PipelineParams):
    """Which deals."""


trigger(
    TriggerSpec(
        type="deal_won",
        label=N_("Deal won"),
        description=N_("A deal is won: it reaches a stage that means so."),
        group=N_("CRM"),
        icon="trophy",
        source="event",
        params=DealWonParams,
        sample=changed(DEAL_SAMPLE, status=("open", "won")),
        param_aliases={"pipeline_id": "pipeline"},
        listens=lambda _config: "deal.won",
        matches=in_pipeline,
        summary=lambda config: str(config.pipeline),
    )
)
