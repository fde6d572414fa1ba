"""A contact was added to a list: any, or the one that the settings name."""

from __future__ import annotations

from flowapp.catalog import N_, TriggerSpec, trigger
from flowapp.catalog.record_triggers import CONTACT_NAMES, ListParams, is_list


class ContactListAddedParams(ListParams):
    """Which list."""


trigger(
    TriggerSpec(
        type="contact_list_added",
        label=N_("Contact added to a list"),
        description=N_("A contact is added to a list."),
        group=N_("CRM"),
        icon="playlist-add",
        source="event",
        params=ContactListAddedParams,
        sample={**CONTACT_NAMES, "list": "Newsletter", "list_slug": "newsletter"},
        param_aliases={"list_id": "list", "list_name": "list"},
        listens=lambda _config: "contact.list_added",
        matches=is_list,
        summary=lambda config: str(config.list),
    )
)
