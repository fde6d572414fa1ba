"""A secret: stored, never shown again."""

from __future__ import annotations

from typing import Any, ClassVar

from flowapp.web.forms.field import Field, Posted
from flowapp.web.forms.info import ABSENT


class SecretField(Field):
    """An empty box keeps what is stored; a checkbox takes it away. What was typed stays while the form is open."""

    widgets: ClassVar[tuple[str, ...]] = ("secret",)
    template: ClassVar[str] = "forms/secret.html"

    def set(self, value: Any) -> None:
        self.stored, self.text, self.forget = value, "", False

    def load(self, data: Posted) -> None:
        self.text = data.get(self.name, self.text)
        self.forget = f"{self.name}-forget" in data

    def json(self) -> Any:
        if self.text:
            return self.text
        return ABSENT if self.forget else self.stored

    @property
    def is_kept(self) -> bool:
        """Whether what is stored stays, untyped."""
        return self.is_stored and not self.text and not self.forget

    @property
    def is_stored(self) -> bool:
        return self.stored is not ABSENT and self.stored != ""
