"""Calls a web address."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import nullcontext
from typing import Literal

from pydantic import Field, ValidationInfo, field_validator, model_validator

from flowapp import exact_json
from flowapp.catalog import N_, Done, FieldsError, Outcome, Params, StepContext, action, ui
from flowapp.catalog.fields import FormField, Text, has_expression, json_fault, says_json
from flowapp.catalog.http_answers import answered, body_of, refusal
from flowapp.errors import StepError
from flowapp.security.addresses import absolute, credentials_of, origin_of
from flowapp.security.responses import MAX_TEXT
from flowapp.texts import say

BODYLESS = ("GET", "HEAD")
_BODIES = {"method": ["POST", "PUT", "PATCH", "DELETE"]}


class SendWebhookParams(Params):
    """At most one of `json`, `form` and `body`. With an integration, `url` may be a path under its base address."""

    # The check of `url` needs to know it, so it stands first.
    integration: str = Field(
        "",
        json_schema_extra=ui(
            N_("Authentication"),
            N_("Leave empty for none."),
            widget="integration",
            integration_type="webhook",
            advanced=True,
        ),
    )
    url: Text = Field(
        min_length=1, max_length=4000, json_schema_extra=ui(N_("URL"), placeholder="https://example.com/hook")
    )
    method: Literal["GET", "POST", "PUT", "PATCH", "DELETE", "HEAD"] = Field(
        "POST", json_schema_extra=ui(N_("Method"), widget="select")
    )
    json_: object = Field(
        None,
        alias="json",
        json_schema_extra=ui(N_("JSON"), N_("Name and value."), widget="keyvalue", secret_keys=True, show_if=_BODIES),
    )
    form: dict[str, FormField] | None = Field(
        None,
        json_schema_extra=ui(
            N_("Form fields"),
            N_("Sent as a web form."),
            widget="keyvalue",
            secret_keys=True,
            advanced=True,
            show_if=_BODIES,
        ),
    )
    body: Text = Field("", json_schema_extra=ui(N_("Text"), N_("Sent unchanged."), widget="textarea", show_if=_BODIES))
    headers: dict[str, Text] = Field(
        {}, json_schema_extra=ui(N_("Headers"), widget="keyvalue", secret_keys=True, advanced=True)
    )
    timeout: float = Field(
        30, gt=0, le=300, json_schema_extra=ui(N_("Timeout"), N_("Seconds."), widget="number", advanced=True)
    )
    expect: Literal["success", "any"] = Field(
        "success",
        json_schema_extra=ui(
            N_("Responses with status 400 and above"),
            widget="select",
            choices=[("success", N_("Fail the step")), ("any", N_("Are treated as results"))],
            advanced=True,
        ),
    )

    @field_validator("method", mode="before")
    @classmethod
    def _upper(cls, value: object) -> object:
        return value.upper() if isinstance(value, str) else value

    @field_validator("url")
    @classmethod
    def _is_address(cls, value: str, info: ValidationInfo) -> str:
        known = has_expression(value) or info.data.get("integration")
        if not known and not value.lower().startswith(("http://", "https://")):
            raise ValueError(say("The address must start with http:// or https://."))
        return value

    @model_validator(mode="after")
    def _sendable(self) -> SendWebhookParams:
        bodies = [self.json_ not in (None, {}, ""), bool(self.form), bool(self.body)]
        if sum(bodies) > 1:
            raise ValueError(say("Choose one of json, form and body."))
        as_json = {"json": is_json_text(self.json_), "body": bool(self.body) and says_json(self.headers)}
        for name, text in (("json", self.json_), ("body", self.body)):
            if as_json[name] and (fault := json_fault(name, str(text))):
                raise FieldsError(fault, name)
        return self


def is_json_text(value: object) -> bool:
    """Whether a value is an object or a list that was written as text."""
    return isinstance(value, str) and value.strip()[:1] in ("{", "[")


def unready(params: Mapping[str, object]) -> str:
    """A body that would not be sent."""
    method = str(params.get("method") or "POST").upper()
    if method not in BODYLESS or not any(params.get(name) for name in ("json", "form", "body")):
        return ""
    return say("A %(method)s request cannot have a body: choose another method, or remove the body.", method=method)


def destination(params: Mapping[str, object]) -> str:
    """Where the secrets of the step go: to its integration's service, else to the origin of its address."""
    if params.get("integration"):
        return f"integration {params['integration']}"
    url = str(params.get("url") or "")
    return origin_of(url) or url


