"""Events as answers print them."""

from __future__ import annotations

from flowapp.models import Event, iso


def event_json(event: Event) -> dict[str, object]:
    """The event as answers print it."""
    return {
        **{name: getattr(event, name) for name in ("id", "type", "entity_type", "entity_id", "payload", "actor_id")},
        "workflow_id": event.by_workflow_id,
        "execution_id": event.by_execution_id,
        "step_id": event.by_step_id,
        "origin": event.origin,
        "created_at": iso(event.created_at),
    }
