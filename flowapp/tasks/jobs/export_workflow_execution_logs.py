"""Writes the log and the attempts of one execution, or of a workflow's, into a file (tasks.exports)."""

from __future__ import annotations

from flowapp.catalog import N_
from flowapp.errors import InvalidError
from flowapp.models import Execution, Workflow
from flowapp.tasks.jobs import Result, job, organization_of
from flowapp.texts import say


@job(
    N_("Writes the log of an execution or of a workflow into a file: JSON, JSONL or CSV."),
    counts={"executions": N_("Executions"), "attempts": N_("Attempts"), "lines": N_("Lines")},
)
def run(
    execution_id: str = "",
    workflow_id: str = "",
    since: str = "",
    until: str = "",
    export_format: str = "json",
    path: str = "",
) -> Result:
    """What was written, and the `path` of the file: as given, else in the folder exports of the data folder.

    `since` and `until` are ISO times of the executions' beginnings. InvalidError, NotFoundError.
    """
    from flowapp.executions.exports import Wanted, moment
    from flowapp.tasks.exports import write_file

    if bool(execution_id) == bool(workflow_id):
        raise InvalidError.at("execution_id", say("Specify either an execution or a workflow."))
    model, row_id = (Execution, execution_id) if execution_id else (Workflow, workflow_id)
    organization_id = organization_of(model, row_id)
    wanted = Wanted(execution_id, workflow_id, moment("since", since), moment("until", until))
    return write_file(organization_id, wanted, export_format, path)
