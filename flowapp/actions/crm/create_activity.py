"""Writes a note about a record."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, field_validator

from flowapp.actions.crm.family import COMPANY, CONTACT, DEAL, GROUP, RESULT, SAMPLE_ID, about, kept
from flowapp.catalog import N_, Outcome, Params, StepContext, action, ui
from flowapp.catalog.fields import Text


class CreateActivityParams(Params):
    """The note is about what the workflow is about, unless something else is named."""

    text: Text = Field(min_length=1, max_length=20_000, json_schema_extra=ui(N_("Text"), widget="textarea"))
    type: Literal["note", "call", "email", "meeting"] = Field(
        "note",
        json_schema_extra=ui(
            N_("Type"),
            widget="select",
            choices=[("note", N_("Note")), ("call", N_("Call")), ("email", N_("E-mail")), ("meeting", N_("Meeting"))],
        ),
    )
    contact: Text = Field("", max_length=254, json_schema_extra=CONTACT)
    company: Text = Field("", max_length=200, json_schema_extra=COMPANY)
    deal: Text = Field("", max_length=64, json_schema_extra=DEAL)

    @field_validator("type", mode="before")
    @classmethod
    def _lower(cls, value: object) -> object:
        return value.strip().lower() if isinstance(value, str) else value


@action(
    "create_activity",
    label=N_("Write note"),
    description=N_("Writes a note in the timeline of a contact, a company or a deal."),
    group=GROUP,
    icon="note",
    effect="idempotent",
    params=CreateActivityParams,
    aliases=("create_note", "add_note"),
    param_aliases={
        "activity_type": "type",
        "note": "text",
        "description": "text",
        "content": "text",
        "body": "text",
        "contact_id": "contact",
        "company_id": "company",
        "organisation": "company",
        "deal_id": "deal",
    },
    synonyms="activity comment history activité commentaire historique",
    result={**RESULT, "text": N_("What was written")},
    sample={"id": SAMPLE_ID, "text": "Ada asked for an offer.", "created": True, "changed": True},
)
def create_activity(ctx: StepContext, params: CreateActivityParams) -> Outcome:
    """One note for each visit."""
    named = {name: value for name in ("contact", "company", "deal") if (value := getattr(params, name))}
    links = {f"{name}_id": value for name, value in named.items()} or about(ctx)
    return kept(ctx, "note", ctx.crm.create("note", {"text": params.text, "type": params.type, **links}))
