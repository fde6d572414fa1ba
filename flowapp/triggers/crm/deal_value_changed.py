"""The value of a deal changed, in any pipeline or in the one that the settings name."""

from __future__ import annotations

from flowapp.catalog import N_, TriggerSpec, trigger
from flowapp.catalog.record_triggers import DEAL_SAMPLE, PipelineParams, changed, in_pipeline


class DealValueChangedParams(PipelineParams):
    """Which deals."""


trigger(
    TriggerSpec(
        type="deal_value_changed",
        label=N_("Deal value changed"),
        description=N_("The value of a deal changes."),
        group=N_("CRM"),
        icon="coins",
        source="event",
        params=DealValueChangedParams,
        sample=changed(DEAL_SAMPLE, value=(8000, 12000)),
        param_aliases={"pipeline_id": "pipeline"},
        listens=lambda _config: "deal.value_changed",
        matches=in_pipeline,
        summary=lambda config: str(config.pipeline),
    )
)
