"""The services of a step in a simulation: what would go out is recorded, and what would be refused is refused."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, field, replace
from typing import Any, NoReturn, cast

from flowapp.catalog import (
    Asked,
    Email,
    FilePart,
    Found,
    HttpResponse,
    IntegrationHandle,
    KeptRecord,
    Question,
    Saved,
    SentMail,
)
from flowapp.catalog.context import Names, StepServices
from flowapp.connectors.email import compose
from flowapp.crm.steps.records import StepCrm
from flowapp.engine.runtime.simulate import VirtualClock
from flowapp.errors import StepError
from flowapp.logs import MASK, mask
from flowapp.tasks.outgoing import StepConnections
from flowapp.tasks.people import Members
from flowapp.tasks.services import StepTables, VisitServices
from flowapp.texts import labelled, say

Json = dict[str, object]


@dataclass
class Record:
    """`calls`: what would have gone out, in order, each with step_id, at, kind. `notes`: what was assumed. `catches`: whether
    no mail server is connected."""

    clock: VirtualClock
    catches: bool
    calls: list[Json] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


class RecordingServices(StepServices):
    """The services of one visit in a simulation: what would go out is recorded, what is read is real."""

    def __init__(
        self, recording: Record, real: VisitServices, step_id: str, other: Callable[[str, object, bool], str]
    ) -> None:
        self._recording, self._step_id = recording, step_id
        self.clock, self.catches = recording.clock, recording.catches
        self.http, self.mail, self.people = _Http(self, real.connections), _Mail(self), _People(self, real.people)
        self.connect, self.addresses = _no_connection, _no_connection
        self.database_file = real.database_file
        self.integration_used = lambda _integration_id: nullcontext()
        self.tables, self.workflows = _Tables(self, real.tables), _Workflows(other)
        self.crm = _Crm(self, real.trial_crm)
        self.schemas, self.sandbox, self.conventions = real.schemas, real.sandbox, real.conventions
        self.templates, self.calls = real.templates, _Calls(self)
        self.integration = lambda reference: _hidden(real.integration(reference))
        self.access_token = lambda handle, refused="": MASK  # noqa: ARG005 - nothing is asked of the service

    def note(self, kind: str, **what: object) -> None:
        """Something would have gone out."""
        call = {"kind": kind, "step_id": self._step_id, "at": self.clock.time, **mask(what)}
        self._recording.calls.append(call)

    def assume(self, what: str) -> None:
        """Where this is not what a real run would give, the report says so."""
        self._recording.notes.append(labelled(f"“{self._step_id}”", what))


def _hidden(real: IntegrationHandle) -> IntegrationHandle:
    """The real integration, without its credentials."""
    hidden = {name: MASK if value else value for name, value in real.credentials.items()}
    return replace(real, credentials=hidden)


class _Http:
    """What is refused before anything is sent is refused here, too."""

    def __init__(self, record: RecordingServices, real: StepConnections) -> None:
        self._record, self._real = record, real

    def request(self, method: str, url: str, **how: Any) -> HttpResponse:
        self._real.http.refuse(url, headers=how.get("headers"), json=how.get("json"), auth=how.get("auth"))
        self._record.note("http", method=method, url=url, headers=dict(how.get("headers") or {}), body=_shown_body(how))
        self._record.assume(say("the call was not made; it was assumed to succeed."))
        return HttpResponse(200, {"Content-Type": "application/json"}, "{}", {}, 0, assumed=True)


class _Calls:
    """Every call may be made at once, since none is made."""

    assumed = True

    def __init__(self, record: RecordingServices) -> None:
        self._record = record

    def turn(self, integration_id: str, calls_per_minute: int, ticket: str) -> float:  # noqa: ARG002
        return 0.0

    def keep(self, ticket: str, progress: object) -> bool:  # noqa: ARG002
        """No attempt follows."""
        return False

    def kept(self, ticket: str) -> None:
        """Nothing."""

    def note(self, operation: str, **what: object) -> None:
        self._record.note("call", operation=operation, **what)
        self._record.assume(say("the call was not made; its sample result was used."))


def _shown_body(how: Json) -> object:
    """What would be sent: of files their names, nothing of what streams."""
    body, files = how.get("body"), cast(Mapping[str, FilePart | Sequence[FilePart]], how.get("files") or {})
    named = {
        key: [part.filename for part in ([parts] if isinstance(parts, FilePart) else parts)]
        for key, parts in files.items()
    }
    if how.get("json") is not None:
        return how["json"]
    if named or how.get("form"):
        return {**cast(Json, how.get("form") or {}), **named}
    return body.decode(errors="replace") if isinstance(body, bytes) else None


def _no_connection(host: str, port: int, *_timeout: float) -> NoReturn:
    """A simulation has nothing to answer with what a database or a mailbox would say."""
    raise StepError(
        say(
            "A simulation opens no connection to %(host)s, port %(port)s. Give this step a result of your own.",
            host=host,
            port=str(port),
        ),
        permanent=True,
    )


class _Mail:
    def __init__(self, record: RecordingServices) -> None:
        self._record = record

    def send(self, email: Email, *, integration: str | None = None, timeout: float = 30.0) -> SentMail:  # noqa: ARG002
        compose(email, "flowapp@localhost")  # what no server would be given fails here, too
        self._record.note(
            "email",
            to=list(email.to),
            cc=list(email.cc),
            bcc=list(email.bcc),
            subject=email.subject,
            text=email.text,
            html=email.html,
            **({"attachments": [file.filename for file in email.attachments]} if email.attachments else {}),
            integration=integration,
        )
        return SentMail(email.message_id, caught=integration is None and self._record.catches)


class _Tables:
    """Reads are real; what would be saved is tried and taken back, so that it fails as it would, and is recorded."""

    def __init__(self, record: RecordingServices, real: StepTables) -> None:
        self._record, self._real = record, real

    def save(
        self, table: str, rows: Sequence[Mapping[str, object]], *, mode: str = "insert", match: Sequence[str] = ()
    ) -> Saved:
        saved = self._real.try_to_save(table, rows, mode=mode, match=match)
        self._record.note("save", table=table, mode=mode, match=list(match), rows=[dict(row) for row in rows])
        self._record.assume(say("nothing was saved; steps that read or save later do not find it."))
        return saved

    def query(self, sql: str, params: Mapping[str, object], *, limit: int = 1000) -> Found:
        return self._real.query(sql, params, limit=limit)

    def select(self, table: str, **how: Any) -> Found:
        return self._real.select(table, **how)


class _Crm:
    """Reads are real; what would change records is tried and taken back, so that it fails as it would, and is recorded."""

    def __init__(self, record: RecordingServices, real: StepCrm) -> None:
        self._record, self._real = record, real
        self.subject, self.find, self.member = real.subject, real.find, real.member

    def _note(self, operation: str, **what: object) -> None:
        self._record.note("record", operation=operation, **what)
        self._record.assume(say("no record was changed; steps that read or change records later do not find it."))

    def create(self, noun: str, data: Mapping[str, object]) -> KeptRecord:
        kept = self._real.create(noun, data)
        self._note("create", object=noun, data=dict(data))
        return kept

    def save_contact(self, data: Mapping[str, object]) -> KeptRecord:
        kept = self._real.save_contact(data)
        self._note("create" if kept.created else "update", object="contact", data=dict(data))
        return kept

    def update(self, noun: str, reference: str, data: Mapping[str, object]) -> KeptRecord:
        kept = self._real.update(noun, reference, data)
        self._note("update", object=noun, reference=reference, data=dict(data))
        return kept

    def add_score(self, reference: str, points: int) -> KeptRecord:
        kept = self._real.add_score(reference, points)
        self._note("score", object="contact", reference=reference, points=points)
        return kept

    def tag(self, noun: str, reference: str, names: Sequence[str], *, remove: bool = False) -> Names:
        changed = self._real.tag(noun, reference, names, remove=remove)
        self._note("remove_tags" if remove else "add_tags", object=noun, reference=reference, tags=[*names])
        return changed

    def list(self, name: str, reference: str, *, remove: bool = False) -> bool:
        changed = self._real.list(name, reference, remove=remove)
        self._note("remove_from" if remove else "add_to", object="contact", reference=reference, list=name)
        return changed


class _Workflows:
    def __init__(self, other: Callable[[str, object, bool], str]) -> None:
        self._other = other

    def start(self, workflow: str, input_data: object, *, wait: bool) -> str:
        return self._other(workflow, input_data, wait)


class _People:
    def __init__(self, record: RecordingServices, real: Members) -> None:
        self._record, self._asked = record, real.asked

    def notify(
        self, role: str, title: str, body: str, link: str, *, members: Sequence[str] = (), emails: Sequence[str] = (),
        level: str = "info", by_email: bool = False,
    ) -> int:  # fmt: skip
        self._record.note(
            "notification", role=role, members=list(members), title=title, body=body, link=link, emails=list(emails),
            level=level, by_email=by_email,
        )  # fmt: skip
        return max(1, len(members) + len(emails))

    def ask_approval(self, question: Question, *, by_email: bool) -> Asked:
        asked, missing = self._asked(question)
        self._record.note(
            "approval", role=question.role, members=list(question.members), title=question.title, body=question.message,
            by_email=by_email,
        )  # fmt: skip
        return Asked(len(asked), missing=missing)
