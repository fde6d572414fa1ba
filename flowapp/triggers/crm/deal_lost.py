"""A deal was lost, in any pipeline or in the one that the settings name."""

from __future__ import annotations

from flowapp.catalog import N_, TriggerSpec, trigger
from flowapp.catalog.record_triggers import DEAL_SAMPLE, PipelineParams, changed, in_pipeline


class DealLostParams(PipelineParams):
    """Which deals."""


trigger(
    TriggerSpec(
        type="deal_lost",
        label=N_("Deal lost"),
        description=N_("A deal is lost: it reaches a stage that means so. The reason is in the deal."),
        group=N_("CRM"),
        icon="mood-sad",
        source="event",
        params=DealLostParams,
        sample=changed(DEAL_SAMPLE, status=("open", "lost")),
        param_aliases={"pipeline_id": "pipeline"},
        listens=lambda _config: "deal.lost",
        matches=in_pipeline,
        summary=lambda config: str(config.pipeline),
    )
)
