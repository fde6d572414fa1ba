"""The texts of the made-up year: messages, so that they are in the language of whoever asked for it."""

from __future__ import annotations

from flowapp.exact_json import Json
from flowapp.texts import say

SOURCE, INDUSTRY, EMPLOYEES, PRODUCTS_LABEL = say("Source"), say("Industry"), say("Employees"), say("Products")
INDUSTRIES = (
    say("Retail"), say("Manufacturing"), say("Health care"), say("Software"), say("Construction"), say("Logistics"),
    say("Food"), say("Education"), say("Finance"), say("Tourism"),
)  # fmt: skip
SOURCES = (say("Website"), say("Referral"), say("Trade fair"), say("Campaign"), say("Partner"))
PRODUCTS = (
    say("Maintenance contract"), say("Website redesign"), say("Training course"), say("Software licences"), say("Audit"),
    say("Support for a year"), say("Pilot project"), say("Extension"),
)  # fmt: skip
TAGS = (
    say("Customer"), say("Prospect"), say("VIP"), say("Reference"), say("To call back"), say("Decision maker"),
    say("Technical contact"),
)  # fmt: skip
LISTS = (say("Newsletter"), say("Guests of the open day"), say("Season's greetings"))
REASONS = (
    say("Too expensive"), say("Chose a competitor"), say("No budget this year"), say("No answer"), say("Postponed"),
)  # fmt: skip
# type and text
NOTES = (
    ("call", say("Spoke on the phone: interested, wants figures before the end of the month.")),
    ("call", say("Left a message with the assistant.")),
    ("meeting", say("Met on site. They compare three suppliers and decide in the spring.")),
    ("meeting", say("Demonstration for the team: many questions about the data and who may see it.")),
    ("email", say("Sent the brochure and two references.")),
    ("email", say("They ask for a discount for two years.")),
    ("note", say("Prefers to be called in the morning.")),
    ("note", say("The budget is voted in September.")),
    ("note", say("Knows us from a customer, came well prepared.")),
    ("note", say("The contract with their present supplier ends in six months.")),
)
# type and priority of the tasks, in the order of their titles
TASKS = (
    ("call", "normal"), ("call", "high"), ("email", "high"), ("meeting", "normal"), ("task", "low"), ("email", "normal"),
)  # fmt: skip


def task_title(at: int, name: str) -> str:
    """The title of a task about somebody."""
    return (
        say("Call %(name)s back", name=name),
        say("Ask %(name)s for a decision", name=name),
        say("Send the proposal to %(name)s", name=name),
        say("Prepare the meeting with %(name)s", name=name),
        say("Check the contract of %(name)s", name=name),
        say("Thank %(name)s for the order", name=name),
    )[at]


def deal_title(product: str, company: str) -> str:
    """The title of a deal with a company."""
    return say("%(product)s, %(company)s", product=product, company=company)


def follow_up(stage: str) -> Json:
    """A workflow that follows up deals in a stage."""
    return {
        "name": say("Follow up a proposal"),
        "description": say("A deal comes into the stage for proposals: its owner gets a task to call back three days later."),
        "triggers": [{"trigger_type": "deal_stage_changed", "config": {"to": stage}}, {"trigger_type": "manual"}],
        "steps": [
            {
                "step_id": "call", "name": say("Task for the owner"), "action_type": "create_task",
                "params": {
                    "title": say("Call %(name)s back", name="{{ contact.name | default(deal.title) }}"),
                    "due_date": "+3 days", "type": "call",
                },
            },
            {
                "step_id": "done", "name": say("Log it"), "action_type": "log",
                "params": {"message": say("%(name)s will be called back.", name="{{ deal.title }}")},
            },
        ],
    }  # fmt: skip
