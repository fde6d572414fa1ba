"""Finds records by the values of their fields."""

from __future__ import annotations

from pydantic import Field, field_validator

from flowapp.actions.crm.family import CHOOSE_ANY, GROUP, SAMPLE_ID, AnyObject, canonical_object
from flowapp.catalog import N_, Done, Outcome, Params, StepContext, action, ui
from flowapp.texts import say


class FindRecordParams(Params):
    """`where`: a value for each field that must match; `tag` is one too."""

    noun: AnyObject = Field("contact", alias="object", json_schema_extra=CHOOSE_ANY)
    where: dict[str, object] = Field(
        min_length=1,
        max_length=20,
        json_schema_extra=ui(
            N_("Where"),
            N_("Fields and the values that they must have."),
            widget="keyvalue",
            resource="{object}_criterion",
        ),
    )
    limit: int = Field(
        1, ge=1, le=100, json_schema_extra=ui(N_("At most"), N_("Records."), widget="number", advanced=True)
    )

    @field_validator("noun", mode="before")
    @classmethod
    def _known(cls, value: object) -> object:
        return canonical_object(value)


@action(
    "find_record",
    label=N_("Find record"),
    description=N_("Finds contacts, companies, deals, tasks or notes by the values of their fields."),
    group=GROUP,
    icon="search",
    effect="pure",
    params=FindRecordParams,
    param_aliases={"entity_type": "object", "filters": "where", "match": "where"},
    synonyms="search look up query chercher rechercher trouver",
    result={
        "found": N_("Whether there is such a record"),
        "count": N_("Number of records"),
        "record": N_("The newest of them, or null"),
        "records": N_("The records, up to the limit"),
    },
    sample={"found": True, "count": 1, "record": {"id": SAMPLE_ID, "name": "Ada Lovelace"}, "records": []},
)
def find_record(ctx: StepContext, params: FindRecordParams) -> Outcome:
    """Nothing found is a result, not an error."""
    found = ctx.crm.find(params.noun, params.where, limit=params.limit)
    ctx.log(say("Found records: %(count)s.", count=found.count))
    first = found.records[0] if found.records else None
    return Done({"found": first is not None, "count": found.count, "record": first, "records": found.records})
