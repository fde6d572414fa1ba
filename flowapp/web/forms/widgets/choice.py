"""Selects: fixed choices, and what the project has (tables, schemas, forms, integrations, steps)."""

from __future__ import annotations

from typing import Any, ClassVar

from flask_babel import gettext as _

from flowapp.catalog import N_
from flowapp.catalog.times import timezones
from flowapp.web.forms.field import Field, Posted
from flowapp.web.forms.info import ABSENT, Info, accepts, literals
from flowapp.web.forms.text import kind, number, shown, typed

Choices = list[tuple[str, str]]


class SelectField(Field):
    """One of the choices; a stored value that is none of them is offered too, and marked."""

    widgets: ClassVar[tuple[str, ...]] = ("select", "table", "schema", "form", "integration", "step", "workflow")
    template: ClassVar[str] = "forms/select.html"
    alternative: ClassVar[str] = "expression"

    @classmethod
    def shows(cls, value: Any, _info: Info) -> bool:
        return not isinstance(value, dict | list) and not (isinstance(value, str) and "{{" in value)

    def set(self, value: Any) -> None:
        self.value, self.kind = shown(value), kind(value)
        if self.info.widget == "workflow":  # stored by its name, it is offered by its id
            self.value = {name.casefold(): key for key, name in self._offered()}.get(self.value.casefold(), self.value)

    def load(self, data: Posted) -> None:
        if self.name in data:
            self.value = data[self.name]

    def json(self) -> Any:
        if not self.value:
            return ABSENT
        known = literals(self.info.annotation)
        if self.value in known or accepts(self.info.annotation, str):
            return known.get(self.value, self.value)
        return number(self.value) if accepts(self.info.annotation, int, float) else typed(self.value, self.kind)

    @property
    def choices(self) -> Choices:
        found = [(value, str(_(name))) for value, name in self._offered()]
        if self.value and self.value not in dict(found):
            found.append((self.value, str(_("%(value)s (no longer available)", value=self.value))))
        return found

    @property
    def blank(self) -> str | None:
        """The text of the empty choice, where there may be none."""
        if not self.info.required and self.info.default not in (None, "", ABSENT):
            return None
        return str(_("Choose…") if self.info.required else _("None"))

    @property
    def hint(self) -> str:
        if self.info.widget in _EMPTY and not self._offered():
            return str(_(_EMPTY[self.info.widget]))
        return self.help

    @property
    def switch(self) -> str:
        free = accepts(self.info.annotation, str) and self.info.widget != "step"
        return "expression" if free and self.form.picker else ""

    def _offered(self) -> Choices:
        offer, widget = self.form.providers, self.info.widget
        if widget == "integration":
            wanted = self.info.integration_type
            return [(key, name) for key, name, type_ in offer.integrations if wanted in ("", type_)]
        found = {"table": offer.tables, "schema": offer.schemas, "form": offer.forms, "step": offer.steps,
                 "workflow": offer.workflows}  # fmt: skip
        return list(found.get(widget, self.info.choices))


class TimezoneField(SelectField):
    """A time zone: a text box that suggests the zones there are."""

    widgets: ClassVar[tuple[str, ...]] = ("timezone",)
    template: ClassVar[str] = "forms/timezone.html"

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
    "integration": N_("There is no suitable integration yet. Add one under Settings, Integrations."),
    "step": N_("There is no other step yet."),
    "workflow": N_("There is no other workflow yet."),
}
