"""A program starts the workflow through the JSON API (POST …/workflows/<id>/execute/)."""

from __future__ import annotations

from flowapp.catalog import N_, Params, TriggerSpec, trigger


class ApiCallParams(Params):
    """Nothing to configure: the access token says who may call."""


trigger(
    TriggerSpec(
        type="api_call",
        label=N_("API call"),
        description=N_("A program with an access token starts the workflow through the API."),
        group=N_("Programs"),
        icon="api",
        source="api",
        params=ApiCallParams,
        sample={"customer_id": 42, "email": "ada@example.com"},
        aliases=("api",),
    )
)
