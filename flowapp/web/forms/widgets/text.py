"""Text boxes, and the box for an expression where another control stood."""

from __future__ import annotations

from typing import Any, ClassVar

from flask_babel import gettext as _

from flowapp.web.forms.field import Field, Posted, clean
from flowapp.web.forms.info import ABSENT, Info, accepts
from flowapp.web.forms.text import kind, shown, typed


class TextField(Field):
    """One line or several. A value of another type keeps it while its text stays readable as such."""

    widgets: ClassVar[tuple[str, ...]] = ("text", "textarea", "sql", "duration", "datetime")
    template: ClassVar[str] = "forms/text.html"

    @classmethod
    def shows(cls, value: Any, _info: Info) -> bool:
        return not isinstance(value, dict | list)

    def set(self, value: Any) -> None:
        self.text, self.kind = shown(value), kind(value)

    def load(self, data: Posted) -> None:
        if self.name in data:
            self.text = clean(data[self.name])
            self.kind = data.get(f"{self.name}-kind", "")

    def json(self) -> Any:
        if not self.text.strip():
            return self._blank()
        if self.kind and not (accepts(self.info.annotation, str) and self.text.strip()[:1] not in "[{"):
            return typed(self.text, self.kind)
        return self.text if self.multiline else self.text.strip()

    def _blank(self) -> Any:
        """Nothing was written: an empty text only where leaving it out would mean something else."""
        return "" if isinstance(self.info.default, str) and self.info.default else ABSENT

    @property
    def multiline(self) -> bool:
        return self.info.widget in ("textarea", "sql")

    @property
    def rows(self) -> int:
        return min(max(self.text.count("\n") + 2, 3 if self.info.widget == "textarea" else 5), 20)

    @property
    def picker(self) -> bool:
        """Whether values of the execution may be inserted."""
        return self.form.picker and not self.info.plain

    @property
    def hint(self) -> str:
        if self.info.widget == "duration":
            return " ".join(
                (self.help or _("For example 90 seconds, 2 hours, 3 days."), _("A number alone means seconds."))
            )
        if self.info.widget == "datetime" and not self.help:
            return str(_("A date such as 2026-03-31 09:00, or relative: +3 days."))
        return self.help

    @property
    def mono(self) -> bool:
        return self.info.widget == "sql"


class ExpressionField(TextField):
    """An expression in the place of a checkbox, a select or the like."""

    widgets: ClassVar[tuple[str, ...]] = ("expression",)

    @property
    def multiline(self) -> bool:
        return False
