"""The form of a workflow's own settings: name, variables, and the whole `config` of its definition.

form = config_form(definition, providers, request.form if posted else None)
definition = applied(definition, form.data)   # once it is valid; the problems of a refused save: form.show(mapped(problems))
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from flask_babel import gettext as _
from pydantic import Field, ValidationError

from flowapp.catalog import N_, Params, ui
from flowapp.catalog.hours import parse_clock
from flowapp.engine.language.validation_messages import plain_problems
from flowapp.engine.language.workflow_config import MAX_VISITS, WEEKDAYS
from flowapp.errors import ExpressionError, Problem
from flowapp.models.definitions import DefinitionJson
from flowapp.texts import say
from flowapp.web.forms.field import ParamField, Posted
from flowapp.web.forms.form import PlainForm, build
from flowapp.web.forms.providers import Providers
from flowapp.web.forms.text import shown

_AFTER = re.compile(r"after_([0-9]+)_days")
_OWN_HOURS = {"business_hours": ["true"]}


def _day(label: str, *, default: bool = True) -> Any:
    return Field(default=default, json_schema_extra=ui(label, show_if=_OWN_HOURS))


def _hour(default: str, label: str) -> Any:
    return Field(default, max_length=8, json_schema_extra=ui(label, show_if=_OWN_HOURS))


def _number(default: int | None, label: str, hint: str, low: int, high: int, **more: Any) -> Any:
    """A whole number from `low` to `high`."""
    return Field(default, ge=low, le=high, json_schema_extra=ui(label, hint, widget="number", **more))


def _choice(default: str, label: str, choices: Sequence[tuple[str, str]]) -> Any:
    return Field(default, json_schema_extra=ui(label, widget="select", choices=list(choices)))


def _key(label: str, hint: str, example: str) -> Any:
    """An expression that says which starts belong together."""
    return Field("", max_length=500, json_schema_extra=ui(label, hint, placeholder=example))


class SettingsParams(Params):
    """What a person may set for the whole workflow."""

    name: str = Field(min_length=1, max_length=200, json_schema_extra=ui(N_("Name")))
    description: str = Field("", max_length=10_000, json_schema_extra=ui(N_("Description"), widget="textarea"))
    variables: dict[str, object] = Field(
        default_factory=dict,
        json_schema_extra=ui(N_("Variables"), N_("Every step can use them as variables.<name>."), widget="keyvalue"),
    )
    reentry: Literal["always", "once", "not_while_active", "after"] = _choice(
        "always",
        N_("Can the same contact enter again?"),
        [
            ("always", N_("Always")),
            ("once", N_("Never")),
            ("not_while_active", N_("Not while they have a running execution")),
            ("after", N_("After a number of days")),
        ],
    )
    reentry_days: int = _number(30, N_("Number of days"), "", 1, 9999, show_if={"reentry": ["after"]})
    concurrency: int | None = _number(
        None, N_("Concurrent executions"), N_("Leave empty for no limit."), 1, 10_000
    )  # fmt: skip
    concurrency_policy: Literal["queue", "drop", "replace"] = _choice(
        "queue",
        N_("When the limit is reached"),
        [
            ("queue", N_("Wait for a free slot")),
            ("drop", N_("Skip the new one")),
            ("replace", N_("Cancel the oldest one")),
        ],
    )
    concurrency_key: str = _key(
        N_("Count separately for each"),
        N_(
            "For example {{ input.email }}: the limit then applies to each e-mail address. Leave empty "
            "to count all together."
        ),
        "{{ input.email }}",
    )
    debounce_seconds: int = _number(
        0,
        N_("Delay before starting (seconds)"),
        N_("A further start within this time replaces the earlier one. 0: start immediately."),
        0,
        86_400,
    )
    debounce_key: str = _key(
        N_("Treat as duplicates when this matches"),
        N_("For example {{ input.order_id }}. Leave empty to treat all starts of this workflow as duplicates."),
        "{{ input.order_id }}",
    )
    timeout: int | None = _number(
        None, N_("Execution timeout (seconds)"), N_("Leave empty for no time limit."), 1, 31_536_000
    )
    max_visits: int = _number(
        MAX_VISITS,
        N_("Maximum steps per execution"),
        N_("Stops endless loops. In a loop, the steps of each item count."),
        1,
        1_000_000,
    )
    error_workflow: str = Field(
        "",
        max_length=200,
        json_schema_extra=ui(
            N_("When an execution fails, run"),
            N_("This workflow then starts with the failure as its input: error, execution, workflow."),
            widget="workflow",
        ),
    )
    alert_after: int = _number(
        3, N_("Alert after this many consecutive failures"), N_("Also when it works again. 0: never."), 0, 1000
    )
    business_hours: bool = Field(
        default=False,
        json_schema_extra=ui(
            N_("Use separate business hours for this workflow"),
            N_("Otherwise they are Monday to Friday, 9:00 to 17:00."),
        ),
    )
    mon: bool = _day(N_("Monday"))
    tue: bool = _day(N_("Tuesday"))
    wed: bool = _day(N_("Wednesday"))
    thu: bool = _day(N_("Thursday"))
    fri: bool = _day(N_("Friday"))
    sat: bool = _day(N_("Saturday"), default=False)
    sun: bool = _day(N_("Sunday"), default=False)
    start: str = _hour("09:00", N_("From"))
    end: str = _hour("17:00", N_("To"))
    holidays: list[str] = Field(
        default_factory=list,
        max_length=366,
        json_schema_extra=ui(
            N_("Holidays"), N_("One date per line, for example 2026-12-25."), widget="lines", show_if=_OWN_HOURS
        ),
    )
    retention_days: int | None = _number(
        None,
        N_("Keep finished executions for (days)"),
        N_("Leave empty to use this installation's setting."),
        1,
        3650,
    )


@dataclass(frozen=True, slots=True)
class Group:
    """Settings that belong together; texts are msgids."""

    title: str
    help: str
    fields: tuple[str, ...]


GROUPS = (
    Group(N_("About"), "", ("name", "description", "variables")),
    Group(
        N_("Entry and limits"),
        N_("A start that is not allowed is recorded as skipped, with the reason."),
        ("reentry", "reentry_days", "concurrency", "concurrency_policy", "concurrency_key", "debounce_seconds",
         "debounce_key"),
    ),
    Group(
        N_("Errors"),
        N_("Each step also has its own error settings."),
        ("timeout", "max_visits", "error_workflow", "alert_after"),
    ),
    Group(
        N_("Business hours"),
        N_("Used for waits such as “4 business hours”, in the contact's time zone."),
        ("business_hours", *WEEKDAYS, "start", "end", "holidays"),
    ),
    Group(N_("History"), "", ("retention_days",)),
)  # fmt: skip
_PLAIN = (
    "timeout", "concurrency", "concurrency_key", "concurrency_policy", "debounce_key", "debounce_seconds",
    "error_workflow", "alert_after", "max_visits", "retention_days",
)  # fmt: skip


class ConfigForm(PlainForm):
    """The fields, as they belong together."""

    def groups(self) -> list[tuple[Group, list[ParamField]]]:
        """Every field, in its group."""
        return [(group, [self[name] for name in group.fields]) for group in GROUPS]

    def summary(self) -> list[tuple[str, list[tuple[str, str]]]]:
        """What is set, to read only: (title, [(label, text)]) of each group that has something."""
        groups = [(str(_(group.title)), [_in_words(f) for f in fields if f.filled]) for group, fields in self.groups()]
        return [(title, rows) for title, rows in groups if rows]


def _in_words(field: ParamField) -> tuple[str, str]:
    value, label = field.data, str(field.label.text)
    if isinstance(value, bool):
        return label, str(_("Yes") if value else _("No"))
    choices = {key: str(_(label)) for key, label in field.info.choices}
    return label, choices.get(shown(value), shown(value))


def config_form(
    definition: DefinitionJson,
    providers: Providers,
    posted: Posted | None = None,
    shown: Mapping[str, object] | None = None,
) -> ConfigForm:
    """The form of a canonical definition, or of what the page showed of an earlier one."""
    config: dict[str, Any] = dict(definition["config"])
    after = _AFTER.fullmatch(config["reentry"])
    if after:
        config |= {"reentry": "after", "reentry_days": int(after[1])}
    hours = config.pop("business_hours")
    if hours:
        config |= {"business_hours": True, **{day: day in hours["days"] for day in WEEKDAYS}}
        config |= {name: hours[name] for name in ("start", "end", "holidays")}
    values: dict[str, Any] = {name: definition[name] for name in ("name", "description", "variables")} | config
    values |= shown or {}
    form = build(SettingsParams, values, posted, base=ConfigForm, providers=providers, check=_check)
    assert isinstance(form, ConfigForm)  # noqa: S101 - `base` says so
    return form


def _check(values: dict[str, object]) -> list[Problem]:
    try:
        settings = SettingsParams.model_validate(values)
    except ValidationError as error:
        return plain_problems(error, values, SettingsParams)
    if settings.business_hours and not _days(settings):
        return [Problem(WEEKDAYS[0], say("Choose at least one day."))]
    return []


def _days(settings: SettingsParams) -> list[str]:
    return [day for day in WEEKDAYS if getattr(settings, day)]


def applied(definition: DefinitionJson, values: dict[str, object]) -> DefinitionJson:
    """The definition with these settings."""
    settings = SettingsParams.model_validate(values)
    reentry = f"after_{settings.reentry_days}_days" if settings.reentry == "after" else settings.reentry
    config = {name: getattr(settings, name) for name in _PLAIN}
    return {
        **definition,
        "name": settings.name,
        "description": settings.description,
        "variables": settings.variables,
        "config": {**definition["config"], **config, "reentry": reentry, "business_hours": _hours(settings)},
    }


def _hours(settings: SettingsParams) -> dict[str, object] | None:
    if not settings.business_hours:
        return None
    clock = {"start": _clock(settings.start), "end": _clock(settings.end)}
    return {"days": _days(settings), **clock, "holidays": settings.holidays}


def _clock(text: str) -> str:
    """A time of day as the config has it; what is none is left for the config to refuse."""
    try:
        return parse_clock(text).strftime("%H:%M")
    except ExpressionError:
        return text


def mapped(problems: Iterable[Problem]) -> Iterator[Problem]:
    """The problems of a definition's config, at the fields that show these parts of it."""
    for problem in problems:
        yield Problem(problem.path.removeprefix("config.").removeprefix("business_hours."), problem.message)
