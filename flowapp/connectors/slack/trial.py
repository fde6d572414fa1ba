"""Whether Slack can be used: by the token, by the incoming webhook, or both."""

from __future__ import annotations

from flowapp.connectors.runner import Service
from flowapp.connectors.runner.sending import Request
from flowapp.errors import StepError
from flowapp.texts import join, say


def try_out(service: Service, _context: object) -> str:
    """Asks who the token belongs to, and sends the webhook an empty message, which it refuses without posting anything."""
    credentials, found = service.handle.credentials, []
    if credentials["token"]:
        who = service.request("POST", "/auth.test", say("Test")).json
        known = who if isinstance(who, dict) else {}
        found.append(
            say("Connected to %(team)s as %(user)s.", team=str(known.get("team")), user=str(known.get("user")))
        )
    if credentials["webhook_url"]:
        answer = service.send(
            Request("POST", credentials["webhook_url"], json={}), say("Test"), signed=False, checked=False
        )
        if answer.text.strip() not in ("no_text", "invalid_payload", "missing_text_or_fallback_or_attachments"):
            message = say("Slack does not know this webhook (%(reason)s).", reason=answer.text.strip()[:100])
            raise StepError(message, permanent=True)
        found.append(say("The webhook can be used."))
    if not found:
        raise StepError(say("Enter a bot token, or the URL of an incoming webhook."), permanent=True)
    return join(" ", found)
