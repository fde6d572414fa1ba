"""A contact got a tag: any, or the one that the settings name."""

from __future__ import annotations

from collections.abc import Mapping

from pydantic import Field

from flowapp.catalog import N_, Params, TriggerSpec, trigger, ui
from flowapp.catalog.record_triggers import CONTACT_NAMES, is_named


class ContactTagAddedParams(Params):
    """Which tag."""

    tag: str = Field(
        "",
        max_length=200,
        json_schema_extra=ui(N_("Tag"), N_("Leave empty for any tag."), plain=True, suggest="tags"),
    )


def matches(config: ContactTagAddedParams, event: Mapping[str, object]) -> bool:
    """Whether it is the tag that is meant."""
    return is_named(config.tag, event, "tag", "tag_id")


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
        matches=matches,
        summary=lambda config: str(config.tag),
    )
)
