"""What the app sets itself: kept as stored, never taken from a post."""

from __future__ import annotations

from typing import Any, ClassVar

from flowapp.web.forms.field import Field, Posted


class HiddenField(Field):
    """Draws nothing."""

    widgets: ClassVar[tuple[str, ...]] = ("hidden",)
    template: ClassVar[str] = "forms/hidden.html"

    def set(self, value: Any) -> None:
        self.value = value

    def load(self, data: Posted) -> None:
        """Nothing: a post cannot change it."""

    def json(self) -> Any:
        return self.value
