"""The shape of a connector's manifest, flowapp/connectors/<name>/connector.yaml. docs/connectors.md explains each key."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, model_validator

from flowapp.catalog.manifests.kinds import Kind
from flowapp.catalog.manifests.words import Message, Words, placeholders

NAME = r"^[a-z][a-z0-9_]*$"
_BODYLESS = ("GET", "HEAD")


class Part(BaseModel):
    """Base of every part: unknown keys are refused."""

    model_config = ConfigDict(extra="forbid", populate_by_name=True, frozen=True)


class Choice(Part):
    """One value of a field of kind choice, and what people read for it."""

    value: str
    label: Words


class Setting(Part):
    """A field of the connection's form: of `config`, or of `credentials`, which are kept encrypted and never shown again."""

    name: str = Field(pattern=NAME)
    label: Words
    help: Words = ""
    placeholder: str = ""
    required: bool = False
    default: str | int | bool | None = None
    kind: Literal["text", "long", "integer", "boolean", "choice", "url", "header"] = "text"
    choices: list[Choice] = []
    pattern: str = ""
    pattern_help: Words = ""
    minimum: int | None = None
    maximum: int | None = None
    advanced: bool = False
    show_if: dict[str, list[str]] = {}


def _upper(value: object) -> object:
    return value.upper() if isinstance(value, str) else value


class Call(Part):
    """A request. Texts may name fields, config and credentials as {name}; one that stands alone keeps its type.

    `content` is what the body says besides the fields that nothing names. `url` stands in the place of base URL and path.
    """

    method: Annotated[Literal["GET", "POST", "PUT", "PATCH", "DELETE", "HEAD"], BeforeValidator(_upper)] = "POST"
    path: str = ""
    url: str = ""
    query: dict[str, object] = {}
    headers: dict[str, str] = {}
    body: Literal["json", "form", "multipart", "bytes", "none"] | None = None
    lists: Literal["indexed", "repeated"] = "indexed"
    content: object = None
    signed: bool = True

    @property
    def kind(self) -> str:
        """The kind of body: none for a GET, JSON where the manifest does not say."""
        return self.body or ("none" if self.method in (*_BODYLESS, "DELETE") else "json")

    @model_validator(mode="after")
    def _sendable(self) -> Call:
        if self.method in _BODYLESS and self.kind != "none":
            raise ValueError(f"a {self.method} request has no body")
        if self.kind == "none" and self.content is not None:
            raise ValueError("there is content, but no body")
        return self

    @property
    def named(self) -> frozenset[str]:
        """The names that its texts have in braces."""
        return frozenset(_named([self.path, self.url, self.query, self.headers, self.content]))


def _named(value: object) -> set[str]:
    if isinstance(value, str):
        return set(placeholders(value))
    entries = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return {name for entry in entries for name in _named(entry)}


class Auth(Part):
    """How a call signs in. `when`: only where the config has these values; the first that fits counts."""

    kind: Literal["none", "bearer", "basic", "header", "query", "oauth2", "python"]
    token: str = ""
    user: str = ""
    password: str = ""
    name: str = ""
    value: str = ""
    function: str = ""
    authorize_url: str = ""
    token_url: str = ""
    grant: Literal["authorization_code", "client_credentials"] = "authorization_code"
    scopes: list[str] = []
    client_auth: Literal["basic", "body"] = "basic"
    extra: dict[str, str] = {}
    token_extra: dict[str, str] = {}
    when: dict[str, str] = {}

    def holds(self, config: Mapping[str, object]) -> bool:
        """Whether it is the way to sign in with this config."""
        return all(str(config.get(name)) == wanted for name, wanted in self.when.items())

    @model_validator(mode="after")
    def _complete(self) -> Auth:
        needed = {
            "none": (),
            "bearer": ("token",),
            "basic": ("user", "password"),
            "header": ("name", "value"),
            "query": ("name", "value"),
            "oauth2": ("token_url",) if self.grant == "client_credentials" else ("authorize_url", "token_url"),
            "python": ("function",),
        }[self.kind]
        missing = [key for key in needed if not getattr(self, key)]
        if missing:
            raise ValueError(f"{self.kind} needs {' and '.join(missing)}")
        return self


