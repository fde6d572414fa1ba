"""Choices: yes or no, fixed ones, and what the project has (tables, schemas, forms, integrations, steps)."""

from __future__ import annotations

from flask_babel import gettext as _

from flowapp.catalog import N_
from flowapp.catalog.times import timezones
from flowapp.models import read_id
from flowapp.web.forms.field import ParamField
from flowapp.web.forms.info import ABSENT, Info, accepts, literals
from flowapp.web.forms.text import kind, number, shown, typed

Choices = list[tuple[str, str]]


class CheckboxField(ParamField, widgets=("checkbox",), template="forms/checkbox.html", alternative="expression"):
    """A hidden box of the same name says that the checkbox was on the page."""

    @classmethod
    def shows(cls, value: object, _info: Info) -> bool:
        return isinstance(value, bool)

    def process_data(self, value: object) -> None:
        self.data = value is True

    def process_formdata(self, valuelist: list[str]) -> None:
        if valuelist:
            self.data = "y" in valuelist


class ChoicesField(ParamField, widgets=("choices",), template="forms/choices.html"):
    """Boxes to check; one alone is kept as that value where the parameter may be one. A hidden box says that they were there."""

    @classmethod
    def shows(cls, value: object, info: Info) -> bool:
        return set(_listed(value)) <= {key for key, _name in info.choices}

    def process_data(self, value: object) -> None:
        given = self.info.default if value is ABSENT else value
        self.chosen = [] if given is ABSENT else _listed(given)

    def process_formdata(self, valuelist: list[str]) -> None:
        if valuelist:
            self.chosen = [value for value in valuelist if value]

    @property
    def data(self) -> object:
        return self.chosen[0] if len(self.chosen) == 1 and literals(self.info.annotation) else self.chosen

    @property
    def choices(self) -> list[tuple[str, str, bool]]:
        """Value, label, and whether it is chosen."""
        return [(value, str(_(name)), value in self.chosen) for value, name in self.info.choices]


class MembersField(ChoicesField, widgets=("members",), template="forms/choices.html", alternative="expression"):
    """Members of the organization, by e-mail address; whoever is stored and is none is offered too, and marked."""

    @classmethod
    def shows(cls, value: object, _info: Info) -> bool:
        return all(isinstance(name, str) and "{{" not in name for name in _names(value))

    def process_data(self, value: object) -> None:
        self.chosen = _names([] if value is ABSENT else value)

    @property
    def choices(self) -> list[tuple[str, str, bool]]:
        chosen = {str(name).casefold() for name in self.chosen}
        members = dict(self.available)
        offered = [(email, name, email in chosen) for email, name in members.items()]
        gone = [name for name in map(str, self.chosen) if name.casefold() not in members]
        return [*offered, *((name, str(_("%(value)s (no longer available)", value=name)), True) for name in gone)]


def _names(value: object) -> list[object]:
    """A list of names; also as text with commas between."""
    return [name.strip() for name in value.split(",")] if isinstance(value, str) else _listed(value)


def _listed(value: object) -> list[object]:
    return value if isinstance(value, list) else [value]


class SelectField(
    ParamField,
    widgets=("select", "table", "schema", "form", "email_template", "step", "workflow"),
    template="forms/select.html",
    alternative="expression",
):
    """One of the choices; a stored value that is none of them is offered too, and marked."""

    @classmethod
    def shows(cls, value: object, _info: Info) -> bool:
        return not isinstance(value, dict | list) and not (isinstance(value, str) and "{{" in value)

    def process_data(self, value: object) -> None:
        self.value, self.kind = self.meta.providers.offered_as(self.info.resource, shown(value)), kind(value)

    def process_formdata(self, valuelist: list[str]) -> None:
        if valuelist:
            self.value = valuelist[0]

    @property
    def data(self) -> object:
        if not self.value:
            return ABSENT
        known = literals(self.info.annotation)
        if self.value in known or accepts(self.info.annotation, str):
            return known.get(self.value, self.value)
        return number(self.value) if accepts(self.info.annotation, int, float) else typed(self.value, self.kind)

    @property
    def choices(self) -> Choices:
        choices = [(value, str(_(name))) for value, name in self._offered()]
        if self.value and self.value not in dict(choices):
            choices.append((self.value, self.called(self.value)))
        return choices

    def called(self, value: str) -> str:
        """What a stored value is called that is none of the choices. An id tells nobody anything."""
        if self.info.resource and read_id(value):
            return str(_("No longer available"))
        return str(_("%(value)s (no longer available)", value=value))

    @property
    def blank(self) -> str | None:
        """The text of the empty choice, where there may be none."""
        chosen_anyway = not self.info.required and self.info.default not in (None, "", ABSENT)
        if chosen_anyway or "" in dict(self._offered()):
            return None
        return str(_("Choose…") if self.info.required else _("None"))

    @property
    def hint(self) -> str:
        if self.info.widget in _EMPTY and not self._offered():
            return str(_(_EMPTY[self.info.widget]))
        return str(self.description)

    @property
    def switch(self) -> str:
        free = accepts(self.info.annotation, str) and self.info.widget != "step"
        return "expression" if free and self.meta.picker else ""

    def _offered(self) -> Choices:
        if self.info.widget == "step":
            return list(self.meta.providers.steps)
        return [*self.info.choices, *self.available]


class TimezoneField(SelectField, widgets=("timezone",), template="forms/timezone.html"):
    """A time zone: a text box that suggests the zones there are."""

    @property
    def zones(self) -> list[str]:
        return [zone for zone in timezones() if "/" in zone or zone == "UTC"]

    @property
    def switch(self) -> str:
        return ""


_EMPTY = {
    "table": N_("There is no data table yet. Create one on the page “Data tables”, then come back."),
    "schema": N_("There is no validation schema yet. Create one first, then come back."),
    "form": N_("There is no form yet. Create one on the page “Forms”, then come back."),
    "email_template": N_("There is no e-mail template yet. Create one on the page “E-mail templates”, then come back."),
    "step": N_("There is no other step yet."),
    "workflow": N_("There is no other workflow yet."),
}
