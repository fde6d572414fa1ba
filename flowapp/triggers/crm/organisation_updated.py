"""A company changed: any field, or those that the settings name."""

from __future__ import annotations

from pydantic import Field

from flowapp.catalog import N_, TriggerSpec, trigger
from flowapp.catalog.record_triggers import (
    CHANGE_ALIASES,
    COMPANY_SAMPLE,
    ChangeParams,
    changed,
    changed_fields,
    is_change,
    summary,
)


class OrganisationUpdatedParams(ChangeParams):
    """Which change."""

    fields: list[str] = Field([], max_length=50, json_schema_extra=changed_fields("company_change"))


trigger(
    TriggerSpec(
        type="organisation_updated",
        label=N_("Company changed"),
        description=N_("A field of a company changes. What is saved without a change starts nothing."),
        group=N_("CRM"),
        icon="building-community",
        source="event",
        params=OrganisationUpdatedParams,
        sample=changed(COMPANY_SAMPLE, montant_potentiel=(40000, 60000)),
        param_aliases=CHANGE_ALIASES,
        aliases=("company_updated", "organization_updated"),
        listens=lambda _config: "company.updated",
        matches=is_change,
        summary=summary,
    )
)