@action(
    "send_webhook",
    label=N_("Send HTTP request"),
    description=N_(
        "Sends a request to a web service. After a crash it may arrive twice, with the same Idempotency-Key header."
    ),
    group=N_("Send"),
    icon="world-upload",
    synonyms="http https api request rest call fetch get post url webhook requête appel appeler",
    effect="idempotent",
    params=SendWebhookParams,
    destination=destination,
    aliases=("call_webhook", "webhook"),
    result={
        "status": N_("Response status, for example 200"),
        "body": N_("Response body: parsed JSON, text, or for other files base64, content_type and size"),
        "headers": N_("Response headers; a header that was sent several times is a list"),
        "ok": N_("Whether the status is below 400"),
        "duration_ms": N_("Duration in milliseconds"),
    },
    unready=unready,
    sample={"status": 200, "body": {}, "headers": {}, "ok": True, "duration_ms": 120},
)
def send_webhook(ctx: StepContext, params: SendWebhookParams) -> Outcome:
    """Calls; an answer of 400 and above is a StepError, unless any answer is expected."""
    url, headers, basic, used = _target(ctx, params)
    if "idempotency-key" not in map(str.lower, headers):
        headers["Idempotency-Key"] = ctx.idempotency_key
    if params.body and "content-type" not in map(str.lower, headers):
        headers["Content-Type"] = "text/plain; charset=utf-8"
    bodyless = params.method in BODYLESS
    if bodyless and (params.json_ or params.form or params.body):
        ctx.log(say("The body is not sent: a %(method)s request has none.", method=params.method), "warning")
    json = exact_json.loads(str(params.json_)) if is_json_text(params.json_) else params.json_
    with ctx.integration_used(used) if used else nullcontext():
        answer = ctx.http.request(
            params.method,
            url,
            headers=headers,
            json=None if bodyless or json in ({}, "") else json,
            form=None if bodyless else params.form or None,
            body=None if bodyless or not params.body else params.body.encode(),
            auth=basic,
            timeout=min(params.timeout, ctx.timeout),
        )
        if answer.status >= 400 and params.expect == "success":
            raise refusal(answer, params.method, url, ctx.now())
    ctx.log(answered(params.method, url, answer.status))
    if answer.json is None and len(answer.text) == MAX_TEXT:
        ctx.log(say("The answer was cut after %(most)s characters.", most=MAX_TEXT), "warning")
    return Done(
        {
            "status": answer.status,
            "ok": answer.status < 400,
            "headers": dict(answer.headers),
            "body": body_of(answer),
            "duration_ms": answer.duration_ms,
        }
    )


def _target(ctx: StepContext, params: SendWebhookParams) -> tuple[str, dict[str, str], tuple[str, str] | None, str]:
    """Address, headers, basic authentication, and the integration's id. Its secret goes to its host only."""
    headers: dict[str, str] = dict(params.headers)
    if not params.integration:
        return params.url, headers, None, ""
    handle = ctx.integration(params.integration)
    if handle.integration_type != "webhook":
        raise StepError(say("The integration “%(name)s” is not an HTTP service.", name=handle.name), permanent=True)
    base = str(handle.config["base_url"])
    url = absolute(base.rstrip("/") + "/", params.url.lstrip("/") if params.url.startswith("/") else params.url)
    if not origin_of(url) or origin_of(url) != origin_of(base):
        raise StepError(
            say("“%(name)s” may be used at %(base)s only. Use a URL under it.", name=handle.name, base=base),
            permanent=True,
        )
    signed, basic = credentials_of(handle.config, handle.credentials)
    return url, {**headers, **signed}, basic, handle.id
