"""What a step type, a trigger and a connector declare of themselves."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal, Protocol

from pydantic import ValidationError

from flowapp.catalog.aliases import Kinds, ParamAliases
from flowapp.catalog.context import StepContext
from flowapp.catalog.explanations import Explain, Question
from flowapp.catalog.outcome import Outcome
from flowapp.catalog.params import Params, hints_of, misfit, stored_value
from flowapp.catalog.polling import Poll
from flowapp.catalog.resources import FieldOptions
from flowapp.catalog.rows import RowSamples, SampleFunction
from flowapp.errors import StepError
from flowapp.texts import say

Effect = Literal["pure", "idempotent", "once"]
Source = Literal["person", "hook", "form", "clock", "api", "event", "poll"]
ActionFunction = Callable[[StepContext, Any], Outcome]
OfConfig = Callable[[Any], str]
ParamsClass = type[Params]  # a name of its own: the specs have a field called type


# What the checks of a workflow must know of a step type: it answers the caller who waits for the execution, it brings
# parallel branches together, it lets time pass.
Trait = Literal["answers", "merges", "waits"]


@dataclass(frozen=True, slots=True)
class ActionSpec:
    """One step type. `branches` are the edge names it may follow; `result` describes what later steps can use.

    `branch_if` names the param and the value without which a step never ends on that branch (None: any value).
    `own_branches` reads the names of branches out of stored params, which may hold anything (cases, variants); "*"
    stands for them in `branches`.
    `synonyms` are words that people may look for it by, in English and French; a search finds its label, too.
    `call_names` are names by which integration_call also finds it among the actions of its connector.
    `counted`: how often each branch was taken is kept for each version.
    `destination` says where the secrets in stored params go: the same text for the same place, one with `{{` where only
    an expression knows. A secret stays in its step while that stays as it is.
    `sample` is a result as the step might give it, an example for whoever writes the steps after it; where only the
    step's params tell its shape, `sample_of` makes one of validated params (None: it cannot be told). It reaches nothing.
    `runs` is the param that names a workflow, whose output becomes the result's `output`.
    `row_samples` says what its rows work on, and what they make of it.
    `goal` gives, of stored params, the conditions under which the flow jumps to the step from anywhere (None: it does not).
    `items` gives what a loop goes over, of params whose expressions were evaluated.
    `question` says what validated params ask of people (None: nothing); `takes_calls` whether they wait for a resume call.
    `explain` says why a visit ended as it did, or what it waits for; without it, what its conditions saw is shown.
    `unready` says of stored params why the step could do nothing (empty: it can): shown on the draft, refused at publish.
    `ended_as` names the end of a visit where “completed” says too little, by its output; empty: it does not.
    `home` is the folder of connectors/ that it is declared in: it belongs to that connector.
    """

    type: str
    label: str
    description: str
    group: str
    icon: str
    effect: Effect
    params: ParamsClass
    run: ActionFunction
    synonyms: str = ""
    aliases: tuple[str, ...] = ()
    call_names: tuple[str, ...] = ()
    branches: tuple[str, ...] = ("next",)
    result: Mapping[str, str] = field(default_factory=dict)
    raw: frozenset[str] = frozenset()
    branch_if: Mapping[str, tuple[str, object]] = field(default_factory=dict)
    own_branches: Callable[[Mapping[str, object]], list[str]] | None = None
    counted: bool = False
    destination: Callable[[Mapping[str, object]], str] | None = None
    param_aliases: ParamAliases = field(default_factory=dict)
    kinds: Kinds | None = None
    traits: frozenset[Trait] = frozenset()
    sample: object = None
    sample_of: SampleFunction | None = None
    row_samples: RowSamples | None = None
    runs: str = ""
    goal: Callable[[Mapping[str, object]], object] | None = None
    items: Callable[[Mapping[str, object]], list[object]] | None = None
    question: Callable[[Any], Question | None] | None = None
    takes_calls: Callable[[Any], bool] | None = None
    explain: Explain | None = None
    unready: Callable[[Mapping[str, object]], str] | None = None
    ended_as: Callable[[Mapping[str, object]], str] | None = None
    home: str = ""

    def shown_status(self, status: str, output: object) -> str:
        """How a visit ended, for people: its status, or the step type's own word for it."""
        told = self.ended_as(output) if self.ended_as and status == "completed" and isinstance(output, dict) else ""
        return told or status

    def branches_of(self, params: Mapping[str, object]) -> list[str]:
        """The branches that a step with these params can end on: its own first, then the fixed ones."""
        own = [name for name in self.own_branches(params) if name] if self.own_branches else []
        fixed = [branch for branch in self.branches if branch != "*" and self._is_open(branch, params)]
        return list(dict.fromkeys([*own, *fixed]))

    def _is_open(self, branch: str, params: Mapping[str, object]) -> bool:
        if branch not in self.branch_if:
            return True
        name, wanted = self.branch_if[branch]
        given = stored_value(self.params, params, name)
        if wanted is None:
            return given not in (None, "")
        return bool(given == wanted) or (isinstance(given, str) and "{{" in given)


def is_raw(spec: ActionSpec, name: str) -> bool:
    """Whether the action itself evaluates the expressions in a param: also in every one that its model does not know."""
    if name in spec.raw:
        return True
    return spec.params.model_config.get("extra") == "allow" and not hints_of(spec.params, name)


