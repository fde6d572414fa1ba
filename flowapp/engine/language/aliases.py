"""Names of types and params in other dialects (engine.language.dialects), and what they are called here."""

from __future__ import annotations

# Aliases of types whose code may not be there to declare them.
TYPES = {
    "action": {
        "condition": "conditional",
        "call_webhook": "send_webhook",
        "webhook": "send_webhook",
        "wait": "wait_time",
        "delay": "wait_time",
        "internal_notification": "send_notification",
    },
    "trigger": {"scheduled": "schedule", "form_submitted": "form_submit", "api": "api_call"},
}
# Other names of params; one that the type's own model knows is left as it is.
PARAMS = {
    "send_email": {"body": "message", "template_id": "template"},
    "send_notification": {"body": "message"},
    "conditional": {"condition": "conditions", "condition_config": "conditions"},
    "wait_condition": {"condition": "conditions", "condition_config": "conditions", "wait_condition": "conditions"},
    "wait_until": {"wait_until": "until", "wait_until_date": "until", "date": "until"},
    "split": {"branches": "variants"},
    "goal": {"goal_value": "value", "goal_name": "name", "condition_config": "conditions"},
    "loop": {"list": "items", "collection": "items"},
    "run_workflow": {"workflow_id": "workflow", "input_data": "input"},
    "respond": {"status_code": "status"},
    "schedule": {"cron_expression": "cron"},
    "form_submit": {"form_id": "form"},
}
