"""Signs a request in as an integration. The secret goes to the integration's own origin only."""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module

from flowapp.catalog import IntegrationHandle
from flowapp.catalog.manifests import Auth, Manifest
from flowapp.connectors.runner.filling import Values, filled_address
from flowapp.connectors.runner.sending import Request
from flowapp.errors import StepError
from flowapp.security.addresses import origin_of
from flowapp.texts import say

Function = Callable[..., object]
AccessToken = Callable[[], str]


def sign(manifest: Manifest, handle: IntegrationHandle, request: Request, base: str, access_token: AccessToken) -> None:
    """Adds what the service wants to know its caller by. StepError where a secret is missing, or would go elsewhere.

    `access_token` gives one where it signs in by OAuth2.
    """
    auth = manifest.auth_of(handle.config)
    if auth.kind == "none":
        return
    origins = {origin_of(base), *map(origin_of, manifest.origins)}
    if not origin_of(request.url) or origin_of(request.url) not in origins:
        raise StepError(
            say("“%(name)s” may be used at %(base)s only. Use a URL under it.", name=handle.name, base=origin_of(base)),
            permanent=True,
        )
    if auth.kind == "oauth2":
        request.headers["Authorization"] = f"Bearer {access_token()}"
        return
    _SIGNERS[auth.kind](auth, request, _Secrets(manifest, handle), manifest, handle)


def values_of(handle: IntegrationHandle) -> dict[str, object]:
    """Config and credentials, as calls may name them."""
    return {**handle.config, **handle.credentials}


class _Secrets:
    """Fills texts with config and credentials; where the result is empty, a secret or a setting is missing."""

    def __init__(self, manifest: Manifest, handle: IntegrationHandle) -> None:
        self._values: Values = values_of(handle)
        self._name = handle.name
        self._settings = {field.name: field.label for field in manifest.config}

    def __call__(self, template: str) -> str:
        text = filled_address(template, self._values)
        if not text:
            raise StepError(self._missing(template), permanent=True)
        return text

    def _missing(self, template: str) -> str:
        setting = next((label for name, label in self._settings.items() if f"{{{name}}}" in template), "")
        if setting:
            return say(
                "“%(field)s” of “%(name)s” is empty. Open the integration and fill it in.",
                field=say(setting), name=self._name,
            )  # fmt: skip
        return say("“%(name)s” has no secret. Open the integration and save one.", name=self._name)


def _bearer(auth: Auth, request: Request, secret: _Secrets, *_rest: object) -> None:
    request.headers["Authorization"] = f"Bearer {secret(auth.token)}"


def _basic(auth: Auth, request: Request, secret: _Secrets, *_rest: object) -> None:
    request.basic = (secret(auth.user), secret(auth.password))


def _header(auth: Auth, request: Request, secret: _Secrets, *_rest: object) -> None:
    request.headers[secret(auth.name)] = secret(auth.value)


def _query(auth: Auth, request: Request, secret: _Secrets, *_rest: object) -> None:
    request.add_query({secret(auth.name): secret(auth.value)})


def _python(auth: Auth, request: Request, _secret: _Secrets, manifest: Manifest, handle: IntegrationHandle) -> None:
    function_of(manifest, auth.function)(request, handle)


_SIGNERS: dict[str, Callable[..., None]] = {
    "bearer": _bearer, "basic": _basic, "header": _header, "query": _query, "python": _python,
}  # fmt: skip


def function_of(manifest: Manifest, name: str) -> Function:
    """A function of the connector's folder, `file.function`."""
    module, _, function = name.rpartition(".")
    found: Function = getattr(import_module(f"{FOLDERS[manifest.type]}.{module}"), function)
    return found


FOLDERS: dict[str, str] = {}  # the package of each connector's folder, by type
