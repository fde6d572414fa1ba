"""Adds a deal."""

from __future__ import annotations

from pydantic import Field

from flowapp.actions.crm.family import (
    ASSIGNEE_WORDS,
    ASSIGNEES,
    COMPANY,
    CONTACT,
    DATA_ALIASES,
    GROUP,
    RESULT,
    SAMPLE_ID,
    about,
    kept,
    more_data_of,
)
from flowapp.catalog import N_, Outcome, Params, StepContext, action, ui
from flowapp.catalog.fields import Text


class CreateDealParams(Params):
    """The deal is of the contact and company that the workflow is about, unless others are named."""

    title: Text = Field(
        min_length=1,
        max_length=300,
        json_schema_extra=ui(N_("Title"), placeholder="New opportunity from {{ contact.name }}"),
    )
    value: Text = Field("", max_length=40, json_schema_extra=ui(N_("Value"), placeholder="5000"))
    currency: Text = Field("", max_length=3, json_schema_extra=ui(N_("Currency"), placeholder="EUR", advanced=True))
    pipeline: Text = Field(
        "",
        max_length=100,
        json_schema_extra=ui(
            N_("Pipeline"), N_("Leave empty for the default one."), advanced=True, resource="pipeline"
        ),
    )
    stage: Text = Field(
        "", max_length=100, json_schema_extra=ui(N_("Stage"), N_("Leave empty for the first one."), resource="stage")
    )
    contact: Text = Field("", max_length=254, json_schema_extra=CONTACT)
    company: Text = Field("", max_length=200, json_schema_extra=COMPANY)
    owner: Text = Field(
        "owner",
        max_length=254,
        json_schema_extra=ui(
            N_("Owner"),
            N_(
                "owner: who owns the contact or company, else who made the workflow. Or the e-mail address of a member."
            ),
            inserts="addresses",
            resource="member",
            choices=ASSIGNEES,
            words=ASSIGNEE_WORDS,
            advanced=True,
        ),
    )
    data: dict[str, object] = Field({}, max_length=100, json_schema_extra=more_data_of("deal"))


@action(
    "create_deal",
    label=N_("Create deal"),
    description=N_("Adds a deal to a pipeline."),
    group=GROUP,
    icon="coin",
    effect="idempotent",
    params=CreateDealParams,
    param_aliases={
        **DATA_ALIASES,
        "montant": "value",
        "name": "title",
        "contact_id": "contact",
        "company_id": "company",
        "organisation": "company",
        "stage_id": "stage",
        "owner_id": "owner",
    },
    synonyms="opportunity sale affaire opportunité vente ajouter",
    result={**RESULT, "title": N_("Title"), "stage": N_("Stage"), "value": N_("Value")},
    sample={
        "id": SAMPLE_ID,
        "title": "Engine No. 2",
        "stage": "PROSPECTION",
        "value": 5000,
        "created": True,
        "changed": True,
    },
)
def create_deal(ctx: StepContext, params: CreateDealParams) -> Outcome:
    """One deal for each visit."""
    named = ("title", "value", "currency", "pipeline", "stage", "contact", "company")
    data = {
        **about(ctx, ("contact", "company")),
        **params.data,
        **{name: value for name in named if (value := getattr(params, name))},
        "owner_id": ctx.crm.member(params.owner),
    }
    return kept(ctx, "deal", ctx.crm.create("deal", data))
