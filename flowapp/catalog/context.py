"""What an action may reach: nothing but the StepContext that it is handed.

What it offers of the world is declared once, in StepServices: `tasks.services` gives the real ones, `tasks.simulation`
those that record, `tests.support.servers.services` and `tests.actions.conftest` those of tests.
"""

from __future__ import annotations

import socket
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal, NamedTuple, Protocol

from flowapp.catalog.explanations import Question
from flowapp.catalog.outcome import Outcome
from flowapp.catalog.outgoing import Calls, Http
from flowapp.catalog.outgoing.files import File
from flowapp.errors import StepError
from flowapp.values.conventions import Conventions

Names = list[str]
LogLevel = Literal["debug", "info", "warning", "error", "critical"]


@dataclass(frozen=True, slots=True)
class Email:
    """An e-mail to send. Addresses are bare (`a@b.c`) or with a name (`Ann <a@b.c>`).

    Where `sender` is empty it comes from the mail server's own address, under `sender_name` where that is set. `headers`:
    further ones, by their names.
    """

    to: Sequence[str]
    subject: str
    text: str = ""
    html: str = ""
    sender: str = ""
    reply_to: str = ""
    cc: Sequence[str] = ()
    bcc: Sequence[str] = ()
    message_id: str = ""
    sender_name: str = ""
    attachments: Sequence[File] = ()
    headers: Mapping[str, str] = field(default_factory=dict)


class SentMail(NamedTuple):
    """An e-mail that was handed over; `caught`: to the mail catcher, since no mail server is connected."""

    message_id: str
    caught: bool = False


class Asked(NamedTuple):
    """How many people were asked; `caught`: their e-mails were, not sent; `missing`: who is no member (any more)."""

    people: int
    caught: bool = False
    missing: Sequence[str] = ()


class Mailer(Protocol):
    """Sends e-mail within `timeout` seconds; raises StepError, permanent for refused recipients and 5xx answers."""

    def send(self, email: Email, *, integration: str | None = None, timeout: float = 30.0) -> SentMail: ...


class FilledTemplate(NamedTuple):
    """An e-mail template with the values of one visit in it: a plain text, and HTML where the template has some."""

    subject: str
    text: str
    html: str


class Templates(Protocol):
    """The e-mail templates of the execution's project."""

    def fill(self, reference: str, data: object) -> FilledTemplate | None:
        """The one with this slug, name, number or id; None where there is none.

        It sees what the step's own expressions see, and what `data` names. Raises ExpressionError, with the template and
        the variable, for what it needs and is not there.
        """
        ...

    def unknown(self, reference: str) -> StepError:
        """Says that there is none of this name, and the nearest name."""
        ...


@dataclass(frozen=True, slots=True)
class Saved:
    """What `Tables.save` did: the stored records (with id, created_at, updated_at) and how many of each kind."""

    records: list[dict[str, object]]
    created: int
    updated: int


@dataclass(frozen=True, slots=True)
class Found:
    """The records that a query found, up to its limit, and how many there are in all."""

    records: list[dict[str, object]]
    count: int


class Tables(Protocol):
    """The data tables of the execution's project. Raises StepError naming the table or column that is wrong."""

    def save(
        self, table: str, rows: Sequence[Mapping[str, object]], *, mode: str = "insert", match: Sequence[str] = ()
    ) -> Saved: ...

    def query(self, sql: str, params: Mapping[str, object], *, limit: int = 1000) -> Found: ...

    def select(
        self,
        table: str,
        *,
        where: Mapping[str, object] | None = None,
        columns: Sequence[str] = (),
        order_by: str = "",
        descending: bool = False,
        limit: int = 100,
    ) -> Found: ...


class Schemas(Protocol):
    """Named validation schemas of the project: slug or name to the list of rules (see data.schemas.SchemaRule)."""

    def validate(
        self, schema: str | Mapping[str, object] | Sequence[object], items: Sequence[object]
    ) -> list[list[dict[str, str]]]:
        """The problems of each item, [{"field", "message"}], empty when it is valid; after some hundreds no more.

        StepError where the schema is unknown, or checking takes more than its budget.
        """
        ...


@dataclass(frozen=True, slots=True)
class IntegrationHandle:
    """A configured integration as an action sees it, credentials decrypted; made by `catalog.open_integration`.

    Config and credentials have every name of their models: nobody who reads them needs a default.
    """

    id: str
    name: str
    integration_type: str
    config: Mapping[str, Any]
    credentials: Mapping[str, Any] = field(repr=False, default_factory=dict)


class AccessTokens(Protocol):
    """Access tokens of integrations that sign in by OAuth2: asked for at each use, since one may be renewed between two calls."""

    def __call__(self, handle: IntegrationHandle, refused: str = "") -> str:
        """A token that holds; `refused`: the one that the service just did not take (401), so that it is renewed. StepError,
        permanent where somebody has to sign in again."""
        ...


@dataclass(frozen=True, slots=True)
class Signal:
    """Why a suspended step runs again. `kind`: event, resume, approval or child; `payload`: what came with it.

    event {"type", "entity": [type, id], …} · resume: the body of the call · approval {"decision", "by", "comment"} ·
    child {"execution_id", "status", "output", "error"}.
    """

    kind: str
    payload: object


class Sandbox(Protocol):
    """Runs a user's Python apart from everything. StepError (permanent) says what went wrong, in the code's lines."""

    def run(
        self, source: str, inputs: Mapping[str, object], *, timeout: float, on_print: Callable[[str], None]
    ) -> object: ...


