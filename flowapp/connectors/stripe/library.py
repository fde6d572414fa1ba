"""Stripe's own library, whose calls go out as all others do: behind the egress guard, counted and masked."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cache
from typing import TYPE_CHECKING

from flowapp import exact_json
from flowapp.catalog import StepContext
from flowapp.connectors.runner import Service
from flowapp.connectors.runner.sending import Request
from flowapp.errors import StepError
from flowapp.exact_json import Json
from flowapp.texts import say

if TYPE_CHECKING:
    import stripe


class Calls:
    """The calls of one attempt. Each that changes something has the key of the visit, so that Stripe does it once."""

    def __init__(self, ctx: StepContext, service: Service) -> None:
        self._key, self._made = ctx.idempotency_key, 0
        self._client = _client(service)

    def post(self, path: str, params: Mapping[str, object]) -> Json:
        """The object that Stripe made. StepError with its reason where it refuses."""
        self._made += 1
        key = self._key if self._made == 1 else f"{self._key}-{self._made}"
        made = _data(self._client.raw_request("post", path, **_given(params), idempotency_key=key))
        if "id" not in made:
            raise odd_answer()
        return made

    def get(self, path: str, params: Mapping[str, object] | None = None) -> Json:
        """The same of what only reads."""
        return _data(self._client.raw_request("get", path, **_given(params or {})))


def _given(params: Mapping[str, object]) -> Json:
    return {name: value for name, value in params.items() if value not in (None, "", {})}


def odd_answer() -> StepError:
    """Something in between answered. Trying again is safe: a change is known by its key."""
    return StepError(say("The answer did not come from Stripe. Trying again may help."))


def _data(answer: stripe.StripeResponse) -> Json:
    data: Json = exact_json.loads(answer.body)
    return data


def _client(service: Service) -> stripe.StripeClient:
    import stripe

    key = service.handle.credentials["api_key"]
    return stripe.StripeClient(key, http_client=_client_class()(service), max_network_retries=0)


@cache
def _client_class() -> Callable[[Service], stripe.HTTPClient]:
    """The library takes 30 MB: it is loaded by the first step that uses it."""
    import stripe

    stripe.enable_telemetry = False

    class Client(stripe.HTTPClient):
        """One attempt's calls. An answer that is an error is a StepError already, by the manifest's rules."""

        name = "flowapp"

        def __init__(self, service: Service) -> None:
            super().__init__()
            self._service = service

        def request(
            self, method: str, url: str, headers: Mapping[str, str] | None, post_data: object = None, **_: object
        ) -> tuple[str, int, Mapping[str, str]]:
            body = post_data.encode() if isinstance(post_data, str) else None
            sent = Request(method.upper(), url, dict(headers or {}), body=body)
            answer = self._service.send(sent, say("Stripe"), signed=False)
            if not isinstance(answer.json, dict):
                raise odd_answer()
            text = exact_json.dumps(answer.json).decode()  # whole: `answer.text` is cut at 1 MiB
            return text, answer.status, {name: str(value) for name, value in answer.headers.items()}

        def close(self) -> None:
            """There is nothing to close."""

    return Client
