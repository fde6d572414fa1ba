"""Sends messages: the sender is a number or a messaging service, and numbers of WhatsApp begin with `whatsapp:`."""

from __future__ import annotations

from collections.abc import Mapping

from flowapp.catalog import StepContext
from flowapp.connectors.runner import Service
from flowapp.connectors.runner.answers import unread
from flowapp.connectors.runner.sending import Request, joined
from flowapp.errors import StepError
from flowapp.texts import say

Values = Mapping[str, object]
_WHATSAPP = "whatsapp:"


def send_sms(_ctx: StepContext, service: Service, values: Values) -> dict[str, object]:
    """One text message."""
    return _send(service, values, "")


def send_whatsapp(_ctx: StepContext, service: Service, values: Values) -> dict[str, object]:
    """One WhatsApp message."""
    return _send(service, values, _WHATSAPP)


def _send(service: Service, values: Values, channel: str) -> dict[str, object]:
    account, to = service.handle.config["account_sid"], str(values["to"]).strip().removeprefix(_WHATSAPP)
    form: dict[str, str | list[str]] = {"To": channel + to, "Body": str(values["message"])}
    form |= _from(str(values.get("from_number") or service.handle.config["sender"]).strip(), channel)
    if callback := values.get("status_callback"):
        form["StatusCallback"] = str(callback)
    request = Request("POST", joined(service.base, f"/{account}/Messages.json"), form=form)
    answer = service.send(request, say("Send a message")).json
    if not isinstance(answer, dict) or not answer.get("sid"):
        raise unread("Twilio", say("Send a message"))
    return {"sid": answer["sid"], "status": answer.get("status"), "to": to}


def _from(sender: str, channel: str) -> dict[str, str]:
    if not sender:
        raise StepError(say("Enter a sender, in the step or in the integration."), permanent=True)
    if sender.startswith("MG"):
        return {"MessagingServiceSid": sender}
    return {"From": channel + sender.removeprefix(_WHATSAPP)}
