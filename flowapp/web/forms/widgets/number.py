"""A number, or an expression that gives one."""

from __future__ import annotations

from typing import Any, ClassVar

from flowapp.web.forms.info import ABSENT
from flowapp.web.forms.text import number
from flowapp.web.forms.widgets.text import TextField


class NumberField(TextField):
    """Typed as text: 1,5 is understood, and so is `{{ … }}`."""

    widgets: ClassVar[tuple[str, ...]] = ("number",)

    def json(self) -> Any:
        return number(self.text) if self.text.strip() else ABSENT
