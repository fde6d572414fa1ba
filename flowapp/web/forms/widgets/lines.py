"""A list of texts: one a line."""

from __future__ import annotations

from typing import Any, ClassVar

from flowapp.web.forms.info import ABSENT, Info, accepts
from flowapp.web.forms.widgets.text import TextField


class LinesField(TextField):
    """Empty lines do not count. A single line stays a text where the parameter may be one."""

    widgets: ClassVar[tuple[str, ...]] = ("lines",)

    @classmethod
    def shows(cls, value: Any, _info: Info) -> bool:
        texts = isinstance(value, list) and all(isinstance(entry, str) and "\n" not in entry for entry in value)
        return texts or isinstance(value, str)

    def set(self, value: Any) -> None:
        self.text, self.kind = "\n".join(value) if isinstance(value, list) else value or "", ""

    def json(self) -> Any:
        lines = [line.strip() for line in self.text.split("\n") if line.strip()]
        if len(lines) == 1 and accepts(self.info.annotation, str):
            return lines[0]
        return lines or ABSENT

    @property
    def multiline(self) -> bool:
        return True

    @property
    def hint(self) -> str:
        return self.help

    @property
    def rows(self) -> int:
        return min(max(self.text.count("\n") + 2, 3), 12)
