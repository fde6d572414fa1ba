"""Makes of a manifest's triggers what hand-written ones declare: a TriggerSpec each."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import cast

from flowapp.catalog.fields import has_expression
from flowapp.catalog.manifests.compile import Runner
from flowapp.catalog.manifests.manifest import Manifest, ManifestTrigger
from flowapp.catalog.manifests.models import ConnectorParams, params_model
from flowapp.catalog.params import Params
from flowapp.catalog.polling import PACE, Poll, PollContext, Polled, PollParams
from flowapp.catalog.specs import TriggerSpec
from flowapp.errors import InvalidError, Problem
from flowapp.texts import join, say


def trigger_specs(manifest: Manifest, runner: Runner, home: str) -> Iterator[TriggerSpec]:
    """The trigger types."""
    for trigger in manifest.triggers:
        yield _trigger_spec(manifest, trigger, runner, home)


def _trigger_spec(manifest: Manifest, trigger: ManifestTrigger, runner: Runner, home: str) -> TriggerSpec:
    pace = {name: (PollParams.model_fields[name].annotation, PollParams.model_fields[name]) for name in PACE}
    return TriggerSpec(
        type=f"{manifest.type}_{trigger.name}",
        label=trigger.label,
        description=trigger.description,
        group=manifest.label,
        icon=trigger.icon or manifest.icon,
        source="poll",
        params=params_model(manifest, trigger.name, trigger.description, trigger.fields, pace),
        sample={one.name: one.sample for one in trigger.result},
        synonyms=f"{manifest.type} {manifest.label} {' '.join(manifest.providers)} {trigger.synonyms}",
        aliases=tuple(trigger.aliases),
        param_aliases=dict(trigger.param_aliases),
        check=_refuse_expressions,
        summary=lambda params: _summary(trigger, params),
        poll=_function(manifest, trigger, runner),
        home=home,
    )


def _function(manifest: Manifest, trigger: ManifestTrigger, runner: Runner) -> Poll:
    def poll(ctx: PollContext, params: Params, cursor: object) -> Polled:
        return runner.poll(manifest, trigger, ctx, cast(ConnectorParams, params), cursor)

    return poll


def _refuse_expressions(params: Params) -> None:
    """InvalidError where a setting holds one: nothing has happened yet that could give it a value."""
    wrong = [name for name, value in params.model_dump(by_alias=True).items() if _holds_expression(value)]
    if wrong:
        message = say("A trigger looks for what is new, so it knows no values yet. Enter this without {{ … }}.")
        raise InvalidError([Problem(name, message) for name in wrong])


def _holds_expression(value: object) -> bool:
    if isinstance(value, Mapping):
        return any(map(_holds_expression, value.values()))
    return any(map(_holds_expression, value)) if isinstance(value, list) else has_expression(value)


def _summary(trigger: ManifestTrigger, params: Params) -> str:
    """What it looks at, and how often."""
    values = params.model_dump(by_alias=True)
    shown = [str(values[field.name]) for field in trigger.fields if field.required and values[field.name]]
    return join(" · ", [*shown, say("every %(minutes)s min", minutes=values["interval"])])
