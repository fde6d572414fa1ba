"""Gives a member something to do."""

from __future__ import annotations

from typing import Literal
from zoneinfo import ZoneInfo

from pydantic import Field, field_validator

from flowapp.actions.crm.family import (
    ASSIGNEE_WORDS,
    ASSIGNEES,
    COMPANY,
    CONTACT,
    DEAL,
    GROUP,
    RESULT,
    SAMPLE_ID,
    about,
    kept,
)
from flowapp.catalog import N_, Outcome, Params, StepContext, action, ui
from flowapp.catalog.fields import Lines, Moment, Text, wrong
from flowapp.catalog.times import resolve_relative
from flowapp.errors import ExpressionError


class CreateTaskParams(Params):
    """`due_date` is a date, a time, or relative: `+3 days`, `+2 business days`, `+4 hours`."""

    title: Text = Field(
        min_length=1, max_length=300, json_schema_extra=ui(N_("Title"), placeholder="Call {{ contact.name }}")
    )
    description: Text = Field("", max_length=20_000, json_schema_extra=ui(N_("Description"), widget="textarea"))
    due_date: Moment = Field(
        "",
        json_schema_extra=ui(
            N_("Due"), N_("A date, or for example +3 days, +2 business days or +4 hours."), placeholder="+3 days"
        ),
    )
    type: Literal["task", "call", "email", "meeting"] = Field(
        "task",
        json_schema_extra=ui(
            N_("Type"),
            widget="select",
            choices=[("task", N_("Task")), ("call", N_("Call")), ("email", N_("E-mail")), ("meeting", N_("Meeting"))],
        ),
    )
    priority: Literal["low", "normal", "high"] = Field(
        "normal",
        json_schema_extra=ui(
            N_("Priority"),
            widget="select",
            choices=[("low", N_("Low")), ("normal", N_("Normal")), ("high", N_("High"))],
        ),
    )
    assignee: Text = Field(
        "owner",
        max_length=254,
        json_schema_extra=ui(
            N_("Assign to"),
            N_(
                "owner: who owns the contact, company or deal, else who made the workflow. round_robin: each in turn. "
                "Or the e-mail address of a member."
            ),
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
    contact: Text = Field("", max_length=254, json_schema_extra=CONTACT)
    company: Text = Field("", max_length=254, json_schema_extra=COMPANY)
    deal: Text = Field("", max_length=254, json_schema_extra=DEAL)

    @field_validator("type", "priority", mode="before")
    @classmethod
    def _lower(cls, value: object) -> object:
        return value.strip().lower() if isinstance(value, str) else value


@action(
    "create_task",
    label=N_("Create task"),
    description=N_("Gives a member of the organization something to do."),
    group=GROUP,
    icon="checkbox",
    effect="idempotent",
    params=CreateTaskParams,
    param_aliases={"activity_type": "type", "assigned_to": "assignee", "owner": "assignee", "due": "due_date",
                   "contact_id": "contact", "deal_id": "deal", "company_id": "company", "organisation": "company"},
    synonyms="todo reminder follow-up activity call tâche rappel relance à faire",
    result={**RESULT, "title": N_("Title of the task"), "due_date": N_("Day on which it is due"),
            "assignee_id": N_("Id of the member who has to do it")},
    sample={"id": SAMPLE_ID, "title": "Call Ada", "due_date": "2026-12-31", "assignee_id": SAMPLE_ID, "created": True,
            "changed": True},
)  # fmt: skip
def create_task(ctx: StepContext, params: CreateTaskParams) -> Outcome:
    """One task for each visit; linked to what the workflow is about."""
    links = {
        **about(ctx),
        **{f"{name}_id": getattr(params, name) for name in ("contact", "company", "deal") if getattr(params, name)},
    }
    data = {
        "title": params.title,
        "description": params.description,
        "type": params.type,
        "priority": params.priority,
        "assignee_id": ctx.crm.member(params.assignee, params.members),
        **due(ctx, params.due_date),
        **links,
    }
    return kept(ctx, "task", ctx.crm.create("task", data))


def due(ctx: StepContext, text: str) -> dict[str, object]:
    """The day on which it is due; where hours or minutes were asked for, the moment."""
    if not text.strip():
        return {}
    try:
        moment = resolve_relative(text, ctx.now(), ctx.timezone)
    except ExpressionError as error:
        raise wrong(error) from None
    local = moment.astimezone(ZoneInfo(ctx.timezone))
    words = text.lower()
    has_clock = ":" in words or any(unit in words for unit in ("hour", "heure", "minute", "second")) or "pt" in words
    return {"due_at": moment.isoformat()} if has_clock else {"due_date": local.date().isoformat()}
