"""A person starts the workflow with the Run button."""

from __future__ import annotations

from flowapp.catalog import N_, Params, TriggerSpec, trigger


class ManualParams(Params):
    """Nothing to configure: whoever runs the workflow gives its input."""


trigger(
    TriggerSpec(
        type="manual",
        label=N_("Manual"),
        description=N_("Someone presses Run."),
        group=N_("People"),
        icon="hand-click",
        source="person",
        params=ManualParams,
    )
)
