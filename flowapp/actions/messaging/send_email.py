"""Sends an e-mail."""

from __future__ import annotations

from pydantic import Field, model_validator

from flowapp.catalog import N_, Done, Email, FieldsError, FilledTemplate, Outcome, Params, StepContext, action, ui
from flowapp.catalog.fields import Address, Addresses, Text
from flowapp.catalog.mail_text import has_controls
from flowapp.catalog.outgoing.files import files_of
from flowapp.texts import say

MAX_RECIPIENTS = 100


class SendEmailParams(Params):
    """An e-mail with a `message` (or `html`), or made from the `template` of that name, with `data` and the context in it."""

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
    template: Text = Field(
        "",
        max_length=200,
        json_schema_extra=ui(
            N_("Template"),
            N_("An e-mail template gives subject and content, unless you enter them below."),
            widget="email_template",
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
    data: object = Field(
        None,
        json_schema_extra=ui(
            N_("Template data"), N_("Further values for the template, by name: {{ order_id }} in it is order_id here."),
            advanced=True,
        ),
    )  # fmt: skip
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
    attachments: object = Field(
        None,
        json_schema_extra=ui(
            N_("Attachments"),
            N_("Name of the file, and what is in it: text, or a file that an earlier step or a form gave."),
            widget="keyvalue",
            advanced=True,
        ),
    )
    headers: dict[str, Text] = Field(
        {},
        json_schema_extra=ui(
            N_("Headers"), N_("Further headers, for example List-Unsubscribe."), widget="keyvalue", advanced=True
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
    param_aliases={"body": "message", "template_id": "template", "template_name": "template", "template_data": "data"},
    sample={"message_id": "<5b0c1f0e2a11@flowapp>", "to": ["ada@example.com"], "subject": "Welcome", "caught": False},
)
def send_email(ctx: StepContext, params: SendEmailParams) -> Outcome:
    """Sends; the Message-ID comes from the idempotency key, so that a receiver recognises a second copy."""
    content = _content(ctx, params)
    subject = params.subject.strip() or content.subject
    email = Email(
        to=params.to,
        subject=subject,
        text=content.text,
        html=content.html,
        sender=params.sender,
        reply_to=", ".join(params.reply_to),
        cc=params.cc,
        bcc=params.bcc,
        message_id=f"<{ctx.idempotency_key}@flowapp>",
        attachments=tuple(files_of(params.attachments)),
        headers=params.headers,
    )
    sent = ctx.mail.send(email, integration=params.integration or None, timeout=ctx.timeout)
    what = say("“%(subject)s” to %(to)s", subject=subject, to=", ".join(params.to))
    if sent.caught:
        ctx.log(
            say("Caught, not sent: %(what)s. Connect a mail server on the page Integrations.", what=what), "warning"
        )
    else:
        ctx.log(say("Sent %(what)s.", what=what))
    return Done({"message_id": sent.message_id, "to": params.to, "subject": subject, "caught": sent.caught})


def _content(ctx: StepContext, params: SendEmailParams) -> FilledTemplate:
    """What the step itself says, else the template."""
    title = params.template.replace("_", " ").replace("-", " ").strip().capitalize()
    if params.message or params.html:
        return FilledTemplate(title, params.message, params.html)
    filled = ctx.templates.fill(params.template, params.data)
    if filled is not None:
        return filled
    unknown = ctx.templates.unknown(params.template)
    if params.data in (None, {}, []):
        raise unknown
    # Workflows published before there were templates: nothing that names an unknown one is published any more.
    ctx.log(say("%(reason)s The data was listed instead.", reason=unknown.message), "warning")
    return FilledTemplate(title, listing(params.data), "")


def listing(data: object, indent: str = "") -> str:
    """Data as a person reads it: one `name: value` a line, inner data indented."""
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
