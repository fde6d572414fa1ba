"""A contact lost a tag: any, or the one that the settings name."""

from __future__ import annotations

from flowapp.catalog import N_, TriggerSpec, trigger
from flowapp.catalog.record_triggers import CONTACT_NAMES, TagParams, is_tag


class ContactTagRemovedParams(TagParams):
    """Which tag."""


trigger(
    TriggerSpec(
        type="contact_tag_removed",
        label=N_("Tag removed"),
        description=N_("A contact loses a tag."),
        group=N_("CRM"),
        icon="tag-minus",
        source="event",
        params=ContactTagRemovedParams,
        sample={**CONTACT_NAMES, "tag": "VIP"},
        param_aliases={"tag_id": "tag", "tag_name": "tag"},
        listens=lambda _config: "contact.tag_removed",
        matches=is_tag,
        summary=lambda config: str(config.tag),
    )
)
