"""Answers the caller of the webhook that started the execution."""

from __future__ import annotations

import re
from collections.abc import Mapping

from pydantic import Field, field_validator, model_validator

from flowapp.catalog import N_, FieldsError, Outcome, Params, Respond, StepContext, action, ui
from flowapp.catalog.fields import Text, json_fault, says_json
from flowapp.security.answer_headers import may_set, settled
from flowapp.texts import say

_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")  # token, RFC 9110 5.6.2


class RespondParams(Params):
    """What the caller gets: JSON where the body is not text."""

    status: int = Field(200, ge=200, le=599, json_schema_extra=ui(N_("Status"), widget="number", placeholder="200"))
    headers: dict[str, Text] = Field(
        default_factory=dict, max_length=50, json_schema_extra=ui(N_("Headers"), widget="keyvalue", advanced=True)
    )
    body: object = Field(
        None,
        json_schema_extra=ui(
            N_("Answer"), N_("Text, or a value from the workflow, which is sent as JSON."), widget="textarea"
        ),
    )

    @field_validator("headers")
    @classmethod
    def _writable(cls, headers: dict[str, str]) -> dict[str, str]:
        for name, value in headers.items():
            if "{{" not in name and _NAME.fullmatch(name) is None:
                raise ValueError(say("“%(name)s” is not a valid header name.", name=name[:50]))
            if "{{" not in name and not may_set(name):
                raise ValueError(
                    say("A workflow cannot set the header “%(name)s”. Custom headers begin with X-.", name=name[:50])
                )
            if "{{" not in value and settled(name, value) != value:
                raise ValueError(
                    say("The header “%(name)s” may not be “%(value)s” here.", name=name[:50], value=value[:80])
                )
            if any(ord(char) < 32 or 126 < ord(char) < 160 or ord(char) > 255 for char in value if char != "\t"):
                raise ValueError(
                    say(
                        "The header “%(name)s” contains a character that cannot be sent, such as a line break.",
                        name=name,
                    )
                )
        return headers

    @model_validator(mode="after")
    def _is_json(self) -> RespondParams:
        text = self.body if isinstance(self.body, str) and says_json(self.headers) else ""
        if text and (fault := json_fault("body", text)):
            raise FieldsError(fault, "body")
        return self


def unready(params: Mapping[str, object]) -> str:
    """A body that would not be sent (RFC 9110, 15.3.5, 15.3.6 and 15.4.5)."""
    if str(params.get("status")) not in ("204", "205", "304") or params.get("body") in (None, ""):
        return ""
    return say(
        "A response with the status %(status)s cannot have a body: remove it, or choose another status.",
        status=str(params["status"]),
    )


@action(
    "respond",
    label=N_("Respond to webhook"),
    description=N_("Answers the caller waiting for this execution, then continues. Only the first answer counts."),
    group=N_("Flow"),
    icon="message-reply",
    synonyms="answer reply return response répondre réponse retour",
    effect="pure",
    params=RespondParams,
    aliases=("respond_to_webhook", "webhook_response"),
    result={"status": N_("Status sent"), "headers": N_("Headers"), "body": N_("Body sent")},
    param_aliases={"status_code": "status"},
    traits=frozenset({"answers"}),
    unready=unready,
    sample={"status": 200, "headers": {}, "body": {}},
)
def respond(_ctx: StepContext, params: RespondParams) -> Outcome:
    """Hands the answer to the engine."""
    return Respond(params.status, params.headers, params.body)
