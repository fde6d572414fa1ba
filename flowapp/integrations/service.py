"""Integrations: configured connections to services. Their credentials are encrypted as one JSON and never shown again."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import datetime
from traceback import format_exception
from types import SimpleNamespace
from typing import Literal, TypedDict

from pydantic import ValidationError
from sqlalchemy import inspect, select
from sqlalchemy.orm import Session

from flowapp import events
from flowapp.catalog import CONNECTORS, ConnectorSpec, Http, Params, stored_value, ui_of
from flowapp.catalog.fields import ENTERED
from flowapp.engine.language.validation_messages import plain_problems
from flowapp.engine.store import polls
from flowapp.errors import FlowError, InvalidError, NotFoundError, Problem
from flowapp.events import Cause
from flowapp.exact_json import Json
from flowapp.integrations import credentials as stored
from flowapp.logs import get_logger
from flowapp.models import Integration, read_id, utcnow
from flowapp.security.credentials import Vault
from flowapp.security.opened import Opened, collecting
from flowapp.texts import join, say

log = get_logger(__name__)
_WRITE_AGAIN = say("The address has changed. Enter this again to confirm that it may be sent there.")


class Answer(TypedDict):
    """What came of asking a service for a sign of life."""

    success: bool
    message: str


def get(session: Session, integration_id: str) -> Integration:
    """NotFoundError for an unknown id, or another organization's."""
    known = read_id(integration_id)
    row = session.get(Integration, known) if known else None
    if row is None:
        raise NotFoundError(say("There is no such integration."))
    return row


def find(session: Session, reference: str) -> Integration | None:
    """The first active integration with this id, name, type or provider, in this order."""
    return _first(_active(session), reference)


def called(session: Session, row: Integration) -> set[str]:
    """What steps that use this integration call it by; empty: those that send e-mail and name none.

    A type or a provider means the first integration of it, or any of it where none is switched on.
    """
    active, words = _active(session), filter(None, (row.id, row.name, row.integration_type, row.provider))
    by_default = {""} if mail_server(session) is row else set()
    return {word for word in words if _first(active, word) in (row, None)} | by_default


def _active(session: Session) -> Sequence[Integration]:
    return session.scalars(select(Integration).where(Integration.is_active.is_(True)).order_by(Integration.id)).all()


def _first(rows: Sequence[Integration], reference: str) -> Integration | None:
    for column in ("id", "name", "integration_type", "provider"):
        for row in rows:
            if str(getattr(row, column)).lower() == reference.lower():
                return row
    return None


def mail_server(session: Session) -> Integration | None:
    """The mail server that the organization connected: the first active one."""
    active = select(Integration).where(Integration.is_active.is_(True), Integration.integration_type == "email")
    return session.scalars(active.order_by(Integration.id).limit(1)).first()


def connector(integration_type: str) -> ConnectorSpec:
    """The code behind a type. NotFoundError names the known types."""
    try:
        return CONNECTORS[integration_type]
    except KeyError:
        known = ", ".join(sorted(CONNECTORS))
        message = say(
            "There is no integration type “%(type)s”. Available: %(known)s.", type=integration_type, known=known
        )
        raise NotFoundError(message) from None


def free_name(session: Session, name: str) -> str:
    """The name, with a number after it where it is taken."""
    taken = set(session.scalars(select(Integration.name).where(Integration.name.startswith(name, autoescape=True))))
    numbered = (f"{name} {number}" for number in range(2, len(taken) + 3))
    return name if name not in taken else next(other for other in numbered if other not in taken)


def known_type(integration_type: str) -> str:
    """The type as it is stored. InvalidError at integration_type names the known ones."""
    try:
        return connector(integration_type.strip().lower()).type
    except NotFoundError as error:
        raise InvalidError.at("integration_type", error.message) from None


def check(model: type[Params], values: Mapping[str, object], before: object = None) -> list[Problem]:
    """What is wrong with a config or with credentials; paths are the fields' names. What stood there `before` may stay."""
    try:
        model.model_validate(values, context=None if values == before else ENTERED)
    except ValidationError as error:
        return plain_problems(error, dict(values), model)
    return []


