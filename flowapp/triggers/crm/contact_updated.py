"""A contact changed: any field, or those that the settings name, from one value to another."""

from __future__ import annotations

from pydantic import Field

from flowapp.catalog import N_, TriggerSpec, trigger
from flowapp.catalog.record_triggers import (
    CHANGE_ALIASES,
    CONTACT_SAMPLE,
    ChangeParams,
    changed,
    changed_fields,
    is_change,
    summary,
)


class ContactUpdatedParams(ChangeParams):
    """Which change."""

    fields: list[str] = Field([], max_length=50, json_schema_extra=changed_fields("contact_change", "doubtful"))


trigger(
    TriggerSpec(
        type="contact_updated",
        label=N_("Contact changed"),
        description=N_("A field of a contact changes. What is saved without a change starts nothing."),
        group=N_("CRM"),
        icon="user-edit",
        source="event",
        params=ContactUpdatedParams,
        sample=changed(CONTACT_SAMPLE, plan=("silver", "gold")),
        param_aliases=CHANGE_ALIASES,
        listens=lambda _config: "contact.updated",
        matches=is_change,
        summary=summary,
    )
)
