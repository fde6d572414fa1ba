"""What the steps that wait share: other names that they and their params may be written under."""

from __future__ import annotations

from flowapp.catalog import Amount, Kinds

WAITS = Kinds(
    "wait_type",
    {"time": "wait_time", "until": "wait_until", "condition": "wait_condition", "event": "wait_event"},
    general=("wait", "delay"),
)
ASKED = dict.fromkeys(("approver", "approvers", "assigned_to", "assignee"), "members")
LENGTHS = {
    f"wait_{name}_{unit}": Amount(name, unit)
    for name in ("duration", "timeout")
    for unit in ("minutes", "hours", "days")
}
