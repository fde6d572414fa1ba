"""Calls of a REST service of which nothing is known but its address: the answer is handed on as it came."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from flowapp.catalog import StepContext
from flowapp.connectors.runner import Service
from flowapp.connectors.runner.custom import custom_call

Values = Mapping[str, object]
Function = Callable[[StepContext, Service, Values], dict[str, object]]


def _with(method: str) -> Function:
    def call(ctx: StepContext, service: Service, values: Values) -> dict[str, object]:
        own = values.get("headers")
        headers = dict(own) if isinstance(own, Mapping) else {}
        if not any(str(name).lower() == "idempotency-key" for name in headers):
            headers["Idempotency-Key"] = ctx.idempotency_key
        return custom_call(service, {**values, "method": method, "headers": headers})

    return call


get, post, put, patch, delete = map(_with, ("GET", "POST", "PUT", "PATCH", "DELETE"))
