"""Sets one field of any record."""

from __future__ import annotations

from pydantic import Field

from flowapp.actions.crm.family import GROUP, RECORD_ALIASES, RESULT, SAMPLE_ID, AnyRecordParams, kept, reference
from flowapp.catalog import N_, Outcome, StepContext, action, ui
from flowapp.catalog.fields import Text


class UpdateFieldParams(AnyRecordParams):
    """`value` may be of any type; null empties the field."""

    field: Text = Field(
        min_length=1,
        max_length=100,
        json_schema_extra=ui(N_("Field"), plain=True, resource="{object}_field"),
    )
    value: object = Field(None, json_schema_extra=ui(N_("Value"), N_("Leave empty to empty the field.")))


@action(
    "update_field",
    label=N_("Update field"),
    description=N_("Sets one field of a contact, a company, a deal, a task or a note."),
    group=GROUP,
    icon="forms",
    effect="idempotent",
    params=UpdateFieldParams,
    param_aliases={**RECORD_ALIASES, "field_name": "field", "new_value": "value"},
    synonyms="set property attribute champ propriété modifier",
    result=RESULT,
    sample={"id": SAMPLE_ID, "created": False, "changed": True},
)
def update_field(ctx: StepContext, params: UpdateFieldParams) -> Outcome:
    """A value that the field has already is no change, and no event."""
    record = reference(ctx, params.noun, params.record)
    return kept(ctx, params.noun, ctx.crm.update(params.noun, record, {params.field: params.value}))
