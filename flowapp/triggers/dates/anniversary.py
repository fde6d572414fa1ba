"""Every year on the day of a date that a record holds: a birthday, the day a contract was signed.

29 February is kept on 28 February where a year has no such day.
"""

from __future__ import annotations

from calendar import isleap
from datetime import date

from pydantic import Field

from flowapp.catalog import N_, TriggerSpec, trigger, ui
from flowapp.catalog.record_triggers import CONTACT_SAMPLE
from flowapp.triggers.dates.daily import ALIASES, Noun, RecordDateParams, in_words, next_day, time_of

_NOUN = RecordDateParams.model_fields["entity"]


class AnniversaryParams(RecordDateParams):
    """Which date of which records, and how far from its day of the year."""

    entity: Noun = Field("contact", json_schema_extra=_NOUN.json_schema_extra)
    field: str = Field(
        min_length=1,
        max_length=80,
        json_schema_extra=ui(
            N_("Date field"),
            N_("For example created_at, or a field of your own such as birthday."),
            plain=True,
            resource="{entity}_date",
        ),
    )


def in_year(day: date, year: int) -> date:
    """The anniversary of a day in a year."""
    leap_day = (day.month, day.day) == (2, 29)
    return date(year, 2, 28) if leap_day and not isleap(year) else day.replace(year=year)


trigger(
    TriggerSpec(
        type="anniversary",
        label=N_("Anniversary"),
        description=N_("Every year on the day of a date of a contact, company, deal or task, such as a birthday."),
        group=N_("Time"),
        icon="calendar-heart",
        source="clock",
        params=AnniversaryParams,
        sample={**CONTACT_SAMPLE, "field": "birthday", "date": "1990-12-10", "days": 0, "years": 36},
        aliases=("birthday",),
        param_aliases=ALIASES,
        time_of=time_of,
        next_fire=next_day,
        summary=lambda config, _locale: in_words(config),
        over_records=True,
    )
)