def save(
    session: Session,
    vault: Vault,
    row: Integration,
    *,
    name: str,
    config: Json,
    credentials: Json,
    cause: Cause,
    kept: Collection[str] = (),
    is_active: bool = True,
    credential_type: str = "",
    expires_at: datetime | Literal["kept"] | None = "kept",
) -> Integration:
    """Stores an integration, new or changed, forgets its last test, and states the change as an event.

    `kept` names the credentials that nobody typed: they were stored, and stay only while they go where they went.
    `credential_type`: one of models.CREDENTIAL_TYPES, by default what the connector says; `expires_at`: when they expire,
    None: nobody knows. InvalidError with paths name, config.… and credentials.….
    """
    credential_type = stored.checked_type(credential_type) if credential_type else ""
    event = "updated" if inspect(row).has_identity else "created"
    spec = connector(row.integration_type)
    problems = _name_problems(session, row, name) + _part_problems("config", spec.config, config, row.config)
    of_config = "" if problems else spec.credential_type(spec.config.model_validate(config))
    credentials = stored.trimmed(credentials, kept, of_config)
    problems += _part_problems("credentials", spec.credentials, credentials)
    if not problems and (missing := spec.lacks(*spec.read(config, credentials))):
        problems = [_lacking(spec, missing)]
    if not problems and inspect(row).has_identity and _goes_elsewhere(spec, row.config, config):
        problems = [Problem(f"credentials.{name}", _WRITE_AGAIN) for name in kept if credentials.get(name)]
    if problems:
        raise InvalidError(problems)
    if row.config != config:
        row.changed_at = utcnow()
    row.name, row.config, row.is_active = name.strip(), config, is_active
    row.provider = _provider(spec, config)
    row.credential_type = credential_type or of_config
    if expires_at != "kept":
        row.credentials_expire_at = expires_at
    if not stored.holds(vault, row, credentials):
        if row.reconnect_reason:
            polls.ask_again(session, utcnow())
        row.connected_by, row.oauth_tokens, row.reconnect_reason = cause.actor_id, None, ""
        row.changed_at = utcnow()
        stored.write(session, vault, row, credentials)
    row.last_test_ok, row.last_tested_at, row.last_test_message = None, None, ""
    session.add(row)
    session.flush()
    tell(session, row, event, cause)
    return row


def _part_problems(part: str, model: type[Params], values: Json, before: object = None) -> list[Problem]:
    return [Problem(f"{part}.{p.path}".rstrip("."), p.message) for p in check(model, values, before)]


def _lacking(spec: ConnectorSpec, missing: Sequence[str]) -> Problem:
    labels = [say(ui_of(spec.credentials, name)["label"]) for name in missing]
    needed = say("Enter at least one of these: %(names)s.", names=join(", ", labels))
    return Problem(f"credentials.{missing[0]}", needed if missing[1:] else say("Enter this."))


def _provider(spec: ConnectorSpec, config: Json) -> str:
    """By which steps also find it: what its config says, in a field of that name or with the name of one; else the first."""
    if "provider" in spec.config.model_fields and (named := str(stored_value(spec.config, config, "provider"))):
        return named
    chosen = [value for value in config.values() if isinstance(value, str) and value in spec.providers]
    return next(iter([*chosen, *spec.providers]), "")


def _goes_elsewhere(spec: ConnectorSpec, before: Json, after: Json) -> bool:
    try:
        was = _destination(spec, before)
    except ValidationError:  # of an older release: nobody knows
        return True
    return bool(was != _destination(spec, after))


def _destination(spec: ConnectorSpec, config: Json) -> tuple[object, str]:
    """Where the credentials go: to the service, and by OAuth2 to its token endpoint."""
    read = spec.config.model_validate(config)
    oauth2 = spec.oauth2(read)
    return spec.destination(read), oauth2.token_url if oauth2 else ""


def tell(session: Session, row: Integration, event: str, cause: Cause) -> None:
    """Records `automation.integration.<event>`: created, updated or deleted. What it says holds no secret."""
    payload = {"integration_id": row.id, "name": row.name, "integration_type": row.integration_type}
    about = ("integration", row.id)
    events.record(session, f"automation.integration.{event}", entity=about, payload=payload, cause=cause)


def _name_problems(session: Session, row: Integration, name: str) -> list[Problem]:
    name = name.strip()
    if not 0 < len(name) <= 200 or "\0" in name:
        return [Problem("name", say("Enter a name of at most 200 characters."))]
    if not name.isprintable():
        return [Problem("name", say("Enter a single line of text."))]
    with session.no_autoflush:
        other = session.scalar(select(Integration.id).filter_by(name=name))
    return [Problem("name", say("Another integration already has this name."))] if other not in (None, row.id) else []


def opened(vault: Vault, row: Integration) -> Json:
    """The credentials in clear; the row's session is open. ConfigError when no key of this installation opens them."""
    return stored.read(vault, row)


def _crashed(row: Integration, error: Exception, secrets: Opened) -> str:
    trace = "".join(format_exception(error))
    log.error("test failed unexpectedly", integration_type=row.integration_type, exception=secrets.mask(trace))
    return say("The test failed unexpectedly (%(name)s).", name=type(error).__name__)


def try_out(vault: Vault, row: Integration, http: Http, token: Callable[[str, str], str] | None = None) -> Answer:
    """Asks the service for a sign of life; the row remembers the answer. `token` gives one of OAuth2: id, refused one."""

    def access_token(_handle: object, refused: str = "") -> str:
        return token(row.id, refused) if token else ""

    secrets = Opened()
    try:
        with collecting(secrets):
            spec = connector(row.integration_type)
            config, credentials = spec.read(row.config, opened(vault, row))
            context = SimpleNamespace(http=http, access_token=access_token, name=row.name)
            message = spec.test(config, credentials, context)
        success = True
    except FlowError as error:
        message, success = error.message, False
    except Exception as error:  # noqa: BLE001 - of a connector; it is logged, without what was opened
        message, success = _crashed(row, error, secrets), False
    message = secrets.mask(message)  # a secret may stand in the address, or come back with an answer
    row.last_test_ok = success
    row.last_test_message, row.last_tested_at = message[:1000], utcnow()
    return {"success": success, "message": message if len(message) <= 1000 else row.last_test_message}