class NextFire(Protocol):
    """The first time after `after` (aware, UTC) at which a clock trigger fires; None: never again."""

    def __call__(self, config: Any, after: datetime) -> datetime | None: ...


@dataclass(frozen=True, slots=True)
class TriggerSpec:
    """One way to start a workflow.

    `source` says who fires it; `sample` is an input to try steps with; `prepare` completes a config when the trigger
    is saved (for instance a webhook's key), with the fields `made`, which stay where a later save does not name them; `summary` says in one line what a config means (of clocks it is also given the reader's language); `awaits_answer` whether, with
    a stored config, its caller waits for what a step answers.
    `listens`, of what events fire: the type of event that a config is for, a family of types (contact.*), or * where only
    `matches`, given the config and {"type", "payload"}, can tell.
    `time_of`, of a stored config, names the organization's time (catalog.clock) that holds where the config names none.
    `over_records`: when its time has come, it starts the workflow for each record that it finds; a job looks for them.
    `poll` asks a service what is new; its params have the fields of PollParams, and `integration` where it uses one.
    `synonyms` are words that people may look for it by; `home` is the folder of connectors/ that it is declared in.
    The params of those whose source is hook are HookParams; `guide` says where to enter their address at the service.
    `unready` says of a stored config why nothing could start it (empty: something can): shown on the draft, refused at publish.
    """

    type: str
    label: str
    description: str
    group: str
    icon: str
    source: Source
    params: ParamsClass
    sample: Mapping[str, object] = field(default_factory=dict)
    aliases: tuple[str, ...] = ()
    param_aliases: ParamAliases = field(default_factory=dict)
    next_fire: NextFire | None = None
    prepare: Callable[[dict[str, object]], dict[str, object]] | None = None
    made: tuple[str, ...] = ()
    check: Callable[[Any], None] | None = None
    listens: OfConfig | None = None
    matches: Callable[[Any, Mapping[str, object]], bool] | None = None
    summary: Callable[..., str] | None = None
    time_of: Callable[[Mapping[str, object]], str] | None = None
    over_records: bool = False
    awaits_answer: Callable[[Mapping[str, object]], bool] | None = None
    poll: Poll | None = None
    synonyms: str = ""
    home: str = ""
    guide: str = ""
    unready: Callable[[Mapping[str, object]], str] | None = None


@dataclass(frozen=True, slots=True)
class OAuth2:
    """How the integrations of a type sign in by OAuth2 (integrations.oauth). Their credentials have the fields `client_id`
    and `client_secret`; the tokens are kept beside them.

    `client_auth`: whether the client proves who it is by Basic authentication or in the body. `extra` is added to the address
    that a person is sent to (access_type=offline), `token_extra` to the form of each request for a token (audience=…).
    """

    token_url: str
    authorize_url: str = ""
    grant: Literal["authorization_code", "client_credentials"] = "authorization_code"
    scopes: tuple[str, ...] = ()
    client_auth: Literal["basic", "body"] = "basic"
    extra: Mapping[str, str] = field(default_factory=dict)
    token_extra: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class ConnectorSpec:
    """The code behind one integration type. `test` raises StepError when the service cannot be used.

    `test` receives the validated config and credentials models and a StepContext-like object with `http` and `mail`.
    `destination` says where the credentials go with a config: where it changes, they are asked for again.
    The step types declared in the same folder (`home`) are its actions; `default_action` is the one that is meant where
    a workflow names the integration alone. It may be one of actions/.
    `credential_type` says of a config which of models.CREDENTIAL_TYPES its credentials are; `oauth2` how it signs in by OAuth2
    (None: it does not).
    `category` groups connectors in the catalogue; `guide` says how to get what its form asks for.
    `options`: the fields whose choices the service gives, by step or trigger type and name.
    `lacks` names the credentials that are missing; without one of them this config is of no use (empty: nothing is missing).
    """

    type: str
    label: str
    description: str
    icon: str
    config: ParamsClass
    credentials: ParamsClass
    test: Callable[[Any, Any, Any], str]
    providers: tuple[str, ...] = ()
    default_action: str = ""
    destination: Callable[[Any], object] = lambda _config: None
    credential_type: OfConfig = lambda _config: "custom"
    oauth2: Callable[[Any], OAuth2 | None] = lambda _config: None
    home: str = ""
    category: str = ""
    guide: str = ""
    options: Mapping[str, Mapping[str, FieldOptions]] = field(default_factory=dict)
    lacks: Callable[[Any, Any], Sequence[str]] = lambda _config, _credentials: ()

    def read(self, config: Mapping[str, object], credentials: Mapping[str, object]) -> tuple[Params, Params]:
        """What is stored of an integration, through its models: what they leave out has its default.

        StepError (permanent) where this release cannot use it any more.
        """
        return _read(self.config, config), _read(self.credentials, credentials)


def _read(model: ParamsClass, values: Mapping[str, object]) -> Params:
    try:
        return model.model_validate(values)
    except ValidationError as error:
        first = error.errors()[0]
        of_pattern = first["type"] == "string_pattern_mismatch"
        reason = misfit(model, str(first["loc"][0])) if of_pattern else first["msg"].removeprefix("Value error, ")
        message = say("Its settings are no longer complete: %(reason)s Open it and save it again.", reason=reason)
        raise StepError(message, permanent=True) from None
