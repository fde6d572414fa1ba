"""A company was created, whichever way."""

from __future__ import annotations

from flowapp.catalog import N_, Params, TriggerSpec, trigger
from flowapp.catalog.record_triggers import COMPANY_SAMPLE


class OrganisationCreatedParams(Params):
    """Nothing to configure: conditions say which ones."""


trigger(
    TriggerSpec(
        type="organisation_created",
        label=N_("Company created"),
        description=N_("A company is created by a person, an import or a workflow."),
        group=N_("CRM"),
        icon="building",
        source="event",
        params=OrganisationCreatedParams,
        sample=COMPANY_SAMPLE,
        aliases=("company_created", "organization_created"),
        listens=lambda _config: "company.created",
    )
)
