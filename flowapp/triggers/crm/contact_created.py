"""A contact was created, whichever way: by a person, a form, an import, a workflow or the API."""

from __future__ import annotations

from flowapp.catalog import N_, Params, TriggerSpec, trigger
from flowapp.catalog.record_triggers import CONTACT_SAMPLE


class ContactCreatedParams(Params):
    """Nothing to configure: conditions say which contacts."""


trigger(
    TriggerSpec(
        type="contact_created",
        label=N_("Contact created"),
        description=N_("A contact is created by a person, a form, an import or a workflow."),
        group=N_("CRM"),
        icon="user-plus",
        source="event",
        params=ContactCreatedParams,
        sample=CONTACT_SAMPLE,
        listens=lambda _config: "contact.created",
    )
)
