"""Adds tags to a record."""

from __future__ import annotations

from pydantic import Field

from flowapp.actions.crm.family import GROUP, TAG_ALIASES, TagParams, reference, tags_of
from flowapp.catalog import N_, Done, Outcome, StepContext, action
from flowapp.catalog.fields import Lines
from flowapp.texts import say


class AddTagParams(TagParams):
    """A tag that is not there yet comes to be."""

    tags: Lines = Field(min_length=1, max_length=50, json_schema_extra=tags_of("new"))


@action(
    "add_tag",
    label=N_("Add tag"),
    description=N_("Adds tags to a contact, a company or a deal."),
    group=GROUP,
    icon="tag",
    effect="idempotent",
    params=AddTagParams,
    param_aliases=TAG_ALIASES,
    synonyms="label mark étiquette taguer marquer",
    result={"added": N_("Tags that the record did not have before"), "id": N_("Id of the record")},
    sample={"added": ["Customer"], "id": "0190f3c2-7a1e-7c55-8000-5b0c1f0e2a11"},
)
def add_tag(ctx: StepContext, params: AddTagParams) -> Outcome:
    """A tag that the record has already is no change, and no event."""
    record = reference(ctx, params.noun, params.record)
    added = ctx.crm.tag(params.noun, record, params.tags)
    ctx.log(say("Added tags: %(tags)s.", tags=", ".join(added)) if added else say("It has these tags already."))
    return Done({"added": added, "id": record})
