"""Adds a contact to a list."""

from __future__ import annotations

from flowapp.actions.crm.family import GROUP, LIST_ALIASES, SAMPLE_ID, ListParams, reference
from flowapp.catalog import N_, Done, Outcome, StepContext, action
from flowapp.texts import say


@action(
    "add_to_list",
    label=N_("Add to list"),
    description=N_("Adds a contact to a static list."),
    group=GROUP,
    icon="list-check",
    effect="idempotent",
    params=ListParams,
    param_aliases=LIST_ALIASES,
    synonyms="group segment liste ajouter",
    result={"changed": N_("Whether anything was changed"), "id": N_("Id of the contact")},
    sample={"changed": True, "id": SAMPLE_ID},
)
def add_to_list(ctx: StepContext, params: ListParams) -> Outcome:
    """Doing it again is no change, and no event."""
    contact = reference(ctx, "contact", params.contact)
    changed = ctx.crm.list(params.list, contact)
    done, nothing = (
        say("Added to the list “%(list)s”.", list=params.list),
        say("The contact is in the list “%(list)s” already.", list=params.list),
    )
    ctx.log(done if changed else nothing)
    return Done({"changed": changed, "id": contact})