class Workflows(Protocol):
    """Starts other workflows of the project, once for each visit of a step (its idempotency key)."""

    def start(self, workflow: str, input_data: object, *, wait: bool) -> str:
        """The new execution's id; where `wait`, its end sends a child signal. StepError: unknown, circular, too deep."""
        ...


class People(Protocol):
    """Members of the organization, by role (that role or a higher one)."""

    def notify(
        self, role: str, title: str, body: str, link: str, *, members: Sequence[str] = (), emails: Sequence[str] = (),
        level: str = "info", by_email: bool = False,
    ) -> int:  # fmt: skip
        """Tells them (none where `role` is empty) and the `members` of these ids in the app, `by_email` too, and whom `emails`
        name by e-mail alone. The number of people told."""
        ...

    def ask_approval(self, question: Question, *, by_email: bool) -> Asked:
        """Asks whom the question is for to approve or reject this visit; admins where none of them is a member."""
        ...


@dataclass(frozen=True, slots=True)
class KeptRecord:
    """A record of the CRM as expressions see it, after a step has made or changed it."""

    record: Mapping[str, object]
    created: bool = False
    changed: bool = False


class Crm(Protocol):
    """The organization's contacts, companies, deals, tasks and notes (`noun`: contact, company, deal, task, note).

    A `reference` is an id or number, a contact's e-mail address, a company's name. StepError names what is wrong.
    """

    def subject(self, noun: str) -> str:
        """The id of the record of this kind that the execution is about, or that this leads to; empty where there is none."""
        ...

    def create(self, noun: str, data: Mapping[str, object]) -> KeptRecord:
        """A new record: one for this visit, however often it runs."""
        ...

    def save_contact(self, data: Mapping[str, object]) -> KeptRecord:
        """The contact with the address in `data`: made, or changed in what `data` gives a value."""
        ...

    def update(self, noun: str, reference: str, data: Mapping[str, object]) -> KeptRecord:
        """Changes what `data` names: fixed fields, and custom ones under their keys."""
        ...

    def add_score(self, reference: str, points: int) -> KeptRecord:
        """Adds to a contact's score, once for this visit."""
        ...

    def tag(self, noun: str, reference: str, names: Sequence[str], *, remove: bool = False) -> Names:
        """Adds tags, or takes them away; those that this changed."""
        ...

    def list(self, name: str, reference: str, *, remove: bool = False) -> bool:
        """Puts a contact into a list, or takes it out; whether this changed anything."""
        ...

    def find(self, noun: str, where: Mapping[str, object], *, limit: int = 1) -> Found:
        """The records whose fields have these values, the newest first."""
        ...

    def member(self, wanted: str, among: Sequence[str] = ()) -> str:
        """The id of a member: `owner` of what the execution is about (else of the workflow), `round_robin` the one of
        `among` (all who work on records) whose last task is oldest, else the one of that id or e-mail address."""
        ...


class Logger(Protocol):
    """Writes a line to the execution's log, shown live."""

    def __call__(self, message: str, level: LogLevel = "info", **data: object) -> None: ...


class Render(Protocol):
    """Evaluates expressions inside `value` (any JSON shape) against the execution; `extra` adds names such as item."""

    def __call__(self, value: object, **extra: object) -> object: ...


class Test(Protocol):
    """Evaluates a condition group; returns (truth, explanation) where explanation lists each rule with its values."""

    def __call__(self, conditions: object, **extra: object) -> tuple[bool, Sequence[Mapping[str, object]]]: ...


class Perform(Protocol):
    """Does what a step of another type with these params would do: expressions in them are evaluated as there."""

    def __call__(self, action_type: str, params: Mapping[str, object]) -> Outcome: ...


class StepServices(Protocol):
    """What one visit of a step may use of the world. A service is added here, and to those who give them."""

    http: Http
    connect: Callable[[str, int, float], socket.socket]  # host, port, seconds: any other connection, by the same guard
    addresses: Callable[
        [str, int], Names
    ]  # host, port: those allowed, at least one, for drivers that connect by themselves
    database_file: Callable[[str], str]  # its name: the path of a SQLite file that the organization may open
    integration_used: Callable[
        [str], AbstractContextManager[None]
    ]  # its id: what happens within counts as one call of it
    mail: Mailer
    tables: Tables
    schemas: Schemas
    integration: Callable[[str], IntegrationHandle]
    access_token: AccessTokens
    sandbox: Sandbox
    workflows: Workflows
    people: People
    crm: Crm
    templates: Templates
    conventions: Callable[[], Conventions]  # how the organization writes numbers and dates
    calls: Calls


SERVICES = frozenset(StepServices.__annotations__)


@dataclass(slots=True, kw_only=True)
class StepContext(StepServices):
    """Everything that a step may use: the `services` under their own names, and what follows here.

    `idempotency_key` is the same for every attempt of one visit.

    `timezone` is the contact's, else the organization's. `signal` is set where a suspended step runs again. `entity` is
    (type, id) of what the execution is about. `business_hours`: the workflow's config, see catalog.hours.
    """

    services: StepServices
    execution_id: str
    workflow_id: str
    organization_id: str
    project_id: str
    step_id: str
    step_name: str
    attempt: int
    iteration: int
    idempotency_key: str
    timeout: float
    now: Callable[[], datetime]
    timezone: str
    log: Logger
    render: Render
    test: Test
    perform: Perform
    signal: Signal | None = None
    contact_id: str = ""
    entity: tuple[str, str] = ("", "")
    business_hours: Mapping[str, object] | None = None

    def __getattr__(self, name: str) -> object:
        """A service: nothing of that name stands here."""
        if name not in SERVICES:
            raise AttributeError(name)
        return getattr(self.services, name)