class ErrorRule(Part):
    """An answer that fails the step. `status` and `body` must both fit; the first rule that fits counts."""

    status: list[int | Literal["4xx", "5xx"]] = []
    body: dict[str, object] = {}
    message: Message = ""
    retry: bool | None = None

    @model_validator(mode="after")
    def _says_when(self) -> ErrorRule:
        if not self.status and not self.body:
            raise ValueError("say for which status or body it holds")
        return self


class Named(Part):
    """A named result: what stands at `from` in the answer (dotted, 0 for the first entry; empty: all of it).

    An answer without it is none of the service's, unless it is `optional`. An object or a list is known by the sample.
    """

    name: str = Field(pattern=NAME)
    label: Words
    source: str = Field("", alias="from")
    sample: object = None
    optional: bool = False

    @property
    def of_json(self) -> bool:
        """Whether it is a part of the answer's JSON."""
        return not self.source.startswith("$")

    def fits(self, value: object) -> bool:
        """Whether it may be what the answer has there."""
        if value is None:
            return self.optional
        return self.sample is None or _shape(value) is _shape(self.sample)


def _shape(value: object) -> type:
    return next((kind for kind in (dict, list) if isinstance(value, kind)), object)


class Paging(Part):
    """How a list goes on: `items` says where its entries stand in an answer.

    cursor: the next one stands at `next`, and is sent as `parameter`. page and offset: counted from `first`. link: the
    address of the next page stands at `next`, or in the Link header. `size`: entries a page, sent as `size_parameter`.
    """

    kind: Literal["cursor", "page", "offset", "link"]
    items: str
    next: str = ""
    parameter: str = ""
    first: int | None = None
    size: int = Field(100, ge=1)
    size_parameter: str = ""
    maximum: int = Field(1000, ge=1, le=10_000)

    @model_validator(mode="after")
    def _complete(self) -> Paging:
        if self.kind == "cursor" and not (self.next and self.parameter):
            raise ValueError("cursor needs next and parameter")
        if self.kind in ("page", "offset") and not self.parameter:
            raise ValueError(f"{self.kind} needs parameter")
        return self


class OptionsOf(Part):
    """Where the choices of a field come from: a `call`, in whose answer they stand at `items`, or a `function` (file.function).

    `value` and `label` say where what is stored and what people read stand in each; the label may also be a text, “#{name}”.
    A call may name other fields as {name}; a function says which it `needs`. With `paging` all pages are fetched.
    """

    call: Call | None = None
    function: str = ""
    needs: list[str] = []
    items: str = ""
    value: str = "id"
    label: str = "name"
    paging: Paging | None = None

    @model_validator(mode="after")
    def _complete(self) -> OptionsOf:
        if (self.call is None) != bool(self.function):
            raise ValueError("say either call or function")
        if self.paging and not self.call:
            raise ValueError("paging needs a call")
        return self


class ActionField(Part):
    """A param of an action. It is sent under its name, or `as`, unless the call names it somewhere as {name}."""

    name: str = Field(pattern=NAME)
    label: Words
    help: Words = ""
    kind: Kind = "text"
    required: bool = False
    default: object = None
    send_as: str = Field("", alias="as")
    aliases: list[str] = []
    choices: list[Choice] = []
    options: OptionsOf | None = None
    placeholder: str = ""
    advanced: bool = False
    show_if: dict[str, list[str]] = {}
    minimum: float | None = None
    maximum: float | None = None
    max_length: int | None = None


class Limit(Part):
    """How often the service may be called through one integration: `calls` in `seconds`."""

    calls: int = Field(ge=1)
    seconds: float = Field(1, gt=0)


