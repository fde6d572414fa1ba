"""Workflows to begin with, built in. They need no credentials and no other thing than the address in their variables."""

from __future__ import annotations

from dataclasses import dataclass

from flowapp.exact_json import Json
from flowapp.texts import localized, localized_values, say


@dataclass(frozen=True, slots=True)
class Template:
    """`body` is a definition without its name."""

    key: str
    icon: str
    name: str
    description: str
    body: Json

    def in_language(self, language: str) -> Template:
        body = localized_values(self.body, language)
        return Template(
            self.key, self.icon, localized(self.name, language), localized(self.description, language), body
        )  # fmt: skip


def templates(recipient: str, language: str) -> list[Template]:
    """Every built-in template in that language; e-mails go to `recipient` until the variable is changed."""
    made = [_notice(recipient), _reminder(recipient), _watch(recipient)]
    return [template.in_language(language) for template in made]


def _notice(recipient: str) -> Template:
    return Template(
        "webhook_notice",
        "webhook",
        say("E-mail me when another service calls"),
        say("A webhook: whatever arrives is e-mailed to you."),
        {
            "variables": {"recipient": recipient},
            "triggers": [{"trigger_type": "webhook"}],
            "steps": [
                _step("note", say("Log what arrived"), "log", message=say("Received: %(input)s", input="{{ input }}")),
                _step(
                    "mail", say("Send the e-mail"), "send_email",
                    to="{{ variables.recipient }}", subject=say("Something arrived"), message="{{ input }}",
                ),
            ],
        },
    )  # fmt: skip


def _reminder(recipient: str) -> Template:
    return Template(
        "weekly_reminder",
        "calendar-event",
        say("Remind me every Monday"),
        say("A schedule: an e-mail at the start of each week."),
        {
            "variables": {"recipient": recipient},
            "triggers": [{"trigger_type": "schedule", "config": {"every": "weekly", "weekday": "monday", "at": "08:00"}}],
            "steps": [
                _step(
                    "mail", say("Send the reminder"), "send_email",
                    to="{{ variables.recipient }}", subject=say("A new week"), message=say("What will you finish this week?"),
                )
            ],
        },
    )  # fmt: skip


def _watch(recipient: str) -> Template:
    down = {"all": [{"field": "steps.call.status", "operator": "!=", "value": 200}]}
    call = _step("call", say("Request the page"), "send_webhook", url="{{ variables.site }}", method="GET")
    return Template(
        "site_watch",
        "world",
        say("Tell me when a site is down"),
        say("Requests a page every hour, and sends an e-mail if the response is not as expected."),
        {
            "variables": {"recipient": recipient, "site": "https://example.com/"},
            "triggers": [{"trigger_type": "schedule", "config": {"every": "hourly"}}],
            "steps": [
                call | {"on_error": "continue"},
                _step("down", say("Is it down?"), "conditional", conditions=down),
                _step(
                    "mail", say("Send the alarm"), "send_email", to="{{ variables.recipient }}",
                    subject=say("The site is down"), message=say("%(site)s does not respond.", site="{{ variables.site }}"),
                ),
            ],
        },
    )  # fmt: skip


def _step(step_id: str, name: str, action_type: str, **params: object) -> Json:
    return {"step_id": step_id, "name": name, "action_type": action_type, "params": params}
