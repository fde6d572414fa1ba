"""A number, or an expression that gives one."""

from __future__ import annotations

from typing import Any, ClassVar

from flowapp.web.formgen.info import ABSENT
from flowapp.web.formgen.text import number
from flowapp.web.formgen.widgets.text import TextField


class NumberField(TextField):
    """Typed as text: 1,5 is understood, and so is `{{ … }}`."""

    widgets: ClassVar[tuple[str, ...]] = ("number",)

    def json(self) -> Any:
        return number(self.text) if self.text.strip() else ABSENT
