"""A deal changed: any field, or those that the settings name."""

from __future__ import annotations

from pydantic import Field

from flowapp.catalog import N_, TriggerSpec, trigger
from flowapp.catalog.record_triggers import (
    CHANGE_ALIASES,
    DEAL_SAMPLE,
    ChangeParams,
    changed,
    changed_fields,
    is_change,
    summary,
)


class DealUpdatedParams(ChangeParams):
    """Which change."""

    fields: list[str] = Field([], max_length=50, json_schema_extra=changed_fields("deal_change"))


trigger(
    TriggerSpec(
        type="deal_updated",
        label=N_("Deal changed"),
        description=N_("A field of a deal changes. What is saved without a change starts nothing."),
        group=N_("CRM"),
        icon="edit",
        source="event",
        params=DealUpdatedParams,
        sample=changed(DEAL_SAMPLE, value=(8000, 12000)),
        param_aliases=CHANGE_ALIASES,
        listens=lambda _config: "deal.updated",
        matches=is_change,
        summary=summary,
    )
)
