"""Adds a company."""

from __future__ import annotations

from pydantic import Field

from flowapp.actions.crm.family import DATA_ALIASES, GROUP, RESULT, SAMPLE_ID, kept, more_data_of
from flowapp.catalog import N_, Outcome, Params, StepContext, action, ui
from flowapp.catalog.fields import Text


class CreateCompanyParams(Params):
    """Other fields in `data`."""

    name: Text = Field(min_length=1, max_length=200, json_schema_extra=ui(N_("Name")))
    domain: Text = Field("", max_length=253, json_schema_extra=ui(N_("Domain"), placeholder="example.com"))
    data: dict[str, object] = Field({}, max_length=100, json_schema_extra=more_data_of("company"))


@action(
    "create_company",
    label=N_("Create company"),
    description=N_("Adds a company."),
    group=GROUP,
    icon="building",
    effect="idempotent",
    params=CreateCompanyParams,
    aliases=("create_organisation",),
    param_aliases={**DATA_ALIASES, "nom": "name"},
    synonyms="add organisation account entreprise société ajouter",
    result={**RESULT, "name": N_("Name")},
    sample={"id": SAMPLE_ID, "name": "Analytical Engines", "created": True, "changed": True},
)
def create_company(ctx: StepContext, params: CreateCompanyParams) -> Outcome:
    """One company for each visit."""
    named = {name: value for name in ("name", "domain") if (value := getattr(params, name))}
    return kept(ctx, "company", ctx.crm.create("company", {**params.data, **named}))
