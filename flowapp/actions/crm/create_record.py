"""Adds a record of any kind."""

from __future__ import annotations

from pydantic import Field, field_validator

from flowapp.actions.crm.family import (
    ANY_DATA,
    CHOOSE_ANY,
    DATA_ALIASES,
    GROUP,
    RESULT,
    SAMPLE_ID,
    AnyObject,
    canonical_object,
    kept,
)
from flowapp.catalog import N_, Outcome, Params, StepContext, action


class CreateRecordParams(Params):
    """`data`: a value for each field; custom fields by their keys."""

    noun: AnyObject = Field("contact", alias="object", json_schema_extra=CHOOSE_ANY)
    data: dict[str, object] = Field(min_length=1, max_length=100, json_schema_extra=ANY_DATA)

    @field_validator("noun", mode="before")
    @classmethod
    def _known(cls, value: object) -> object:
        return canonical_object(value)


@action(
    "create_record",
    label=N_("Create record"),
    description=N_("Adds a contact, a company, a deal, a task or a note."),
    group=GROUP,
    icon="square-plus",
    effect="idempotent",
    params=CreateRecordParams,
    param_aliases={**DATA_ALIASES, "entity_type": "object"},
    synonyms="add insert new ajouter nouveau",
    result=RESULT,
    sample={"id": SAMPLE_ID, "created": True, "changed": True},
)
def create_record(ctx: StepContext, params: CreateRecordParams) -> Outcome:
    """One record for each visit."""
    return kept(ctx, params.noun, ctx.crm.create(params.noun, params.data))
