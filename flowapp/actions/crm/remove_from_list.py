"""Removes a contact from a list."""

from __future__ import annotations

from flowapp.actions.crm.family import GROUP, LIST_ALIASES, SAMPLE_ID, ListParams, reference
from flowapp.catalog import N_, Done, Outcome, StepContext, action
from flowapp.texts import say


@action(
    "remove_from_list",
    label=N_("Remove from list"),
    description=N_("Removes a contact from a static list."),
    group=GROUP,
    icon="list-details",
    effect="idempotent",
    params=ListParams,
    param_aliases=LIST_ALIASES,
    synonyms="group segment liste retirer",
    result={"changed": N_("Whether anything was changed"), "id": N_("Id of the contact")},
    sample={"changed": True, "id": SAMPLE_ID},
)
def remove_from_list(ctx: StepContext, params: ListParams) -> Outcome:
    """Doing it again is no change, and no event."""
    contact = reference(ctx, "contact", params.contact)
    changed = ctx.crm.list(params.list, contact, remove=True)
    done, nothing = (
        say("Removed from the list “%(list)s”.", list=params.list),
        say("The contact is not in the list “%(list)s”.", list=params.list),
    )
    ctx.log(done if changed else nothing)
    return Done({"changed": changed, "id": contact})
