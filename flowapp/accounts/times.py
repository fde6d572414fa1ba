"""When the organization's jobs and simple schedules are due, where their triggers name no time."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import time

from sqlalchemy.orm import Session

from flowapp.catalog.clock import DEFAULT_TIMES
from flowapp.errors import InvalidError, Problem
from flowapp.models import Organization
from flowapp.records.lock import lock
from flowapp.texts import say

DAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
LAST_DAY = 28  # that every month has


ByName = dict[str, dict[str, object]]


def times_of(organization: Organization) -> ByName:
    """By job or frequency when it is due."""
    return {name: dict(organization.clock.time_of(name)) for name in DEFAULT_TIMES}


def set_times(session: Session, organization: Organization, given: Mapping[str, Mapping[str, object]]) -> ByName:
    """Changes the times that `given` names, and returns those before. InvalidError names what cannot be used: weekly.at.

    The caller has the clocks set anew (workflows.reset_clocks).
    """
    lock(session, organization)
    before, known, problems = times_of(organization), times_of(organization), list[Problem]()
    for name, settings in given.items():
        for key, value in settings.items():
            if name not in known or key not in known[name]:
                problems.append(Problem(f"{name}.{key}", say("There is no such time.")))
            elif (read := _READERS[key](value)) is None:
                problems.append(Problem(f"{name}.{key}", _ACCEPTED[key]))
            else:
                known[name][key] = read
    if problems:
        raise InvalidError(problems)
    chosen = {name: settings for name, settings in known.items() if settings != DEFAULT_TIMES[name]}
    organization.times = dict[str, object](chosen)
    session.flush()
    return before


def _time(value: object) -> str | None:
    """Hour and minute, as 09:00."""
    try:
        return time.fromisoformat(str(value).strip().zfill(5)).strftime("%H:%M")
    except ValueError:
        return None


def _weekday(value: object) -> str | None:
    return str(value) if value in DAYS else None


def _day(value: object) -> object:
    text = str(value).strip()
    return text if text == "last" else int(text) if text in map(str, range(1, LAST_DAY + 1)) else None


_READERS = {"at": _time, "weekday": _weekday, "day": _day}
_ACCEPTED = {
    "at": say("Enter hour and minute, for example 09:00."),
    "weekday": say("Choose a day of the week."),
    "day": say("Choose a day from 1 to 28, or the last one."),
}
