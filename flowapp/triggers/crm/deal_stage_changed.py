"""A deal moved to another stage: from any to any, or as the settings say."""

from __future__ import annotations

from collections.abc import Mapping

from pydantic import Field

from flowapp.catalog import N_, TriggerSpec, trigger, ui
from flowapp.catalog.record_triggers import DEAL_SAMPLE, PipelineParams, changed, in_pipeline, is_named
from flowapp.texts import say


class DealStageChangedParams(PipelineParams):
    """Which move. Stages are taken by name, slug or id, in any case."""

    from_: str = Field(
        "",
        alias="from",
        max_length=200,
        json_schema_extra=ui(N_("From stage"), N_("Leave empty for any stage."), plain=True, resource="stage"),
    )
    to: str = Field(
        "",
        max_length=200,
        json_schema_extra=ui(N_("To stage"), N_("Leave empty for any stage."), plain=True, resource="stage"),
    )


def matches(config: DealStageChangedParams, event: Mapping[str, object]) -> bool:
    """Whether it is such a move."""
    return (
        is_named(config.from_, event, "old_stage", "old_stage_id")
        and is_named(config.to, event, "new_stage", "new_stage_id")
        and in_pipeline(config, event)
    )


def summary(config: DealStageChangedParams) -> str:
    """The move in a few words."""
    parts = (
        config.from_ and say("from %(value)s", value=config.from_),
        config.to and say("to %(value)s", value=config.to),
        config.pipeline,
    )
    return " ".join(part for part in parts if part)


trigger(
    TriggerSpec(
        type="deal_stage_changed",
        label=N_("Deal stage changed"),
        description=N_("A deal moves to another stage: on the board, in a form, through the API or by a workflow."),
        group=N_("CRM"),
        icon="arrows-right",
        source="event",
        params=DealStageChangedParams,
        sample={**changed(DEAL_SAMPLE, stage=("PROPOSITION", "SIGNÉ")), "old_stage": "PROPOSITION", "new_stage": "SIGNÉ"},
        param_aliases={
            "from_stage": "from", "old_stage": "from", "to_stage": "to", "new_stage": "to", "stage": "to",
            "pipeline_id": "pipeline",
        },
        listens=lambda _config: "deal.stage_changed",
        matches=matches,
        summary=summary,
    )
)  # fmt: skip
