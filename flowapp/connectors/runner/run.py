"""Runs the actions of manifests: one function for all of them."""

from __future__ import annotations

import hashlib
import json
import re
from dataclasses import asdict, dataclass
from typing import Protocol, cast

from flowapp.catalog import (
    Done,
    Http,
    HttpResponse,
    IntegrationHandle,
    Outcome,
    Params,
    PollContext,
    Polled,
    StepContext,
)
from flowapp.catalog.manifests import (
    Action,
    ActionField,
    Call,
    ConnectorParams,
    Manifest,
    ManifestTrigger,
    Paging,
    result_of,
)
from flowapp.catalog.resources import Offered, OptionsContext
from flowapp.connectors.runner.answers import at, entries_of, named_results, names_in, reads_json, told, unread
from flowapp.connectors.runner.custom import custom_call
from flowapp.connectors.runner.filling import Values, filled_address
from flowapp.connectors.runner.options import options
from flowapp.connectors.runner.paging import Listing, tell_of_more
from flowapp.connectors.runner.paging import Values as Sent
from flowapp.connectors.runner.polling import poll
from flowapp.connectors.runner.sending import Request
from flowapp.connectors.runner.service import Service, uncertain
from flowapp.connectors.runner.signing import function_of
from flowapp.errors import StepError
from flowapp.security.addresses import origin_of
from flowapp.texts import say

_TIMES = re.compile(r"T\d\d:\d\d[\d:.]*")  # of day: {{ now }} is another one in each attempt, and means the same list


class _TestContext(Protocol):
    """What the test of an integration is given; `access_token` where it may sign in by OAuth2, `name` where it has one."""

    http: Http


class ManifestRunner:
    """Implements `catalog.manifests.Runner`."""

    def run(self, manifest: Manifest, action: Action, ctx: StepContext, params: ConnectorParams) -> Outcome:
        """One attempt of an action."""
        service = opened(manifest, ctx, params, waits=not action.paging)
        values = {**params.model_dump(by_alias=True), "idempotency_key": ctx.idempotency_key}
        del values["integration"]
        try:
            return Done(_Attempt(action, ctx, service, values).result())
        except StepError as error:
            raise uncertain(error, action.effect) from error
        except UnicodeEncodeError:
            raise StepError(
                say("A value of this step cannot be sent: it holds half a character. Correct the text."), permanent=True
            ) from None

    def poll(
        self, manifest: Manifest, trigger: ManifestTrigger, ctx: PollContext, params: ConnectorParams, cursor: object
    ) -> Polled:
        """Asks for what is new."""
        return poll(opened(manifest, ctx, params), trigger, ctx, params, cursor)

    def test(self, manifest: Manifest, config: Params, credentials: Params, context: object) -> str:
        """Asks the service for a sign of life."""
        test_context = cast(_TestContext, context)
        name = getattr(test_context, "name", manifest.label)
        handle = IntegrationHandle("", name, manifest.type, config.model_dump(), credentials.model_dump())
        service = Service(manifest, handle, test_context.http, access_token=getattr(test_context, "access_token", None))
        if manifest.test.function:
            return str(function_of(manifest, manifest.test.function)(service, context))
        call = manifest.test.call
        answer = service.call(call, say("Test"), {}) if call else None
        body = answer.json if answer else None
        if not manifest.test.message:
            return say("%(service)s answers, and the credentials are accepted.", service=manifest.label)
        names = {name: told(at(body, name)) for name in names_in(manifest.test.message)}
        return say(manifest.test.message, **names)

    def options(
        self, manifest: Manifest, field: ActionField, ctx: OptionsContext, handle: IntegrationHandle, values: Values
    ) -> Offered:
        """The choices of a field."""
        how = {"timeout": ctx.timeout, "used": ctx.integration_used, "access_token": ctx.access_token}
        return options(Service(manifest, handle, ctx.http, **how), field, values)  # type: ignore[arg-type]

    def destination(self, manifest: Manifest, config: Params) -> str:
        """The origin of the base address; of what is no HTTP, what the manifest says."""
        values = config.model_dump()
        if manifest.destination:
            return filled_address(manifest.destination, values)
        return origin_of(filled_address(manifest.base_url, values))


def opened(
    manifest: Manifest, ctx: StepContext | PollContext, params: ConnectorParams, *, waits: bool = True
) -> Service:
    """The service of the integration that is named; where it `waits`, when its turn has come. StepError."""
    handle = ctx.integration(params.integration)
    if handle.integration_type != manifest.type:
        raise StepError(
            say("The integration “%(name)s” is not %(service)s.", name=handle.name, service=manifest.label),
            permanent=True,
        )
    if manifest.base_url and waits:
        wait_for_turn(ctx, handle, manifest.label)
    return Service(manifest, handle, ctx.http, ctx.timeout, ctx.now, ctx.integration_used, ctx.access_token)


