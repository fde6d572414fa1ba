"""Changes fields of a contact."""

from __future__ import annotations

from pydantic import Field

from flowapp.actions.crm.family import CONTACT, DATA_ALIASES, GROUP, RESULT, SAMPLE_ID, data_of, kept, reference
from flowapp.catalog import N_, Outcome, Params, StepContext, action
from flowapp.catalog.fields import Text


class UpdateContactParams(Params):
    """`data`: a value for each field that changes; custom fields by their keys."""

    data: dict[str, object] = Field(min_length=1, max_length=100, json_schema_extra=data_of("contact"))
    contact: Text = Field("", max_length=254, json_schema_extra=CONTACT)


@action(
    "update_contact",
    label=N_("Update contact"),
    description=N_("Changes fields of a contact."),
    group=GROUP,
    icon="user-edit",
    effect="idempotent",
    params=UpdateContactParams,
    param_aliases={**DATA_ALIASES, "contact_id": "contact"},
    synonyms="person edit change field modifier personne",
    result={**RESULT, "email": N_("E-mail address"), "name": N_("Full name")},
    sample={"id": SAMPLE_ID, "email": "ada@example.com", "name": "Ada Lovelace", "created": False, "changed": True},
)
def update_contact(ctx: StepContext, params: UpdateContactParams) -> Outcome:
    """What is as it should be already is no change, and no event."""
    return kept(ctx, "contact", ctx.crm.update("contact", reference(ctx, "contact", params.contact), params.data))
