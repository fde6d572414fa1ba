"""The base of every widget: one parameter in a form, as it is shown, read and written back."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Sequence
from functools import cache
from typing import TYPE_CHECKING, Any, ClassVar

from flask_babel import gettext
from werkzeug.datastructures import MultiDict

from flowapp.web.forms.info import ABSENT, Info

if TYPE_CHECKING:
    from flowapp.web.forms.form import Form

Posted = MultiDict[str, str]


class Field:
    """One parameter. Its state is what a person sees: JSON of any stored shape goes in, JSON comes out.

    `widgets`: the names of catalog.params.Widget that the class draws; `template` has a macro `draw(f)`;
    `alternative`: the widget ("json" or "expression") that the reader may switch to.
    """

    widgets: ClassVar[tuple[str, ...]] = ()
    template: ClassVar[str] = ""
    alternative: ClassVar[str] = ""

    def __init__(self, info: Info, name: str, value: Any, form: Form, mode: str = "") -> None:
        self.info = info
        self.name = name
        self.form = form
        self.mode = mode
        self.errors: list[str] = []
        self.hidden = False
        self.refreshes = False
        self.set(value)

    @classmethod
    def shows(cls, _value: Any, _info: Info) -> bool:
        """Whether the widget can show this value without losing any of it."""
        return True

    def set(self, value: Any) -> None:
        """Takes up a stored value, ABSENT where there is none."""
        raise NotImplementedError

    def load(self, data: Posted) -> None:
        """Takes up what was posted; keeps its state where the form did not have this field."""
        raise NotImplementedError

    def json(self) -> Any:
        """The value for the params, ABSENT where nothing was filled in."""
        raise NotImplementedError

    def act(self, _verb: str, _target: str) -> bool:
        """A row button was pressed (add, remove, up, down). True where it was meant for this field."""
        return False

    def check(self) -> None:
        """Marks what the JSON cannot tell."""

    def place(self, _path: Sequence[str], message: str) -> None:
        """Shows a problem found at `_path` inside the value."""
        self.errors.append(message)

    @property
    def faults(self) -> list[str]:
        """Every message shown at this field, inner ones included."""
        return self.errors

    @property
    def filled(self) -> bool:
        """Whether it holds something else than the default."""
        value = self.json()
        return value is not ABSENT and value != self.info.default and not self.hidden

    @property
    def label(self) -> str:
        return str(gettext(self.info.label))

    @property
    def help(self) -> str:
        return str(gettext(self.info.help)) if self.info.help else ""

    @property
    def placeholder(self) -> str:
        return str(gettext(self.info.placeholder)) if self.info.placeholder else ""

    @property
    def attrs(self) -> dict[str, str]:
        """Attributes of the control: `data-refreshes` makes the script send the form when it changes."""
        return {"data-refreshes": ""} if self.refreshes else {}

    @property
    def switch(self) -> str:
        """The other way in which this parameter can be filled in, as `_mode` wants it; empty: there is none."""
        if self.alternative == "expression" and not self.form.picker:
            return ""
        return self.alternative if not self.mode else "plain"


def widget(name: str) -> type[Field]:
    """The class that draws a widget."""
    return _widgets()[name]


@cache
def _widgets() -> dict[str, type[Field]]:
    """All of them; two threads that ask first may both look, but neither sees half of them."""
    from flowapp.web.forms import widgets

    known: dict[str, type[Field]] = {}
    for found in pkgutil.iter_modules(widgets.__path__):
        module = importlib.import_module(f"{widgets.__name__}.{found.name}")
        for entry in vars(module).values():
            if isinstance(entry, type) and issubclass(entry, Field):
                known.update(dict.fromkeys(entry.__dict__.get("widgets", ()), entry))
    return known


def make(info: Info, name: str, value: Any, form: Form, mode: str = "") -> Field:
    """The field for a value: the widget that was asked for, or the one that can show everything stored.

    `mode` is how the page showed it before: plain, json or expression.
    """
    own = widget(info.widget)
    fits = value is ABSENT or value is None or own.shows(value, info)
    if mode in ("", "plain") and fits:
        return own(info, name, value, form)
    if not mode:
        mode = "expression" if isinstance(value, str) and own.alternative == "expression" else "json"
    return widget("json" if mode == "plain" else mode)(info, name, value, form, "json" if mode == "plain" else mode)


def row_indexes(data: Posted, name: str) -> list[int]:
    """The numbers of the posted rows, `name-0-…`, in order."""
    start = f"{name}-"
    heads = (key[len(start) :].split("-", 1)[0] for key in data if key.startswith(start))
    return sorted({int(head) for head in heads if head.isascii() and head.isdigit() and len(head) < 5})


def clean(text: str) -> str:
    """Posted text with the line ends of JSON."""
    return text.replace("\r\n", "\n")
