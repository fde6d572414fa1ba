"""A step or a trigger in one line, for its card."""

from __future__ import annotations

from collections.abc import Mapping

from flask import g
from flask_babel import get_locale
from flask_babel import gettext as _
from pydantic import ValidationError

from flowapp.catalog import ACTIONS, TRIGGERS, TriggerSpec
from flowapp.catalog.clock import OrganizationClock
from flowapp.engine.language.condition_parser import GROUPS, Conditions, Group, normalize
from flowapp.errors import FlowError
from flowapp.models import read_id
from flowapp.models.definitions import StepJson, TriggerJson
from flowapp.web.forms.info import Info, infos
from flowapp.web.forms.providers import Providers
from flowapp.web.forms.text import number, shown
from flowapp.web.locale import duration
from flowapp.web.texts import translated

LENGTH = 110
_JOIN = {"all": " · ", "any": " / ", "not": " · "}


def step_line(step: StepJson, providers: Providers) -> str:
    """What the step does, from its first filled parameters."""
    spec = ACTIONS.get(step["action_type"])
    if spec is None:
        return ""
    known = infos(spec.params)
    limits = [text for info in known if (text := _limit(info, step["params"]))]
    parts = [
        _part(info, value, providers)
        for info in known
        if (value := _value(info, step["params"])) and not _limit(info, step["params"])
    ]
    end = "".join(f" · {text}" for text in limits)
    return (_cut(" · ".join(part for part in parts[:3] if part), LENGTH - len(end)) + end).removeprefix(" · ")


def _limit(info: Info, params: Mapping[str, object]) -> str:
    """How long a step waits at most, in words; empty for other parameters, and where it waits on."""
    value = params.get(info.key)
    if info.name != "timeout" or info.widget != "duration" or value in (None, ""):
        return ""
    seconds = number(str(value))
    length = str(value) if isinstance(seconds, str) else duration(seconds)
    return str(_("%(label)s: %(value)s", label=_(info.label), value=_cut(length, 40)))


def trigger_line(trigger: TriggerJson, providers: Providers) -> str:
    """What starts the workflow, in the trigger's own words."""
    spec = TRIGGERS.get(trigger["trigger_type"])
    if spec is None:
        return ""
    if spec.source == "form":
        slug = str(trigger["config"].get("form_id", ""))
        return dict(providers.pairs("form")).get(slug, slug)
    try:
        return _cut(described(spec, trigger["config"]))
    except (ValidationError, FlowError):
        return ""


def described(spec: TriggerSpec, config: Mapping[str, object]) -> str:
    """A config in words. ValidationError or FlowError where it is not complete."""
    if spec.summary is None:
        return ""
    model = spec.params.model_validate(completed(spec, config))
    if spec.source == "clock":
        return str(spec.summary(model, str(get_locale() or "en")))
    return translated(spec.summary(model))


def completed(spec: TriggerSpec, config: Mapping[str, object]) -> dict[str, object]:
    """A trigger's settings, with the organization's zone and times where they name none."""
    organization = g.get("organization")
    return (organization.clock if organization else OrganizationClock()).complete(spec, config)


def conditions_line(conditions: object) -> str:
    """A group of conditions in a few words."""
    try:
        return _cut(_group(normalize(conditions)))
    except FlowError:
        return ""


def _group(group: Conditions) -> str:
    if "field" in group:
        return f"{group['field']} {group['operator']} {shown(group.get('value', ''))}".strip()
    mode: Group = next((name for name in GROUPS if name in group), "all")
    text = _JOIN[mode].join(_group(entry) for entry in group.get(mode, ()))
    return str(_("none of: %(rules)s", rules=text)) if mode == "not" else text


def _value(info: Info, params: Mapping[str, object]) -> object:
    value = next((params[name] for name in info.names if name in params), None)
    return None if info.advanced or info.widget in ("hidden", "secret") else value


def _part(info: Info, value: object, providers: Providers) -> str:
    if info.widget == "conditions":
        return conditions_line(value)
    if isinstance(value, str):
        offered = providers.steps if info.widget == "step" else providers.pairs(info.resource)
        if info.resource not in ("", "workflow") and read_id(value):  # a workflow that runs itself is not offered
            return dict(offered).get(providers.offered_as(info.resource, value)) or str(_("No longer available"))
        return dict(offered).get(value) or str(_(dict(info.choices).get(value, value)))
    if isinstance(value, list) and all(isinstance(entry, str) for entry in value):
        return ", ".join(value)
    if isinstance(value, dict | list):
        inner = ", ".join(value) if isinstance(value, dict) else str(len(value))
        return str(_("%(label)s: %(value)s", label=_(info.label), value=inner))
    return str(_("%(label)s: %(value)s", label=_(info.label), value=shown(value)))


def _cut(text: str, length: int = LENGTH) -> str:
    text = " ".join(text.split())
    return text if len(text) <= length else text[: length - 1] + "…"
