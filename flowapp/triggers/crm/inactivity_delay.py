"""Nothing has happened with a contact, company or deal for some days; once for each silence.

The job check_inactivity_workflows looks for them every night, by the organization's clock.
"""

from __future__ import annotations

from typing import Literal

from pydantic import Field, field_validator

from flowapp.catalog import N_, Params, TriggerSpec, trigger, ui
from flowapp.catalog.record_triggers import COMPANY_SAMPLE
from flowapp.texts import say
from flowapp.triggers.dates.daily import DailyParams, next_day


class Inactivity(Params):
    """What is silent, and for how long."""

    entity: Literal["contact", "company", "deal"] = Field(
        "company",
        json_schema_extra=ui(
            N_("What"),
            widget="select",
            choices=[("contact", N_("Contact")), ("company", N_("Company")), ("deal", N_("Open deal"))],
        ),
    )
    days: int = Field(
        30,
        ge=1,
        le=3650,
        json_schema_extra=ui(
            N_("Days without activity"), N_("No change, note or task for that long."), widget="number"
        ),
    )

    @field_validator("entity", mode="before")
    @classmethod
    def _named_so(cls, value: object) -> object:
        word = value.strip().lower() if isinstance(value, str) else value
        return "company" if word in ("organisation", "organization") else word


class InactivityDelayParams(DailyParams, Inactivity):
    """It is looked at once a day."""


trigger(
    TriggerSpec(
        type="inactivity_delay",
        label=N_("No activity"),
        description=N_("Nothing has happened with a contact, company or deal for some days. Checked every night."),
        group=N_("CRM"),
        icon="hourglass",
        source="clock",
        params=InactivityDelayParams,
        sample={**COMPANY_SAMPLE, "inactive_days": 31, "last_activity_at": "2025-10-18T09:00:00+00:00"},
        aliases=("inactivity",),
        param_aliases={
            "entity_type": "entity", "object": "entity", "inactivity_days": "days", "delay_days": "days",
        },
        summary=lambda config, _locale: say("%(days)s days", days=config.days),
        next_fire=next_day,
        time_of=lambda _config: "check_inactivity_workflows",
        over_records=True,
    )
)  # fmt: skip
