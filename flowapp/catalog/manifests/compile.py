"""Makes of a manifest what hand-written connectors declare: a ConnectorSpec, and an ActionSpec for each action."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Protocol

from flowapp.catalog.context import IntegrationHandle, StepContext
from flowapp.catalog.manifests.custom_call import CUSTOM_CALL
from flowapp.catalog.manifests.manifest import Action, ActionField, Manifest, ManifestTrigger, Setting
from flowapp.catalog.manifests.models import ConnectorParams, needs_of, params_model, settings_model
from flowapp.catalog.manifests.words import filled
from flowapp.catalog.outcome import Outcome
from flowapp.catalog.params import N_, Params, raw_fields
from flowapp.catalog.polling import PollContext, Polled
from flowapp.catalog.resources import FieldOptions, Load, Offered, OptionsContext
from flowapp.catalog.specs import ActionSpec, ConnectorSpec, OAuth2

CREDENTIAL_TYPES = {"bearer": "api_key", "header": "api_key", "query": "api_key", "basic": "basic", "oauth2": "oauth2"}
_PAGED = (
    ("count", N_("Number of entries")),
    ("more", N_("Whether there are more entries than were fetched")),
)


class Runner(Protocol):
    """Does what a manifest says (flowapp.connectors.runner)."""

    def run(self, manifest: Manifest, action: Action, ctx: StepContext, params: ConnectorParams) -> Outcome:
        """One attempt of an action."""
        ...

    def poll(
        self, manifest: Manifest, trigger: ManifestTrigger, ctx: PollContext, params: ConnectorParams, cursor: object
    ) -> Polled:
        """Asks for what is new."""
        ...

    def test(self, manifest: Manifest, config: Params, credentials: Params, context: object) -> str:
        """Asks the service for a sign of life. StepError."""
        ...

    def options(
        self,
        manifest: Manifest,
        field: ActionField,
        ctx: OptionsContext,
        handle: IntegrationHandle,
        values: Mapping[str, object],
    ) -> Offered:
        """The choices of a field."""
        ...

    def destination(self, manifest: Manifest, config: Params) -> str:
        """Where credentials go with this config."""
        ...


def actions_of_manifest(manifest: Manifest) -> list[Action]:
    """Its actions, and the call of anything under its base URL."""
    return [*manifest.actions, *([CUSTOM_CALL] if manifest.custom_call and manifest.base_url else [])]


def connector_spec(manifest: Manifest, runner: Runner, home: str) -> ConnectorSpec:
    """The integration type."""

    def test(config: Params, credentials: Params, context: object) -> str:
        return runner.test(manifest, config, credentials, context)

    return ConnectorSpec(
        type=manifest.type,
        label=manifest.label,
        description=manifest.description,
        icon=manifest.icon,
        config=settings_model(manifest, "config", manifest.config, secret=False),
        credentials=settings_model(manifest, "credentials", credentials_of(manifest), secret=True),
        test=test,
        providers=tuple(manifest.providers),
        default_action=f"{manifest.type}_{manifest.default_action}",
        destination=lambda config: runner.destination(manifest, config),
        credential_type=lambda config: credential_type_of(manifest, config.model_dump()),
        oauth2=lambda config: oauth2_of(manifest, config.model_dump()),
        home=home,
        category=manifest.category,
        guide=manifest.guide,
        options=_options(manifest, runner),
        lacks=lambda _config, credentials: _lacks(manifest, credentials.model_dump()),
    )


def _lacks(manifest: Manifest, credentials: Mapping[str, object]) -> list[str]:
    return [] if any(map(credentials.get, manifest.needs_one_of)) else manifest.needs_one_of


def _options(manifest: Manifest, runner: Runner) -> dict[str, dict[str, FieldOptions]]:
    """The fields with choices of the service, by step or trigger type."""
    actions = {action.name: action.fields for action in manifest.actions}
    triggers = {trigger.name: trigger.fields for trigger in manifest.triggers}
    found = {
        f"{manifest.type}_{name}": _of_fields(manifest, fields, runner)
        for name, fields in {**actions, **triggers}.items()
    }
    return {step_type: options for step_type, options in found.items() if options}


def _of_fields(manifest: Manifest, fields: Iterable[ActionField], runner: Runner) -> dict[str, FieldOptions]:
    labels = {field.name: field.label for field in fields}

    def load_of(field: ActionField) -> Load:
        return lambda ctx, handle, values: runner.options(manifest, field, ctx, handle, values)

    return {
        field.name: FieldOptions(
            {name: labels[name] for name in needs_of(field.options) if name in labels}, load_of(field)
        )
        for field in fields
        if field.options
    }


def credentials_of(manifest: Manifest) -> list[Setting]:
    """The fields of its credentials; where it signs in by OAuth2 also those of the client."""
    if not any(auth.kind == "oauth2" for auth in manifest.auth):
        return manifest.credentials
    always = all(auth.kind == "oauth2" for auth in manifest.auth)
    client = [
        Setting(name="client_id", label=N_("Client ID"), required=always),
        Setting(name="client_secret", label=N_("Client secret")),
    ]
    named = {one.name for one in manifest.credentials}
    return [*(one for one in client if one.name not in named), *manifest.credentials]


def credential_type_of(manifest: Manifest, config: Mapping[str, object]) -> str:
    """One of models.CREDENTIAL_TYPES: what the manifest says, else what follows from how it signs in."""
    return manifest.credential_type or CREDENTIAL_TYPES.get(manifest.auth_of(config).kind, "custom")


def oauth2_of(manifest: Manifest, config: Mapping[str, object]) -> OAuth2 | None:
    """How it signs in by OAuth2 with this config; None where it does otherwise."""
    auth = manifest.auth_of(config)
    if auth.kind != "oauth2":
        return None
    return OAuth2(
        token_url=filled(auth.token_url, config), authorize_url=filled(auth.authorize_url, config), grant=auth.grant,
        scopes=tuple(auth.scopes), client_auth=auth.client_auth, extra=auth.extra, token_extra=auth.token_extra,
    )  # fmt: skip


def action_specs(manifest: Manifest, runner: Runner, home: str) -> Iterator[ActionSpec]:
    """The step types."""
    for action in actions_of_manifest(manifest):
        yield _action_spec(manifest, action, runner, home)


def _action_spec(manifest: Manifest, action: Action, runner: Runner, home: str) -> ActionSpec:
    result = result_of(action)
    params = params_model(manifest, action.name, action.description, fields_of(action))
    return ActionSpec(
        type=f"{manifest.type}_{action.name}",
        label=action.label,
        description=action.description,
        group=manifest.label,
        icon=action.icon or manifest.icon,
        effect=action.effect,
        params=params,
        raw=raw_fields(params),
        run=_function(manifest, action, runner),
        synonyms=f"{manifest.type} {manifest.label} {' '.join(manifest.providers)} {action.synonyms}",
        aliases=tuple(action.aliases),
        call_names=tuple(action.call_names),
        result={name: label for name, (label, _sample) in result.items()},
        param_aliases=dict(action.param_aliases),
        sample={name: sample for name, (_label, sample) in result.items()},
        destination=lambda params: f"integration {params.get('integration') or manifest.type}",
        home=home,
    )


def _function(manifest: Manifest, action: Action, runner: Runner) -> Callable[[StepContext, ConnectorParams], Outcome]:
    def run(ctx: StepContext, params: ConnectorParams) -> Outcome:
        return runner.run(manifest, action, ctx, params)

    return run


def fields_of(action: Action) -> list[ActionField]:
    """Its fields; of a list also how many entries are fetched at most."""
    if not action.paging:
        return action.fields
    limit = ActionField(
        name="limit", label=N_("Maximum"), help=N_("Fetch at most this many entries."), kind="integer",
        default=action.paging.maximum, minimum=1, maximum=10_000, advanced=True,
    )  # fmt: skip
    return [*action.fields, limit]


def result_of(action: Action) -> Mapping[str, tuple[str, object]]:
    """What later steps can use, by name: its label and a sample."""
    named: dict[str, tuple[str, object]] = {one.name: (one.label, one.sample) for one in action.result}
    if action.paging:
        entries = next(iter(named.values()), ("", []))[1]
        samples = {"count": len(entries) if isinstance(entries, list) else 0, "more": False}
        named |= {name: (label, samples[name]) for name, label in _PAGED}
    return named
