"""Takes tags away from a record."""

from __future__ import annotations

from flowapp.actions.crm.family import GROUP, TAG_ALIASES, TagParams, reference
from flowapp.catalog import N_, Done, Outcome, StepContext, action
from flowapp.texts import say


@action(
    "remove_tag",
    label=N_("Remove tag"),
    description=N_("Removes tags from a contact, a company or a deal."),
    group=GROUP,
    icon="tag-off",
    effect="idempotent",
    params=TagParams,
    param_aliases=TAG_ALIASES,
    synonyms="untag label étiquette retirer",
    result={"removed": N_("Tags that the record had before"), "id": N_("Id of the record")},
    sample={"removed": ["Lead"], "id": "0190f3c2-7a1e-7c55-8000-5b0c1f0e2a11"},
)
def remove_tag(ctx: StepContext, params: TagParams) -> Outcome:
    """A tag that the record does not have is no change, and no event."""
    record = reference(ctx, params.noun, params.record)
    removed = ctx.crm.tag(params.noun, record, params.tags, remove=True)
    ctx.log(say("Removed tags: %(tags)s.", tags=", ".join(removed)) if removed else say("It has none of these tags."))
    return Done({"removed": removed, "id": record})
