"""Yes or no."""

from __future__ import annotations

from typing import Any, ClassVar

from flowapp.web.forms.field import Field, Posted
from flowapp.web.forms.info import Info


class CheckboxField(Field):
    """A hidden box of the same name says that the checkbox was on the page."""

    widgets: ClassVar[tuple[str, ...]] = ("checkbox",)
    template: ClassVar[str] = "forms/checkbox.html"
    alternative: ClassVar[str] = "expression"

    @classmethod
    def shows(cls, value: Any, _info: Info) -> bool:
        return isinstance(value, bool)

    def set(self, value: Any) -> None:
        self.checked = value is True

    def load(self, data: Posted) -> None:
        if self.name in data:
            self.checked = "y" in data.getlist(self.name)

    def json(self) -> Any:
        return self.checked
