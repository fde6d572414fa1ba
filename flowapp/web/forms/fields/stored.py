"""What is stored and not shown."""

from __future__ import annotations

from collections.abc import Iterable

from flowapp.web.forms.field import ParamField
from flowapp.web.forms.info import ABSENT


class HiddenField(ParamField, widgets=("hidden",), template="forms/hidden.html"):
    """What the app sets itself: draws nothing, and a post cannot change it."""

    def process_formdata(self, valuelist: list[str]) -> None:
        """Nothing of it is taken."""


class SecretField(ParamField, widgets=("secret",), template="forms/secret.html"):
    """An empty box keeps what is stored; a checkbox takes it away. What was typed stays while the form is open."""

    def process_data(self, value: object) -> None:
        self.stored, self.text, self.forget = value, "", False

    def process_formdata(self, valuelist: list[str]) -> None:
        self.text = valuelist[0] if valuelist else ""
        self.forget = self.beside("forget") is not None

    @property
    def data(self) -> object:
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


def keep_secrets(before: Iterable[ParamField], after: Iterable[ParamField]) -> None:
    """Secrets that were typed stay in their boxes where a form is made anew of what was typed."""
    typed = {field.info.key: field.text for field in before if isinstance(field, SecretField)}
    for field in after:
        if isinstance(field, SecretField):
            field.text = typed.get(field.info.key, "")
