"""A group of fields of its own."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

from flowapp.web.forms.field import Field, Posted
from flowapp.web.forms.info import ABSENT, Info, models_in


class ModelField(Field):
    """An object with known fields. Nothing filled in means that it is not set."""

    widgets: ClassVar[tuple[str, ...]] = ("model",)
    template: ClassVar[str] = "forms/model.html"
    alternative: ClassVar[str] = "json"

    @classmethod
    def shows(cls, value: Any, _info: Info) -> bool:
        return isinstance(value, dict)

    def set(self, value: Any) -> None:
        from flowapp.web.forms.form import Form

        self.inner = Form(models_in(self.info.annotation)[0], value or {}, self.form.providers, f"{self.name}-")
        self.inner.picker = self.form.picker

    def load(self, data: Posted) -> None:
        self.inner.load(data)

    def json(self) -> Any:
        return self.inner.params() or ABSENT

    def act(self, verb: str, target: str) -> bool:
        return self.inner.act(verb, target)

    def check(self) -> None:
        self.inner.check()

    def place(self, path: Sequence[str], message: str) -> None:
        if path:
            self.inner.place_at(path, message)
        else:
            self.errors.append(message)

    @property
    def faults(self) -> list[str]:
        return self.errors + [text for texts in self.inner.errors.values() for text in texts]

    @property
    def switch(self) -> str:
        return ""
