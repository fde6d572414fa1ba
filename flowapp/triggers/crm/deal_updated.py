"""A deal changed: any field, or those that the settings name."""

from __future__ import annotations

from flowapp.catalog import N_, TriggerSpec, trigger
from flowapp.catalog.record_triggers import CHANGE_ALIASES, DEAL_SAMPLE, ChangeParams, changed, is_change, summary


class DealUpdatedParams(ChangeParams):
    """Which change."""


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
