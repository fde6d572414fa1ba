"""Tells members of the organization something, in the app and by e-mail."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, field_validator

from flowapp.actions.crm.family import GROUP, OWNER_WORD
from flowapp.catalog import N_, Done, Outcome, Params, StepContext, action, ui
from flowapp.catalog.fields import Lines, Text
from flowapp.texts import say

# Words for everybody with a role or a higher one; an owner alone is whose record it is.
ROLES = {
    "owners": "owner", "admin": "admin", "admins": "admin", "manager": "admin", "managers": "admin", "editor": "editor",
    "editors": "editor", "operator": "operator", "operators": "operator", "viewer": "viewer", "everybody": "viewer",
    "all": "viewer",
}  # fmt: skip


class SendNotificationParams(Params):
    """`to`: owner (of what the workflow is about), roles, and members by their e-mail addresses."""

    to: Lines = Field(
        ["owner"],
        min_length=1,
        max_length=50,
        json_schema_extra=ui(
            N_("To"),
            N_(
                "One on each line: owner (of the contact, company or deal), a role such as admins or everybody, or the "
                "e-mail address of a member."
            ),
            widget="lines",
            inserts="addresses",
            resource="member",
            choices=[
                OWNER_WORD,
                ("admins", N_("Admins")),
                ("editors", N_("Editors")),
                ("operators", N_("Operators")),
            ],
            words=tuple(ROLES),
        ),
    )
    title: Text = Field("", max_length=300, json_schema_extra=ui(N_("Title")))
    message: Text = Field(min_length=1, max_length=5000, json_schema_extra=ui(N_("Message"), widget="textarea"))
    level: Literal["info", "success", "warning", "error"] = Field(
        "info",
        json_schema_extra=ui(
            N_("Level"),
            widget="select",
            choices=[
                ("info", N_("Information")), ("success", N_("Success")), ("warning", N_("Warning")), ("error", N_("Error")),
            ],
        ),
    )  # fmt: skip
    by_email: bool = Field(False, json_schema_extra=ui(N_("By e-mail, too"), widget="checkbox"))
    link: Text = Field(
        "",
        max_length=500,
        json_schema_extra=ui(N_("Link"), N_("Leave empty for the page of this execution."), advanced=True),
    )

    @field_validator("level", mode="before")
    @classmethod
    def _lower(cls, value: object) -> object:
        return value.strip().lower() if isinstance(value, str) else value


@action(
    "send_notification",
    label=N_("Send notification"),
    description=N_("Tells members of the organization something, in the app and by e-mail."),
    group=GROUP,
    icon="bell",
    effect="idempotent",
    params=SendNotificationParams,
    aliases=("internal_notification",),
    param_aliases={"recipients": "to", "user_id": "to", "users": "to", "user": "to", "role": "to", "roles": "to",
                   "members": "to", "subject": "title", "body": "message", "type": "level", "notification_type": "level"},
    synonyms="bell alert notify tell inform cloche alerte prévenir notifier",
    result={"people": N_("Number of people who were told")},
    sample={"people": 1},
)  # fmt: skip
def send_notification(ctx: StepContext, params: SendNotificationParams) -> Outcome:
    """Each member is told once, however often they are named."""
    words = [word.strip() for word in params.to]
    roles = [ROLES[word.lower()] for word in words if word.lower() in ROLES]
    members = [ctx.crm.member(word) for word in words if word.lower() not in ROLES]
    widest = max(roles, key=list(dict.fromkeys(ROLES.values())).index, default="")
    title = params.title.strip() or params.message.strip().splitlines()[0][:300]
    link = params.link or f"/executions/{ctx.execution_id}"
    people = ctx.people.notify(
        widest,
        title,
        params.message,
        link,
        members=list(dict.fromkeys(members)),
        level=params.level,
        by_email=params.by_email,
    )
    ctx.log(say("People told: %(count)s.", count=people))
    return Done({"people": people})
