"""Facts about the organization, its people, its forms and its data tables."""

from __future__ import annotations

from flowapp.catalog import N_
from flowapp.events.payloads import Change, EventType, Payload


class OrganizationChanged(Payload):
    """The organization; `changes` by setting, empty for a new one."""

    organization_id: str
    name: str
    changes: dict[str, Change]


class UserKnown(Payload):
    """Whose account it is."""

    user_id: str
    email: str
    name: str


class FormSubmitted(Payload):
    """Which form of which project, and the answers."""

    form_id: str
    form_name: str
    project_id: str
    submission_id: str
    form_data: dict[str, object]


class RecordChanged(Payload):
    """A record of a data table, as it is now (deleted: as it was). `table` is the table's slug; `changes` by column."""

    table: str
    table_id: str
    table_name: str
    project_id: str
    record_id: str
    record: dict[str, object]
    changes: dict[str, Change]


class WorkflowNotified(Payload):
    """People were told how an execution of the workflow ended: `kind` is completed, failed or cancelled."""

    workflow_id: str
    name: str
    kind: str
    execution_id: str


FACTS = (
    EventType(
        "automation.workflow.notified", N_("People were told how an execution ended"), "workflow", WorkflowNotified
    ),
    EventType("organization.created", N_("The organization was created"), "organization", OrganizationChanged),
    EventType("organization.updated", N_("The organization was changed"), "organization", OrganizationChanged),
    EventType("user.created", N_("A person got an account"), "user", UserKnown),
    EventType("user.logged_in", N_("A person signed in"), "user", UserKnown),
    EventType("user.logged_out", N_("A person signed out"), "user", UserKnown),
    EventType("form.submitted", N_("A form was submitted"), "submission", FormSubmitted),
    EventType("table.record.created", N_("A record was added to a data table"), "record", RecordChanged),
    EventType("table.record.updated", N_("A record of a data table was changed"), "record", RecordChanged),
    EventType("table.record.deleted", N_("A record of a data table was deleted"), "record", RecordChanged),
)
