"""Does something through an integration, whatever its service: the connector's action of that name."""

from __future__ import annotations

from collections.abc import Mapping

from pydantic import ConfigDict, Field

from flowapp.catalog import (
    CONNECTORS,
    N_,
    Outcome,
    Params,
    StepContext,
    action,
    connector_named,
    integration_action,
    ui,
)
from flowapp.catalog.fields import Text
from flowapp.errors import FlowError, StepError


class IntegrationCallParams(Params):
    """Which integration, which of its actions, and the params of that: in `params`, or beside these."""

    model_config = ConfigDict(extra="allow")

    integration: Text = Field(
        min_length=1,
        json_schema_extra=ui(N_("Connection"), N_("One of your connected services."), widget="integration"),
    )
    action: Text = Field(
        "",
        json_schema_extra=ui(
            N_("Action"),
            N_("Leave empty for what the service is mostly used for."),
            widget="integration_action",
            depends_on="integration",
        ),
    )
    params: dict[str, object] = Field(
        {},
        json_schema_extra=ui(
            N_("Parameters"), N_("Those of the action."), widget="action_params", depends_on="action", raw=True
        ),
    )

    def of_action(self) -> dict[str, object]:
        """What the action gets, expressions still in it."""
        return {**self.params, **(self.model_extra or {})}


def sample_of(_ctx: StepContext, params: IntegrationCallParams) -> object:
    """The sample of the action, where the type of service tells which one it is."""
    spec = connector_named(params.integration)
    try:
        return integration_action(spec, params.action).sample if spec else None
    except FlowError:
        return None


def destination(params: Mapping[str, object]) -> str:
    """Where the secrets of the step go."""
    return f"integration {params.get('integration') or ''}"


@action(
    "integration_call",
    label=N_("Use an integration"),
    description=N_("Does something with a connected service: any action of any connector, by name."),
    group=N_("Send"),
    icon="plug-connected",
    synonyms="integration connector service api call connecteur intégration appel",
    effect="once",
    params=IntegrationCallParams,
    aliases=("call_external_api", "call_integration"),
    destination=destination,
    result={"": N_("What the action gives")},
    sample_of=sample_of,
)
def integration_call(ctx: StepContext, params: IntegrationCallParams) -> Outcome:
    """Finds the integration by id, name, type or provider, and does what its action does."""
    handle = ctx.integration(params.integration)
    spec = CONNECTORS[handle.integration_type]
    try:
        meant = integration_action(spec, params.action)
    except FlowError as error:
        raise StepError(error.message, permanent=True) from None
    return ctx.perform(meant.type, {**params.of_action(), "integration": handle.id})
