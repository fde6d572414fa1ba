"""A company in negotiation has gone silent: its owner hears of it and gets a task."""

from __future__ import annotations

from pydantic import Field

from flowapp.catalog import N_, Params, ui
from flowapp.catalog.fields import Address, Lines
from flowapp.exact_json import Json
from flowapp.template_library.declared import step, template
from flowapp.texts import say


class InactiveDealParams(Params):
    """How long is too long, and in which stages."""

    days: int = Field(30, ge=1, le=3650, json_schema_extra=ui(N_("Days without activity"), widget="number"))
    stages: Lines = Field(
        ["PROPOSITION", "QUALIFICATION"],
        min_length=1,
        max_length=50,
        json_schema_extra=ui(N_("In these stages"), widget="lines", plain=True, resource="stage"),
    )
    recipient: Address = Field("", json_schema_extra=ui(N_("E-mail to, where a company has no owner")))
    task_title: str = Field(
        "Relancer client", min_length=1, max_length=300, json_schema_extra=ui(N_("Title of the task"))
    )


@template(
    "relance-deal-inactif",
    icon="hourglass",
    name=say("Follow up on inactive deals"),
    description=say(
        "When nothing has happened with a company for some time, such as 30 days, while you negotiate, its owner gets an e-mail, a task "
        "and a warning."
    ),
    params=InactiveDealParams,
)
def build(values: InactiveDealParams) -> Json:
    """Checked every night; once for each silence."""
    silent = {"field": "company.pipeline_stage", "operator": "in", "value": values.stages}
    told = say(
        "Nothing has happened with %(company)s for %(days)s days.", company="{{ company.name }}", days=values.days
    )
    return {
        "variables": {"recipient": values.recipient},
        "triggers": [
            {
                "trigger_type": "inactivity_delay",
                "config": {"entity": "company", "days": values.days},
                "conditions": {"all": [silent]},
            }
        ],
        "steps": [
            step(
                "mail", say("E-mail the owner"), "send_email", to="{{ owner.email | default(variables.recipient) }}",
                subject=say("Follow up with %(company)s", company="{{ company.name }}"), message=told,
            ) | {"on_error": "continue"},
            step("task", say("Create the task"), "create_task", title=values.task_title, due_date="+1 business day"),
            step("warning", say("Warn the owner"), "send_notification", to=["owner"], level="warning", message=told),
            step("log", say("Log the warning"), "log", level="warning", message=told),
        ],
    }  # fmt: skip
