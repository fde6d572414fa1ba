"""A deal is signed: the client is welcomed, and what has to be done next becomes tasks."""

from __future__ import annotations

from pydantic import Field

from flowapp.catalog import N_, Params, ui
from flowapp.catalog.fields import Lines
from flowapp.exact_json import Json
from flowapp.template_library.declared import TOLD, step, template
from flowapp.texts import say

WELCOME = {
    "name": say("Welcome a new client"),
    "subject": say("Welcome, %(name)s", name="{{ contact.name }}"),
    "html": say(
        "<p>Hello %(name)s,</p>\n<p>thank you for your trust. We will call you within the next days to get you started.</p>",
        name="{{ contact.name }}",
    ),
    "text": "",
}


class NewClientParams(Params):
    """Which move of a deal means a new client, and who is told."""

    pipeline: str = Field(
        "",
        max_length=200,
        json_schema_extra=ui(N_("Pipeline"), N_("Leave empty for any pipeline."), plain=True, resource="pipeline"),
    )
    from_stage: str = Field(
        "PROPOSITION",
        max_length=200,
        json_schema_extra=ui(N_("From stage"), N_("Leave empty for any stage."), plain=True, resource="stage"),
    )
    to_stage: str = Field(
        "SIGNÉ", min_length=1, max_length=200, json_schema_extra=ui(N_("To stage"), plain=True, resource="stage")
    )
    template: str = Field(
        "",
        max_length=200,
        json_schema_extra=ui(
            N_("Welcome e-mail"),
            N_("If none is chosen, a template is made, which you can change."),
            widget="email_template",
        ),
    )
    call_title: str = Field(
        "Appel de bienvenue",
        min_length=1,
        max_length=300,
        json_schema_extra=ui(N_("Title of the first task, in 3 days")),
    )
    documents_title: str = Field(
        "Envoyer documents",
        min_length=1,
        max_length=300,
        json_schema_extra=ui(N_("Title of the second task, in 1 day")),
    )
    told: Lines = Field(
        ["admins"], min_length=1, max_length=50,
        json_schema_extra=TOLD,
    )  # fmt: skip


@template(
    "onboarding-nouveau-client",
    icon="user-plus",
    name=say("Onboard a new client"),
    description=say(
        "When a deal is signed, the client gets a welcome e-mail, you get two tasks, and the manager is notified."
    ),
    params=NewClientParams,
    mails={"template": WELCOME},
)
def build(values: NewClientParams) -> Json:
    """A deal without a contact is onboarded all the same: only its e-mail fails."""
    move = {"from": values.from_stage, "to": values.to_stage, "pipeline": values.pipeline}
    return {
        "triggers": [
            {"trigger_type": "deal_stage_changed", "config": {name: value for name, value in move.items() if value}}
        ],
        "steps": [
            step("welcome", say("Send the welcome e-mail"), "send_email", to="{{ contact.email }}", template=values.template)
            | {"on_error": "continue"},
            step("call", say("Plan the call"), "create_task", title=values.call_title, type="call", due_date="+3 days"),
            step("documents", say("Plan the documents"), "create_task", title=values.documents_title, due_date="+1 day"),
            step(
                "tell", say("Notify the manager"), "send_notification", to=values.told, level="success",
                title=say("New client: %(deal)s", deal="{{ deal.title }}"),
                message=say("%(deal)s is signed.", deal="{{ deal.title }}"),
            ),
        ],
    }  # fmt: skip