class Action(Part):
    """Something that can be done with the service: a step type, called <connector>_<name>.

    `call` says how, or `function` names a Python function of the folder (file.function).
    """

    name: str = Field(pattern=NAME)
    label: Words
    description: Words
    effect: Literal["pure", "idempotent", "once"]
    synonyms: str = ""
    icon: str = ""
    aliases: list[str] = []
    call_names: list[str] = []
    param_aliases: dict[str, str] = {}
    fields: list[ActionField] = []
    call: Call | None = None
    function: str = ""
    idempotency: str | None = None
    result: list[Named] = []
    paging: Paging | None = None

    @model_validator(mode="after")
    def _complete(self) -> Action:
        if (self.call is None) != bool(self.function):
            raise ValueError("say either call or function")
        if self.paging and not self.call:
            raise ValueError("paging needs a call")
        if not self.result or (self.paging and len(self.result) > 1):
            raise ValueError("paging has one result, the list" if self.paging else "name at least one result")
        return self


class PollCursor(Part):
    """From where the next poll goes on: what stands at `next` in the answer is sent with it as `parameter`."""

    next: str = Field(min_length=1)
    parameter: str = Field(min_length=1)


class Poll(Part):
    """How a trigger asks what is new: by a `call` with a list at `items`, or by a `function` (file.function).

    `id`: where the id of an entry stands in it; empty where the entry itself is one. `more`: what is true in the answer while
    there is more, so that the next poll is made at once.
    """

    call: Call | None = None
    function: str = ""
    items: str = ""
    id: str = "id"
    cursor: PollCursor | None = None
    more: str = ""

    @model_validator(mode="after")
    def _complete(self) -> Poll:
        if (self.call is None) != bool(self.function):
            raise ValueError("say either call or function")
        if self.more and not self.cursor:
            raise ValueError("more needs a cursor, else the same is asked again")
        return self


class ManifestTrigger(Part):
    """Something new in the service that starts a workflow: a trigger type, called <connector>_<name>. A worker polls for it."""

    name: str = Field(pattern=NAME)
    label: Words
    description: Words
    synonyms: str = ""
    icon: str = ""
    aliases: list[str] = []
    param_aliases: dict[str, str] = {}
    fields: list[ActionField] = []
    poll: Poll
    result: list[Named] = Field(min_length=1)


class Test(Part):
    """The call that shows that the service can be used, and what is said then: {name} is what stands there in the answer."""

    call: Call | None = None
    function: str = ""
    message: Message = ""


class Manifest(Part):
    """One connector. `custom_call`: any method and path under the base URL can be called as well.

    `origins`: further origins of the same service, which get the secret, too.
    """

    type: str = Field(pattern=NAME)
    label: Words
    description: Words
    icon: str
    category: Literal[
        "communication", "payments", "data", "files", "ai", "developer", "marketing", "productivity", "other"
    ]
    providers: list[str] = []
    guide: Words = ""
    base_url: str = ""
    origins: list[Annotated[str, Field(pattern=r"^https://[a-z0-9.-]+$")]] = []
    destination: str = ""
    config: list[Setting] = []
    credentials: list[Setting] = []
    credential_type: Literal["", "aws", "database"] = ""
    needs_one_of: list[str] = []
    auth: list[Auth] = []
    test: Test
    reason: list[str] = ["error.message", "message", "error_description", "error", "detail"]
    errors: list[ErrorRule] = []
    limit: Limit | None = None
    idempotency: str = ""
    actions: list[Action] = []
    triggers: list[ManifestTrigger] = []
    default_action: str = ""
    custom_call: bool = True

    @model_validator(mode="before")
    @classmethod
    def _one_way_to_sign_in(cls, values: object) -> object:
        """`auth: {…}` is `auth: [{…}]`."""
        if isinstance(values, dict) and isinstance(values.get("auth"), dict):
            return {**values, "auth": [values["auth"]]}
        return values

    def auth_of(self, config: Mapping[str, object]) -> Auth:
        """The way to sign in that holds with this config."""
        return next((auth for auth in self.auth if auth.holds(config)), Auth(kind="none"))

    @property
    def setting_labels(self) -> dict[str, str]:
        """The labels of config and credentials, by name."""
        return {one.name: one.label for one in (*self.config, *self.credentials)}

    @property
    def settings(self) -> frozenset[str]:
        """The names of config and credentials, as calls may use them."""
        return frozenset(one.name for one in (*self.config, *self.credentials))
