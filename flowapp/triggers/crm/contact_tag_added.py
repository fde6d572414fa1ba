"""A contact got a tag: any, or the one that the settings name."""

from __future__ import annotations

from flowapp.catalog import N_, TriggerSpec, trigger
from flowapp.catalog.record_triggers import CONTACT_NAMES, TagParams, is_tag


class ContactTagAddedParams(TagParams):
    """Which tag."""


trigger(
    TriggerSpec(
        type="contact_tag_added",
        label=N_("Tag added"),
        description=N_("A contact gets a tag."),
        group=N_("CRM"),
        icon="tag-plus",
        source="event",
        params=ContactTagAddedParams,
        sample={**CONTACT_NAMES, "tag": "VIP"},
        param_aliases={"tag_id": "tag", "tag_name": "tag"},
        listens=lambda _config: "contact.tag_added",
        matches=is_tag,
        summary=lambda config: str(config.tag),
    )
)
