"""A cron expression, with the usual ones to choose from."""

from __future__ import annotations

from typing import ClassVar

from flask_babel import gettext as _

from flowapp.catalog import N_
from flowapp.web.forms.field import Posted
from flowapp.web.forms.widgets.text import TextField

PRESETS = (
    ("*/15 * * * *", N_("Every 15 minutes")),
    ("0 * * * *", N_("Every hour")),
    ("0 8 * * *", N_("Every day at 8:00")),
    ("0 8 * * 1-5", N_("Monday to Friday at 8:00")),
    ("0 8 * * 1", N_("Every Monday at 8:00")),
    ("0 8 1 * *", N_("On the first of the month at 8:00")),
    ("0 8 1 1,4,7,10 *", N_("On the first day of each quarter at 8:00")),
)


class CronField(TextField):
    """Choosing a usual time fills the box. The page shows in words and dates what it means."""

    widgets: ClassVar[tuple[str, ...]] = ("cron",)
    template: ClassVar[str] = "forms/cron.html"

    def load(self, data: Posted) -> None:
        super().load(data)
        self.text = data.get(f"{self.name}-preset") or self.text

    @property
    def presets(self) -> list[tuple[str, str]]:
        return [(value, str(_(name))) for value, name in PRESETS]