def wait_for_turn(ctx: StepContext | PollContext, handle: IntegrationHandle, label: str, page: int = 0) -> None:
    """StepError (busy) where the integration was called as often as it may be: the step runs again when its turn comes.

    Each page of a list has a turn of its own.
    """
    most = handle.config["calls_per_minute"]
    if not most:
        return
    ticket = f"{ctx.idempotency_key}:{page}" if page else ctx.idempotency_key
    seconds = ctx.calls.turn(handle.id, int(most), ticket)
    if seconds > 0:
        message = say(
            "%(service)s may be called %(most)s times a minute through “%(name)s”: this call waits for its turn.",
            service=label, most=int(most), name=handle.name,
        )  # fmt: skip
        raise StepError(message, details={"busy": True, "retry_after": seconds})


@dataclass(slots=True)
class _Attempt:
    action: Action
    ctx: StepContext
    service: Service
    values: Values

    def result(self) -> dict[str, object]:
        if self.action.function:
            return self._python()
        if self.action.paging:
            return self._list()
        answer = self._call({}, "")
        return self._sample() if answer.assumed else named_results(self.service.manifest.label, self.action, answer)

    def _sample(self) -> dict[str, object]:
        return {name: sample for name, (_label, sample) in result_of(self.action).items()}

    def _call(self, more: Sent, link: str) -> HttpResponse:
        call = self.action.call
        assert call is not None  # noqa: S101 - the manifest has one where it has no function
        answer = self.service.send(Request("GET", link), self.action.label) if link else self._first_call(call, more)
        if answer.json is None and answer.status != 204 and not answer.assumed and reads_json(self.action):
            raise unread(self.service.manifest.label, self.action.label)
        return answer

    def _first_call(self, call: Call, more: Sent) -> HttpResponse:
        header = self.action.idempotency if self.action.idempotency is not None else self.service.manifest.idempotency
        if header and self.action.effect != "pure":
            call = call.model_copy(update={"headers": {header: "{idempotency_key}", **call.headers}})
            self.service.keyed = True
        return self.service.call(call, self.action.label, self.values, action=self.action, more=more)

    def _list(self) -> dict[str, object]:
        paging = self.action.paging
        assert paging is not None  # noqa: S101 - asked before
        limit = self.values["limit"]
        if self.ctx.calls.assumed:
            self._call({}, "")
            return self._sample()
        found = self._listing(paging, limit if isinstance(limit, int) else paging.maximum)
        if found.more:
            tell_of_more(self.ctx, len(found.entries))
        return {self.action.result[0].name: found.entries, "count": len(found.entries), "more": found.more}

    def _listing(self, paging: Paging, limit: int) -> Listing:
        """All pages. Those of an attempt that has to wait are kept for the next one, which goes on at the page it did not get."""
        key, calls, label = self.ctx.idempotency_key, self.ctx.calls, self.service.manifest.label
        kept = calls.kept(key) if self.ctx.attempt > 1 else None
        listing = Listing.begun(paging, limit, kept, self._asked())
        before = len(kept.get("seen", ())) if isinstance(kept, dict) else 0

        def fetch(more: Sent, link: str) -> tuple[HttpResponse, list[object]]:
            if self.service.manifest.base_url:
                wait_for_turn(self.ctx, self.service.handle, label, len(listing.seen))
            answer = self._call(more, link)
            return answer, entries_of(label, self.action, answer)

        try:
            listing.fetch_all(paging, fetch, self.service.base, limit, self.ctx.timeout)
        except StepError as error:
            if len(listing.seen) > before and not error.permanent:
                error.details["advanced"] = calls.keep(key, asdict(listing))
            elif error.permanent and kept:
                calls.keep(key, None)  # a cursor that ended, say: who tries again begins anew
            raise
        if kept:
            calls.keep(key, None)
        return listing

    def _asked(self) -> str:
        """What tells one list from another: pages that came through another integration, or of other values, are of no use."""
        handle = self.service.handle
        asked = json.dumps([self.action.name, handle.id, handle.config, self.values], default=str)
        return hashlib.sha256(_TIMES.sub("", asked).encode()).hexdigest()

    def _python(self) -> dict[str, object]:
        name = self.action.function
        if self.ctx.calls.assumed and name != "custom_call":
            self.ctx.calls.note(self.action.name, service=self.service.manifest.type, **self.values)
            return self._sample()
        if name == "custom_call":
            return custom_call(self.service, self.values)
        function = function_of(self.service.manifest, name)
        return cast(dict[str, object], function(self.ctx, self.service, self.values))
