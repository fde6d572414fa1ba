"""When an organization does what names no time of its own: its time zone, and the times of its jobs and simple schedules."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from flowapp.catalog.specs import TriggerSpec

Times = Mapping[str, Mapping[str, object]]
# By job or frequency: what a trigger's settings leave open.
DEFAULT_TIMES: Times = {
    "check_inactivity_workflows": {"at": "02:00"},
    "daily": {"at": "09:00"},
    "weekly": {"at": "09:00", "weekday": "monday"},
    "monthly": {"at": "09:00", "day": 1},
}


@dataclass(frozen=True, slots=True)
class OrganizationClock:
    """`times` are those that somebody chose, by job or frequency; the others are as DEFAULT_TIMES says."""

    timezone: str = "UTC"
    times: Times = field(default_factory=dict)

    def time_of(self, name: str) -> Mapping[str, object]:
        """At what time a job or frequency is due."""
        return {**DEFAULT_TIMES.get(name, {}), **self.times.get(name, {})}

    def complete(self, spec: TriggerSpec, config: Mapping[str, object]) -> dict[str, object]:
        """The settings of a trigger with the organization's zone and time where they name none."""
        known = spec.params.model_fields
        open_ = spec.time_of is not None and config.get("at") in (None, "")  # of a time of its own, its own day
        left_open = dict(self.time_of(spec.time_of(config))) if spec.time_of and open_ else {}
        if spec.source == "clock" and "timezone" in known:
            left_open["timezone"] = self.timezone
        named = {name: value for name, value in config.items() if name not in left_open or value not in (None, "")}
        return {**left_open, **named}
