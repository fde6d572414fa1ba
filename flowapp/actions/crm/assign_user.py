"""Gives a record another owner."""

from __future__ import annotations

from pydantic import Field

from flowapp.actions.crm.family import (
    ASSIGNEE_WORDS,
    ASSIGNEES,
    GROUP,
    RECORD_ALIASES,
    RESULT,
    SAMPLE_ID,
    RecordParams,
    kept,
    reference,
)
from flowapp.catalog import N_, Outcome, StepContext, action, ui
from flowapp.catalog.fields import Lines, Text


class AssignUserParams(RecordParams):
    """`user`: an id or address, owner, or round_robin."""

    user: Text = Field(
        min_length=1,
        max_length=254,
        json_schema_extra=ui(
            N_("Assign to"),
            N_("The e-mail address of a member, or round_robin: each in turn."),
            inserts="addresses",
            resource="member",
            choices=ASSIGNEES,
            words=ASSIGNEE_WORDS,
        ),
    )
    members: Lines = Field(
        [],
        max_length=50,
        json_schema_extra=ui(
            N_("Take turns among"), N_("Leave empty for all who work on records."), widget="members", advanced=True
        ),
    )


@action(
    "assign_user",
    label=N_("Assign owner"),
    description=N_("Makes a member the owner of a contact, a company or a deal."),
    group=GROUP,
    icon="user-check",
    effect="idempotent",
    params=AssignUserParams,
    param_aliases={**RECORD_ALIASES, "user_id": "user", "assignee": "user", "owner": "user", "email": "user"},
    synonyms="owner responsible salesperson responsable commercial attribuer",
    result={**RESULT, "owner_id": N_("Id of the owner")},
    sample={"id": SAMPLE_ID, "owner_id": SAMPLE_ID, "created": False, "changed": True},
)
def assign_user(ctx: StepContext, params: AssignUserParams) -> Outcome:
    """The owner that it has already is no change."""
    record = reference(ctx, params.noun, params.record)
    owner = ctx.crm.member(params.user, params.members)
    return kept(ctx, params.noun, ctx.crm.update(params.noun, record, {"owner_id": owner}))
