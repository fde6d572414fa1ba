"""A service as an integration reaches it: calls are signed in, and answers that are errors raised.

Functions of a connector's folder get one too, for what a manifest cannot say.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from datetime import UTC, datetime

from flowapp.catalog import Http, HttpResponse, IntegrationHandle
from flowapp.catalog.context import AccessTokens
from flowapp.catalog.manifests import Action, Call, Manifest, ManifestTrigger, placeholders
from flowapp.connectors.runner.answers import check
from flowapp.connectors.runner.filling import Values, filled_address
from flowapp.connectors.runner.sending import Request, joined, request_of, sent_names
from flowapp.connectors.runner.signing import sign, values_of
from flowapp.errors import StepError
from flowapp.security.addresses import origin_of
from flowapp.texts import say

_UNAUTHORIZED = 401
_READS = frozenset({"GET", "HEAD"})


def _now() -> datetime:
    return datetime.now(UTC)


@dataclass(slots=True)
class Service:
    """One integration's service, for one attempt. `timeout`: seconds that one call may take."""

    manifest: Manifest
    handle: IntegrationHandle
    http: Http
    timeout: float = 30.0
    now: Callable[[], datetime] = _now
    used: Callable[[str], AbstractContextManager[object]] = nullcontext  # counts a call (ctx.integration_used)

    access_token: AccessTokens | None = None  # of OAuth2 (ctx.access_token)
    changes: bool = False  # whether a call was sent that may have changed something
    keyed: bool = False  # whether calls carry a key by which the service knows one that it has done already

    @property
    def base(self) -> str:
        """The base address of this integration. StepError where a part of it was not entered."""
        return self._address(self.manifest.base_url)

    def _address(self, template: str) -> str:
        values, labels = values_of(self.handle), self.manifest.setting_labels
        for name in placeholders(template):
            if not values.get(name):
                message = say("“%(name)s” has no “%(field)s”. Open the integration and enter it.",
                              name=self.handle.name, field=labels.get(name, name))  # fmt: skip
                raise StepError(message, permanent=True)
        address = filled_address(template, values)
        if not origin_of(address):
            message = say("The address of “%(name)s” is no web address. Open the integration and correct it.",
                          name=self.handle.name)  # fmt: skip
            raise StepError(message, permanent=True)
        return address

    def call(self, call: Call, name: str, values: Values, *, action: Action | ManifestTrigger | None = None, more: Values | None = None) -> HttpResponse:  # fmt: skip
        """Makes a call of the manifest. `name`: what is done, for errors; `more`: further values to send."""
        known = {**values_of(self.handle), **values}
        base = self._address(call.url) if call.url else self.base
        request = request_of(call, base, known, sent_names(action) if action else {}, more)
        self.changes = True  # whatever its method: the action has its effect by it
        own = not call.url or origin_of(base) in map(origin_of, self.manifest.origins)
        return self.send(request, name, signed=call.signed and own)

    def request(
        self, method: str, path: str, name: str, *, json: object = None, headers: Mapping[str, str] | None = None
    ) -> HttpResponse:
        """Makes a call of a path under the base address. StepError where the answer is an error."""
        return self.send(Request(method, joined(self.base, path), dict(headers or {}), json=json), name)

    def send(self, request: Request, name: str, *, signed: bool = True, checked: bool = True) -> HttpResponse:
        """Sends a request. StepError where the answer is an error, unless that is not `checked`."""
        token = ""

        def access_token() -> str:
            nonlocal token
            token = self._token(refused=token)
            return token

        if signed:
            sign(self.manifest, self.handle, request, self.base, access_token)
        try:
            return self._sent(request, name, checked=checked)
        except StepError as error:
            if not token or error.details.get("status") != _UNAUTHORIZED:
                raise
        sign(self.manifest, self.handle, request, self.base, access_token)  # the token ended before its time
        return self._sent(request, name, checked=checked)

    def _token(self, refused: str) -> str:
        if self.access_token is None:
            raise StepError(say("“%(name)s” cannot sign in here.", name=self.handle.name), permanent=True)
        return self.access_token(self.handle, refused)

    def _sent(self, request: Request, name: str, *, checked: bool) -> HttpResponse:
        self.changes = self.changes or request.method not in _READS
        try:
            return self._answer(request, name, checked=checked)
        except StepError as error:
            answered = "status" in error.details
            if not self.changes or (self.keyed and answered):
                error.details.pop("sent", None)  # it can be sent again
            raise

    def _answer(self, request: Request, name: str, *, checked: bool) -> HttpResponse:
        with self.used(self.handle.id):
            answer = self.http.request(
                request.method,
                request.url,
                headers=request.headers,
                json=request.json,
                form=request.form,
                files=request.parts,
                body=request.body,
                auth=request.basic,
                timeout=self.timeout,
            )
            if checked and not answer.assumed:
                check(self.manifest, name, answer, self.now())
        return answer


def uncertain(error: StepError, effect: str) -> StepError:
    """The same error; where nobody knows whether the service did what must happen once, it says so."""
    if effect == "once" and error.details.get("sent"):
        error.details["uncertain"] = True
    return error
