"""Starting by hand or by the API: which of a workflow's triggers is meant, so that its conditions hold there, too."""

from __future__ import annotations

from typing import Literal

from flowapp.engine.language.definition import Definition, TriggerDef, entity_id
from flowapp.models import Trigger, Version, Workflow

Kind = Literal["manual", "api_call"]
KINDS: tuple[Kind, ...] = ("manual", "api_call")


def trigger_meant(workflow: Workflow, version: Version, kind: Kind) -> Trigger | None:
    """The trigger of that kind, else of the other one: whoever asks for conditions on one, asks for them on both.

    None where nothing is asked: without such a trigger a workflow can be run all the same. Of several, one is enough
    whose conditions are met. The row is in no session.
    """
    active = [trigger for trigger in Definition.model_validate(version.definition).triggers if trigger.is_active]
    of_kind = [trigger for trigger in active if trigger.trigger_type == kind]
    meant = of_kind or [trigger for trigger in active if trigger.trigger_type in KINDS]
    if not meant:
        return None
    return Trigger(
        id=entity_id(workflow.id, "trigger", meant[0].key), key=meant[0].key, trigger_type=kind, conditions=_any(meant)
    )


def _any(triggers: list[TriggerDef]) -> object:
    conditions = [trigger.conditions for trigger in triggers]
    if not all(conditions):
        return None
    return conditions[0] if len(conditions) == 1 else {"any": conditions}
