"""Adds a contact, or changes the one with the same e-mail address."""

from __future__ import annotations

from pydantic import Field

from flowapp.actions.crm.family import DATA_ALIASES, GROUP, RESULT, SAMPLE_ID, kept, more_data_of
from flowapp.catalog import N_, Outcome, Params, StepContext, action, ui
from flowapp.catalog.fields import Address, Text


class CreateContactParams(Params):
    """What is empty changes nothing in a contact that is there."""

    email: Address = Field(
        min_length=3,
        max_length=320,
        json_schema_extra=ui(N_("E-mail"), placeholder="{{ form_data.email }}", inserts="addresses"),
    )
    first_name: Text = Field("", max_length=200, json_schema_extra=ui(N_("First name")))
    last_name: Text = Field("", max_length=200, json_schema_extra=ui(N_("Last name")))
    phone: Text = Field("", max_length=40, json_schema_extra=ui(N_("Phone")))
    company: Text = Field(
        "", max_length=200, json_schema_extra=ui(N_("Company"), N_("Name or domain of a company that is there."))
    )
    data: dict[str, object] = Field({}, max_length=100, json_schema_extra=more_data_of("contact"))


@action(
    "create_contact",
    label=N_("Create or update contact"),
    description=N_("Adds a contact. If there is one with this e-mail address, that one is changed."),
    group=GROUP,
    icon="user-plus",
    effect="idempotent",
    params=CreateContactParams,
    param_aliases={**DATA_ALIASES, "organisation": "company", "company_id": "company", "contact_email": "email"},
    synonyms="add person upsert lead personne prospect ajouter",
    result={**RESULT, "email": N_("E-mail address"), "name": N_("Full name")},
    sample={"id": SAMPLE_ID, "email": "ada@example.com", "name": "Ada Lovelace", "created": True, "changed": True},
)
def create_contact(ctx: StepContext, params: CreateContactParams) -> Outcome:
    """An upsert that changes nothing records no event."""
    named = {name: getattr(params, name) for name in ("email", "first_name", "last_name", "phone", "company")}
    given = {name: value for name, value in named.items() if value}
    return kept(ctx, "contact", ctx.crm.save_contact({**params.data, **given}))
