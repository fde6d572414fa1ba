"""A small connector, as a folder of flowapp/connectors would hold it: a service that keeps notes."""

from __future__ import annotations

from typing import Any

from pydantic import Field

from flowapp.catalog import ConnectorSpec, Params, connector, ui
from flowapp.catalog.http_answers import refusal
from flowapp.models import utcnow


class AcmeConfig(Params):
    """Where the service is."""

    base_url: str = Field(json_schema_extra=ui("Address"))


class AcmeCredentials(Params):
    """Its key."""

    key: str = Field("", json_schema_extra=ui("Key", widget="secret"))


def try_service(config: AcmeConfig, _credentials: AcmeCredentials, context: Any) -> str:
    """Asks for a sign of life."""
    answer = context.http.request("GET", config.base_url)
    if answer.status >= 400:
        raise refusal(answer, "GET", config.base_url, utcnow())
    return "There."


connector(
    ConnectorSpec(
        type="acme",
        label="Acme",
        description="Keeps notes.",
        icon="note",
        config=AcmeConfig,
        credentials=AcmeCredentials,
        test=try_service,
        providers=("acme_cloud",),
        default_action="acme_add_note",
    )
)
