"""Every type of event that Flowapp records, with the shape of its payload.

A type that is not here cannot be recorded, nor can a payload of another shape: what listens for events (workflows that
wait, other systems on the bus) may rely on it. Types of other systems, such as order.paid, are of any shape.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from fnmatch import fnmatchcase

from pydantic import ValidationError

from flowapp.catalog import N_
from flowapp.events.crm import CRM_EVENTS
from flowapp.events.facts import FACTS
from flowapp.events.payloads import EventType, Payload


class WorkflowChanged(Payload):
    """Which workflow, and how it stands now."""

    workflow_id: str
    name: str
    organization_id: str
    status: str


class IntegrationChanged(Payload):
    """Which integration; nothing secret."""

    integration_id: str
    name: str
    integration_type: str


class ExecutionKnown(Payload):
    """Which execution, of what."""

    workflow_id: str
    trigger_type: str
    contact_id: str | None


class ExecutionCompleted(ExecutionKnown):
    """`status`: completed, or goal_reached."""

    status: str


class ExecutionCancelled(ExecutionKnown):
    """Why it was ended."""

    reason: str


class ExecutionFailed(Payload):
    """Where it failed and why. `step_id` is empty where no step was to blame."""

    workflow_id: str
    step_id: str
    error: str


OF_EXECUTIONS = "automation.execution."
EXECUTION_STARTED = f"{OF_EXECUTIONS}started"
EXECUTION_COMPLETED = f"{OF_EXECUTIONS}completed"
EXECUTION_FAILED = f"{OF_EXECUTIONS}failed"
EXECUTION_CANCELLED = f"{OF_EXECUTIONS}cancelled"
# Recorded where somebody listens for them by name: every execution would be two more rows otherwise.
ROUTINE = (EXECUTION_STARTED, EXECUTION_COMPLETED, EXECUTION_CANCELLED)
ROUTINE_HEARD_BY = frozenset((*ROUTINE, "automation.*"))  # the types, and their family: `*` alone is none of them
EVENT_TYPES: Mapping[str, EventType] = {
    declared.name: declared
    for declared in (
        *CRM_EVENTS,
        EventType(EXECUTION_STARTED, N_("An execution started"), "execution", ExecutionKnown),
        EventType(EXECUTION_COMPLETED, N_("An execution completed"), "execution", ExecutionCompleted),
        EventType(EXECUTION_FAILED, N_("An execution failed"), "execution", ExecutionFailed),
        EventType(EXECUTION_CANCELLED, N_("An execution was cancelled"), "execution", ExecutionCancelled),
        *FACTS,
        EventType("automation.workflow.created", N_("A workflow was created"), "workflow", WorkflowChanged),
        EventType("automation.workflow.updated", N_("A workflow was changed"), "workflow", WorkflowChanged),
        EventType("automation.workflow.deleted", N_("A workflow was deleted"), "workflow", WorkflowChanged),
        EventType(
            "automation.integration.created", N_("An integration was created"), "integration", IntegrationChanged
        ),
        EventType(
            "automation.integration.updated", N_("An integration was changed"), "integration", IntegrationChanged
        ),
        EventType(
            "automation.integration.deleted", N_("An integration was deleted"), "integration", IntegrationChanged
        ),
    )
}


def check(name: str, entity_type: str, payload: Mapping[str, object]) -> None:
    """ValueError where an event is not as its type is declared: a fault of the code that records it."""
    declared = EVENT_TYPES.get(name)
    if declared is None:
        raise ValueError(f"The event type {name} is not declared in flowapp/events/types.py.")
    if entity_type != declared.entity:
        raise ValueError(f"{name} is about {declared.entity}, not about {entity_type or 'nothing'}.")
    try:
        declared.payload.model_validate(payload)
    except ValidationError as error:
        wrong = "; ".join(
            f"{'.'.join(map(str, one['loc']))}: {one['msg']}" for one in error.errors(include_input=False)
        )
        raise ValueError(f"The payload of {name} is not as declared: {wrong}") from None


def is_ours(name: str) -> bool:
    """Whether a type begins like one of ours: nobody else may send it."""
    return name.partition(".")[0] in _families()


def is_known(pattern: str) -> bool:
    """Whether such an event may come: one of ours, or of another system. `pattern` may end in .* as in contact.*."""
    return not is_ours(pattern) or any(fnmatchcase(name, pattern) for name in EVENT_TYPES)


def _families() -> Iterator[str]:
    return (name.partition(".")[0] for name in EVENT_TYPES)
