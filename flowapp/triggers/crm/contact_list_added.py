"""A contact was added to a list: any, or the one that the settings name."""

from __future__ import annotations

from collections.abc import Mapping

from pydantic import Field

from flowapp.catalog import N_, Params, TriggerSpec, trigger, ui
from flowapp.catalog.record_triggers import CONTACT_NAMES, is_named


class ContactListAddedParams(Params):
    """Which list."""

    list: str = Field(
        "",
        max_length=200,
        json_schema_extra=ui(N_("List"), N_("Leave empty for any list."), plain=True, suggest="lists"),
    )


def matches(config: ContactListAddedParams, event: Mapping[str, object]) -> bool:
    """Whether it is the list that is meant."""
    return is_named(config.list, event, "list", "list_slug", "list_id")


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
        matches=matches,
        summary=lambda config: str(config.list),
    )
)
