"""Sends an e-mail."""

from __future__ import annotations

from collections.abc import Mapping

from pydantic import Field, model_validator

from flowapp.catalog import N_, Done, Email, FieldsError, Outcome, Params, StepContext, action, ui
from flowapp.catalog.fields import Address, Addresses, Text
from flowapp.catalog.mail_text import has_controls
from flowapp.errors import StepError
from flowapp.texts import say

MAX_RECIPIENTS = 100


class SendEmailParams(Params):
    """An e-mail with a `message` (or `html`), or with the `template` called so and the `data` it lists."""

    to: Addresses = Field(
        min_length=1,
        max_length=MAX_RECIPIENTS,
        json_schema_extra=ui(
            N_("To"),
            N_("Separate several addresses with commas."),
            placeholder="{{ form_data.email }}",
            inserts="addresses",
        ),
    )
    subject: Text = Field("", max_length=998, json_schema_extra=ui(N_("Subject")))
    message: Text = Field("", json_schema_extra=ui(N_("Message"), widget="textarea"))
    html: Text = Field(
        "",
        json_schema_extra=ui(
            N_("HTML message"),
            N_("Inserted values are escaped; {{ … | safe }} inserts HTML."),
            widget="textarea",
            advanced=True,
            inserts="html",
        ),
    )
    template: Text = Field(
        "", json_schema_extra=ui(N_("Template"), N_("Used if there is no message: lists the data."), advanced=True)
    )
    data: object = Field(None, json_schema_extra=ui(N_("Template data"), advanced=True))
    cc: Addresses = Field(
        [], max_length=MAX_RECIPIENTS, json_schema_extra=ui(N_("Cc"), advanced=True, inserts="addresses")
    )
    bcc: Addresses = Field(
        [], max_length=MAX_RECIPIENTS, json_schema_extra=ui(N_("Bcc"), advanced=True, inserts="addresses")
    )
    reply_to: Addresses = Field(
        [], max_length=MAX_RECIPIENTS, json_schema_extra=ui(N_("Reply to"), advanced=True, inserts="addresses")
    )
    sender: Address = Field(
        "",
        json_schema_extra=ui(
            N_("From"), N_("Leave empty to use the default sender."), advanced=True, inserts="addresses"
        ),
    )
    integration: str = Field(
        "",
        json_schema_extra=ui(
            N_("Send through"),
            N_("Leave empty to use the mail server that is connected."),
            widget="integration",
            integration_type="email",
            advanced=True,
        ),
    )

    @model_validator(mode="after")
    def _complete(self) -> SendEmailParams:
        if not (self.message or self.html or self.template):
            raise FieldsError(say("Enter a message or choose a template."), "message", "html", "template")
        if not self.subject.strip() and not self.template:
            raise FieldsError(say("Enter a subject."), "subject", "template")
        if has_controls(self.subject.strip()):
            raise FieldsError(say("The subject must be a single line."), "subject")
        return self


def unready(params: Mapping[str, object]) -> str:
    """No template is kept in this release: its name alone says nothing."""
    if not params.get("template") or any(params.get(name) for name in ("message", "html", "data")):
        return ""
    return say(
        "There is no e-mail template “%(name)s”. Enter a message, or data to list.", name=str(params["template"])
    )


@action(
    "send_email",
    label=N_("Send e-mail"),
    description=N_("Sends an e-mail to one or more people."),
    group=N_("Send"),
    icon="mail",
    synonyms="mail email e-mail message newsletter notify courriel mél envoyer notifier",
    effect="once",
    params=SendEmailParams,
    result={
        "message_id": N_("Message-ID of the e-mail"),
        "to": N_("Recipients"),
        "subject": N_("Subject"),
        "caught": N_("Whether it was caught instead of sent, because no mail server is connected"),
    },
    param_aliases={"body": "message", "template_id": "template"},
    unready=unready,
    sample={"message_id": "<5b0c1f0e2a11@flowapp>", "to": ["ada@example.com"], "subject": "Welcome", "caught": False},
)
def send_email(ctx: StepContext, params: SendEmailParams) -> Outcome:
    """Sends; the Message-ID comes from the idempotency key, so that a receiver recognises a second copy."""
    text = params.message
    if not (text or params.html):
        text = listing(params.data)
    subject = params.subject.strip() or params.template.replace("_", " ").replace("-", " ").strip().capitalize()
    email = Email(
        to=params.to,
        subject=subject,
        text=text,
        html=params.html,
        sender=params.sender,
        reply_to=", ".join(params.reply_to),
        cc=params.cc,
        bcc=params.bcc,
        message_id=f"<{ctx.idempotency_key}@flowapp>",
    )
    sent = ctx.mail.send(email, integration=params.integration or None, timeout=ctx.timeout)
    what = say("“%(subject)s” to %(to)s", subject=subject, to=", ".join(params.to))
    if sent.caught:
        ctx.log(
            say("Caught, not sent: %(what)s. Connect a mail server under Settings, Integrations.", what=what), "warning"
        )
    else:
        ctx.log(say("Sent %(what)s.", what=what))
    return Done({"message_id": sent.message_id, "to": params.to, "subject": subject, "caught": sent.caught})


def listing(data: object, indent: str = "") -> str:
    """Data as a person reads it: one `name: value` a line, inner data indented."""
    if data is None or data in ({}, []):
        raise StepError(
            say("The e-mail has a template but no data and no message, so there is nothing to send."), permanent=True
        )
    return "\n".join(_lines(data, indent)) + "\n"


def _lines(data: object, indent: str) -> list[str]:
    if isinstance(data, dict):
        pairs = [(f"{name}:", value) for name, value in data.items()]
    elif isinstance(data, list):
        pairs = [("-", value) for value in data]
    else:
        return [f"{indent}{_shown(data)}"]
    lines: list[str] = []
    for label, value in pairs:
        if isinstance(value, dict | list) and value:
            lines += [f"{indent}{label}", *_lines(value, indent + "  ")]
        else:
            lines.append(f"{indent}{label} {_shown(value)}".rstrip())
    return lines


def _shown(value: object) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    return "" if value is None or value in ({}, []) else str(value)
