"""A deal was created, whichever way."""

from __future__ import annotations

from flowapp.catalog import N_, Params, TriggerSpec, trigger
from flowapp.catalog.record_triggers import DEAL_SAMPLE


class DealCreatedParams(Params):
    """Nothing to configure: conditions say which ones."""


trigger(
    TriggerSpec(
        type="deal_created",
        label=N_("Deal created"),
        description=N_("A deal is created by a person, an import or a workflow."),
        group=N_("CRM"),
        icon="currency-dollar",
        source="event",
        params=DealCreatedParams,
        sample=DEAL_SAMPLE,
        listens=lambda _config: "deal.created",
    )
)
