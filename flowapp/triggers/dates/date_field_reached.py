"""A date that a contact, company, deal or task holds has come, or comes in some days: once for each record and date."""

from __future__ import annotations

from flowapp.catalog import N_, TriggerSpec, trigger
from flowapp.catalog.record_triggers import DEAL_SAMPLE
from flowapp.triggers.dates.daily import ALIASES, RecordDateParams, in_words, next_day, time_of


class DateFieldReachedParams(RecordDateParams):
    """Which date of which records, and how far from it."""


trigger(
    TriggerSpec(
        type="date_field_reached",
        label=N_("Date of a record"),
        description=N_(
            "A date of a contact, company, deal or task has come, or comes in some days. Once for each date."
        ),
        group=N_("Time"),
        icon="calendar-time",
        source="clock",
        params=DateFieldReachedParams,
        sample={**DEAL_SAMPLE, "field": "expected_close", "date": "2026-12-31", "days": 7},
        param_aliases=ALIASES,
        time_of=time_of,
        next_fire=next_day,
        summary=lambda config, _locale: in_words(config),
        over_records=True,
    )
)
