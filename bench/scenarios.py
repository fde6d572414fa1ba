"""The jobs: workflows as the API takes them, and the body of the webhook."""

from __future__ import annotations

from typing import Any

import orjson

BODY_BYTES = 1024
Json = dict[str, Any]


def payload(n: int) -> bytes:
    """JSON of exactly 1 KiB; `n` tells the requests apart at the sink."""
    order = {
        "id": 100_000 + n,
        "total": 129.9,
        "currency": "EUR",
        "items": [{"sku": f"A-{i}", "qty": i} for i in range(1, 6)],
    }
    data: Json = {
        "n": n,
        "event": "order.created",
        "email": "ada@example.com",
        "name": "Ada",
        "order": order,
        "note": "",
    }
    data["note"] = "x" * (BODY_BYTES - len(orjson.dumps(data)))
    return orjson.dumps(data)


def w3(sink: str) -> Json:
    """Webhook, transform, condition, HTTP call."""
    shape = {"n": "{{ input.n }}", "email": "{{ input.email | lower }}", "total": "{{ input.order.total }}"}
    rules = [
        {"field": "steps.shape.total", "operator": ">", "value": 100},
        {"field": "steps.shape.email", "operator": "contains", "value": "@"},
    ]
    message = {"n": "{{ steps.shape.n }}", "text": "Order {{ input.order.id }} of {{ steps.shape.email }}"}
    return {
        "name": "W3",
        "triggers": [{"trigger_type": "webhook"}],
        "steps": [
            {"step_id": "shape", "action_type": "transform_data", "params": {"set": shape}},
            {"step_id": "check", "action_type": "conditional", "params": {"conditions": {"all": rules}}},
            {"step_id": "call", "action_type": "send_webhook", "params": {"url": sink, "json": message}},
        ],
        "edges": [
            {"source": "shape", "target": "check", "branch": "next"},
            {"source": "check", "target": "call", "branch": "yes"},
        ],
    }


def light(steps: int) -> Json:
    """`steps` light steps in a row, log and transform in turn."""
    return {
        "name": f"L{steps}",
        "triggers": [{"trigger_type": "webhook"}],
        "steps": [_light_step(number) for number in range(1, steps + 1)],
    }


def _light_step(number: int) -> Json:
    step = {"step_id": f"s{number}", "order": number}
    if number % 2:
        return {**step, "action_type": "log", "params": {"message": "Order {{ input.order.id }}"}}
    shape = {"number": number, "email": "{{ input.email }}"}
    return {**step, "action_type": "transform_data", "params": {"set": shape}}
