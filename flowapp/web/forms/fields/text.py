"""Text boxes: one line or several, numbers, lists of lines, cron, and the box for an expression in another's place."""

from __future__ import annotations

import re
from collections.abc import Iterator

from flask import url_for
from flask_babel import gettext as _

from flowapp.catalog import N_
from flowapp.events.types import EVENT_TYPES
from flowapp.web.forms.field import ParamField, clean
from flowapp.web.forms.info import ABSENT, Info, accepts
from flowapp.web.forms.text import kind, number, shown, typed

PRESETS = (
    ("*/15 * * * *", N_("Every 15 minutes")),
    ("0 * * * *", N_("Every hour")),
    ("0 8 * * *", N_("Every day at 8:00")),
    ("0 8 * * 1-5", N_("Monday to Friday at 8:00")),
    ("0 8 * * 1", N_("Every Monday at 8:00")),
    ("0 8 1 * *", N_("On the first of the month at 8:00")),
    ("0 8 1 1,4,7,10 *", N_("On the first day of each quarter at 8:00")),
)

_DAY = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_MARKS = re.compile(r"(\{\{|\}\}|,)")


class TextField(
    ParamField, widgets=("text", "textarea", "sql", "duration", "date", "datetime"), template="forms/text.html"
):
    """One line or several. A value of another type keeps it while its text stays readable as such."""

    @classmethod
    def shows(cls, value: object, _info: Info) -> bool:
        return not isinstance(value, dict | list)

    def process_data(self, value: object) -> None:
        self.text, self.kind = shown(value), kind(value)

    def process_formdata(self, valuelist: list[str]) -> None:
        if valuelist:
            self.text, self.kind = clean(valuelist[0]), self.beside("kind") or ""

    @property
    def data(self) -> object:
        if not self.text.strip():  # an empty text only where leaving it out would mean something else
            return "" if isinstance(self.info.default, str) and self.info.default else ABSENT
        if self.kind and not (accepts(self.info.annotation, str) and self.text.strip()[:1] not in "[{"):
            return typed(self.text, self.kind)
        return self.text if self.multiline else self.text.strip()

    @property
    def multiline(self) -> bool:
        return self.info.widget in ("textarea", "sql")

    @property
    def rows(self) -> int:
        return min(max(self.text.count("\n") + 2, 3 if self.info.widget == "textarea" else 5), 20)

    @property
    def hint(self) -> str:
        if self.info.widget == "duration":
            return " ".join(
                (self.description or _("For example 90 seconds, 2 hours, 3 days."), _("A number alone means seconds."))
            )
        if self.info.widget == "datetime" and not self.description:
            return str(_("A date such as 2026-03-31 09:00, or relative: +3 days."))
        return str(self.description)

    @property
    def input_type(self) -> str:
        """A calendar for a day; what is stored and is no day, or an expression, stays a text."""
        return "date" if self.info.widget == "date" and _DAY.fullmatch(self.text or "2026-12-31") else "text"

    @property
    def offers(self) -> dict[str, str] | None:
        """Where its choices are asked for, with the fields that they depend on; None where no service gives any."""
        if not self.info.options_of:
            return None
        step_type, *needs = self.info.options_of
        prefix = self.name.removesuffix(self.info.key)
        names = (f"[name='{prefix}{name}']" for name in ("integration", *needs))
        url = url_for("field_options.show", step_type=step_type, field=self.info.key, prefix=prefix)
        return {"url": url, "include": ", ".join(names)}

    @property
    def mono(self) -> bool:
        return self.info.widget == "sql"


class ExpressionField(TextField, widgets=("expression",)):
    """An expression in the place of a checkbox, a select or the like."""

    multiline = False


class NumberField(TextField, widgets=("number",)):
    """Typed as text: 1,5 is understood, and so is `{{ … }}`."""

    @property
    def data(self) -> object:
        return number(self.text) if self.text.strip() else ABSENT


class LinesField(TextField, widgets=("lines",)):
    """A list of texts, one a line. Empty lines do not count; a single line stays a text where the parameter may be one."""

    multiline = True

    @property
    def template(self) -> str:  # type: ignore[override] # with names to choose from it looks different
        return "forms/names.html" if self.suggested else "forms/text.html"

    @property
    def chosen(self) -> list[str]:
        """What is chosen of the suggested names."""
        return [name for name in self._lines if name in dict(self.suggested)]

    @property
    def others(self) -> str:
        """The names that are not among the suggested ones."""
        return ", ".join(name for name in self._lines if name not in dict(self.suggested))

    @property
    def _lines(self) -> list[str]:
        lines = self.text.split("\n")
        names = [name for line in lines for name in _names(line)] if self.suggested else lines
        return [name.strip() for name in names if name.strip()]

    def process_formdata(self, valuelist: list[str]) -> None:
        """Boxes of suggested names send several values, and others as text with commas between."""
        super().process_formdata(["\n".join(valuelist)] if valuelist else [])

    @classmethod
    def shows(cls, value: object, _info: Info) -> bool:
        texts = isinstance(value, list) and all(isinstance(entry, str) and "\n" not in entry for entry in value)
        return texts or isinstance(value, str)

    def process_data(self, value: object) -> None:
        super().process_data("\n".join(value) if isinstance(value, list) else value)

    @property
    def data(self) -> object:
        lines = self._lines
        if len(lines) == 1 and (accepts(self.info.annotation, str) or (self.suggested and lines[0][:2] == "{{")):
            return lines[0]
        return lines or ABSENT

    @property
    def rows(self) -> int:
        return min(max(self.text.count("\n") + 2, 3), 12)


class EventsField(LinesField, widgets=("events",), template="forms/events.html"):
    """Types of events. Choosing one of ours adds a line; those of other systems, and patterns such as order.*, are typed."""

    def process_formdata(self, valuelist: list[str]) -> None:
        super().process_formdata(valuelist)
        chosen = self.beside("choose")
        if chosen and chosen not in self.text.split("\n"):
            self.text = f"{self.text.rstrip()}\n{chosen}".lstrip()

    @property
    def offered(self) -> list[tuple[str, str, str]]:
        """Ours: name, label, and the names in what it carries."""
        return [(one.name, str(_(one.label)), ", ".join(one.payload.model_fields)) for one in EVENT_TYPES.values()]


class CronField(TextField, widgets=("cron",), template="forms/cron.html"):
    """Choosing a usual time fills the box. The page shows in words and dates what it means."""

    def process_formdata(self, valuelist: list[str]) -> None:
        super().process_formdata(valuelist)
        self.text = self.beside("preset") or self.text

    @property
    def presets(self) -> list[tuple[str, str]]:
        return [(value, str(_(name))) for value, name in PRESETS]


def _names(line: str) -> Iterator[str]:
    """What stands between its commas, those inside expressions left out."""
    name, inside = "", False
    for part in _MARKS.split(line):
        if part == "," and not inside:
            yield name
            name = ""
            continue
        inside = part == "{{" or (inside and part != "}}")
        name += part
    yield name
