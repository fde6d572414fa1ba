"""A contact was removed from a list: any, or the one that the settings name."""

from __future__ import annotations

from flowapp.catalog import N_, TriggerSpec, trigger
from flowapp.catalog.record_triggers import CONTACT_NAMES, ListParams, is_list


class ContactListRemovedParams(ListParams):
    """Which list."""


trigger(
    TriggerSpec(
        type="contact_list_removed",
        label=N_("Contact removed from a list"),
        description=N_("A contact is removed from a list."),
        group=N_("CRM"),
        icon="playlist-x",
        source="event",
        params=ContactListRemovedParams,
        sample={**CONTACT_NAMES, "list": "Newsletter", "list_slug": "newsletter"},
        param_aliases={"list_id": "list", "list_name": "list"},
        listens=lambda _config: "contact.list_removed",
        matches=is_list,
        summary=lambda config: str(config.list),
    )
)
