"""Asks the services of polling triggers what is new, in a worker, and starts what they found."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from functools import cache

from pydantic import ValidationError
from sqlalchemy.exc import InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as NoConnectionError

from flowapp.catalog import Item, Params, PollContext
from flowapp.catalog.polling import DEFAULT_MINUTES, interval_of, takes_existing
from flowapp.engine.store import polls
from flowapp.engine.store.polls import Found, Turn
from flowapp.engine.store.polls.items import storable
from flowapp.engine.store.schedules import UNREADABLE
from flowapp.errors import FlowError, InvalidError, StepError
from flowapp.logs import get_logger
from flowapp.models import Integration, Workflow
from flowapp.models.tenancy import tenant_session
from flowapp.notifications import polls as alerts
from flowapp.security.opened import Opened, collecting
from flowapp.tasks.polling.places import Places
from flowapp.tasks.runtime import Runtime, runtime
from flowapp.tasks.services import open_services
from flowapp.tasks.starting import commit_and_start
from flowapp.texts import say

PAGES = 10  # polls in a row while there is more
SOON = timedelta(seconds=2)
TIMEOUT = 30.0  # seconds that one call may take
LEAST_WAIT, MOST_WAIT = timedelta(seconds=10), timedelta(days=1)  # where a service says when to come again
_AWAY = (OperationalError, InterfaceError, NoConnectionError)  # the database: none of the service's doing
log = get_logger(__name__)


def poll(trigger_id: str, organization_id: str) -> None:
    """Polls a trigger, if that is still to be done and nobody else does; while there is more, some times in a row.

    At most half of the process's threads wait for services that are slow: executions need the others.
    """
    current = runtime()
    places = _places(max(1, current.settings.threads // 2))
    for _page in range(PAGES):
        with places.taken(organization_id) as taken:
            if not taken:
                break
            turn = _claim(current, trigger_id, organization_id)
            if turn is None or not _Polling(current, organization_id, turn).run() or current.stopping.is_set():
                return
    _put_off(current, trigger_id, organization_id)


@cache
def _places(count: int) -> Places:
    return Places(count)


def _claim(current: Runtime, trigger_id: str, organization_id: str) -> Turn | None:
    with tenant_session(current.engine, organization_id) as session:
        turn = polls.claim(session, trigger_id, current.clock.now())
        session.commit()
    return turn


def _put_off(current: Runtime, trigger_id: str, organization_id: str) -> None:
    with tenant_session(current.engine, organization_id) as session:
        now = current.clock.now()
        polls.put_off(session, trigger_id, now, now + SOON)
        session.commit()


class _Polling:
    """One poll."""

    def __init__(self, current: Runtime, organization_id: str, turn: Turn) -> None:
        self._current, self._organization_id, self._turn = current, organization_id, turn
        self._interval = timedelta(minutes=DEFAULT_MINUTES)
        self._integration_id = ""
        self._now = current.clock.now

    def run(self) -> bool:
        """Whether there is more."""
        secrets = Opened()
        try:
            with collecting(secrets):
                found, more = self._ask(secrets)
            return self._accept(found, more) and more
        except _AWAY:
            raise
        except FlowError as error:
            self._fail(error, secrets.mask(_reason(error)))
        except Exception as error:
            log.exception("poll failed unexpectedly", trigger_id=self._turn.trigger_id)
            self._fail(StepError(""), say("Something went wrong: %(error)s.", error=type(error).__name__))
        return False

    def _ask(self, secrets: Opened) -> tuple[Found, bool]:
        turn, params = self._turn, self._params()
        services = open_services(self._current, self._organization_id, turn.project_id, "UTC")
        self._interval = interval_of(params)
        if reference := getattr(params, "integration", ""):
            self._integration_id = services.integration(reference).id
            self._refuse_signed_out()
        source = polls.source_of(turn.spec, params, self._integration_id)
        same = source == turn.source
        context = PollContext(
            http=services.http, connect=services.http.connect, addresses=services.http.addresses,
            integration=services.integration, integration_used=services.usage.of, access_token=services.access_token,
            calls=services.calls, now=self._now, timeout=TIMEOUT, idempotency_key=f"poll {turn.trigger_id}",
        )  # fmt: skip
        assert turn.spec.poll is not None  # noqa: S101 - asked when it was claimed
        polled = turn.spec.poll(context, params, turn.cursor if same else None)
        begun = turn.begun and same
        fires = begun or takes_existing(params)
        items = [Item(one.id, secrets.mask(storable(one.data))) for one in polled.items] if fires else []
        return Found(items, source, storable(polled.cursor), begun or not polled.more), polled.more

    def _params(self) -> Params:
        try:
            return self._turn.spec.params.model_validate(self._current.vault.open(self._turn.config))
        except ValidationError:
            raise StepError(UNREADABLE, permanent=True) from None

    def _accept(self, found: Found, more: bool) -> bool:
        """Starts what was found; whether it was still to be done."""
        *before, last = polls.parts_of(found.items)
        for part in before:
            with tenant_session(self._current.engine, self._organization_id) as session:
                some = Found(part, found.source, found.cursor, found.begun)
                started = polls.start_some(session, self._turn, some, self._now())
                if started is None:
                    return self._give_back()
                commit_and_start(session, *started)
        with tenant_session(self._current.engine, self._organization_id) as session:
            now = self._now()
            rest = Found(last, found.source, found.cursor, found.begun)
            started = polls.accept(session, self._turn, rest, now, now if more else now + self._interval)
            if started is None:
                return self._give_back()
            commit_and_start(session, *started)
        return True

    def _give_back(self) -> bool:
        """The trigger was changed meanwhile: what was found is found again, as it is now to be looked for."""
        with tenant_session(self._current.engine, self._organization_id) as session:
            polls.give_back(session, self._turn, self._now())
            session.commit()
        return False

    def _fail(self, error: FlowError, message: str) -> None:
        details = error.details if isinstance(error, StepError) else {}
        now = self._now()
        with tenant_session(self._current.engine, self._organization_id) as session:
            signed_out = self._signed_out()
            status = "signed_out" if signed_out else "busy" if details.get("busy") else "failing"
            next_at = now + _wait(details, self._interval, busy=status == "busy")
            refused = status == "busy" and "status" in details  # by the service, not by a limit of ours
            counts = refused or status == "failing"
            row = polls.fail(session, self._turn, status, signed_out or message, now, next_at, counts=counts)
            if row is not None:
                alerts.after_failure(session, session.get_one(Workflow, self._turn.workflow_id), row, now)
            session.commit()

    def _refuse_signed_out(self) -> None:
        if reason := self._signed_out():
            raise StepError(reason, permanent=True)

    def _signed_out(self) -> str:
        """Why somebody has to sign in to the service again; empty where nobody has to."""
        with tenant_session(self._current.engine, self._organization_id) as session:
            row = session.get(Integration, self._integration_id) if self._integration_id else None
            return row.reconnect_reason if row else ""


def _reason(error: FlowError) -> str:
    return error.problems[0].message if isinstance(error, InvalidError) else error.message


def _wait(details: Mapping[str, object], interval: timedelta, *, busy: bool) -> timedelta:
    """How long until the next poll. A service that is only `busy` says how long it wants to be left alone; one that fails may
    ask for more than the trigger's interval."""
    asked = details.get("retry_after")
    if not isinstance(asked, int | float):
        return interval
    wanted = min(max(timedelta(seconds=asked), LEAST_WAIT), MOST_WAIT)
    return wanted if busy else max(wanted, interval)
