"""A parameter as a WTForms field: it shows what is stored, reads what was posted, and is drawn by a template."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import wtforms
from flask import current_app
from flask_babel import gettext as _
from markupsafe import Markup
from werkzeug.datastructures import MultiDict

from flowapp.catalog.params import resource_named
from flowapp.data.columns import SYSTEM_COLUMNS
from flowapp.web.forms.info import ABSENT, Info, accepts
from flowapp.web.forms.row_help import RowResult

Posted = MultiDict[str, str]
FIELDS: dict[str, type[ParamField]] = {}  # by widget
_WHOLE = (object, dict, list)  # the types of parameters that take lists or objects as they are


def draw(field: ParamField, **_kw: object) -> Markup:
    """The widget of every field: the macro `draw(f)` of its template."""
    template = current_app.jinja_env.get_template(field.template)
    return Markup(template.module.draw(field))  # type: ignore[attr-defined]  # noqa: S704 - a template escapes


class ParamField(wtforms.Field):  # type: ignore[misc]
    """One parameter. JSON of any stored shape goes in; `data` is JSON again, ABSENT where nothing was filled in.

    A subclass says which `widgets` of catalog.params it draws, by which `template` (its macro `draw(f)`), which
    `alternative` view (json or expression) the reader may switch to, and the `mark` that its control's name ends on.
    """

    template = alternative = mark = ""
    widget = staticmethod(draw)
    errors: Sequence[str] = ()
    acted = False  # one of its own buttons was pressed: add, remove, up, down
    around: Mapping[str, object] = {}  # what it shows of the params that stand beside its own

    def __init__(self, info: Info, mode: str = "", **options: object) -> None:
        self.info, self.mode = info, mode
        self.hidden = self.refreshes = False
        self.posted: Posted = MultiDict()
        texts = {"label": str(_(info.label)), "description": str(_(info.help)) if info.help else ""}
        super().__init__(**{"default": ABSENT, **texts, **options})
        self.flags.required = info.required

    def __init_subclass__(cls, widgets: Sequence[str] = (), **says: str) -> None:
        super().__init_subclass__()
        FIELDS.update(dict.fromkeys(widgets, cls))
        for name, value in says.items():
            setattr(cls, name, value)

    @classmethod
    def shows(cls, _value: object, _info: Info) -> bool:
        """Whether the field can show this value without losing any of it."""
        return True

    def process(self, formdata: Posted | None, data: object = ABSENT, extra_filters: object = None) -> None:
        """`data` is what is stored; the post, where there is one, says more."""
        self.posted = MultiDict() if formdata is None else formdata
        super().process(formdata, data, extra_filters)

    def beside(self, part: str) -> str | None:
        """What was posted of the control called `part` that stands beside the field's own."""
        return self.posted.get(f"{self.name}-{part}")

    def show(self, path: Sequence[str], message: str) -> None:
        """Shows a problem found at `path` inside the value."""
        del path
        self.errors = [*self.errors, message]

    def tell_rows(self, known: Sequence[RowResult]) -> None:
        """Takes what is known of each of its rows; only rows have some."""

    @property
    def suggested(self) -> list[tuple[str, str]]:
        """Names to choose from, and what they are called: a table's columns, the fields of what the row works on, the CRM's."""
        if self.info.suggest == "fields":
            return [(name, name) for name in self._form.field_names]
        if self.info.resource:
            return [*((name, str(_(label))) for name, label in self.info.choices), *self.available]
        columns = self.meta.providers.columns(self._form.current(self.info.depends_on)) if self.info.depends_on else ()
        system = SYSTEM_COLUMNS if columns else ()
        return [*((column["key"], column["label"]) for column in columns), *((name, name) for name in system)]

    @property
    def available(self) -> list[tuple[str, str]]:
        """What there is of the resource that it names."""
        resource = resource_named(self.info.resource, self._form.current)
        pairs: list[tuple[str, str]] = self.meta.providers.pairs(resource, self.info.integration_type)
        return pairs

    @property
    def messages(self) -> list[str]:
        """Every message shown at this field, inner ones included."""
        return list(self.errors)

    @property
    def filled(self) -> bool:
        """Whether it holds something else than the default."""
        value = self.data
        return value is not ABSENT and value != self.info.default and not self.hidden

    @property
    def placeholder(self) -> str:
        return str(_(self.info.placeholder)) if self.info.placeholder else ""

    @property
    def picker(self) -> bool:
        """Whether values of the execution may be inserted."""
        return self.meta.picker and not self.info.plain

    @property
    def attrs(self) -> dict[str, str]:
        """Attributes of the control, for the script: it sends the form when this changes; what is inserted becomes text."""
        return {
            name: value
            for name, value, says in (
                ("data-refreshes", "", self.refreshes),
                ("data-text", "", self.becomes_text),
                ("list", f"{self.name}-names", self.suggested),
            )
            if says
        }

    @property
    def becomes_text(self) -> bool:
        """Whether a list or an object that is inserted becomes its JSON as text."""
        return self.picker and accepts(self.info.annotation, str) and not accepts(self.info.annotation, *_WHOLE)

    @property
    def switch(self) -> str:
        """The other way in which this parameter can be filled in, as `_mode` wants it; empty: there is none."""
        if self.alternative == "expression" and not self.meta.picker:
            return ""
        return self.alternative if not self.mode else "plain"


def view_of(info: Info, value: object, mode: str = "", *, posted: bool = False) -> ParamField:
    """The unbound field for a value: the declared one, or the one that can show everything stored.

    `mode` is how the page shows it: plain, json or expression; `posted`: it was on the page as declared.
    """
    own = FIELDS[info.widget]
    if mode in ("", "plain") and (posted or value is ABSENT or own.shows(value, info)):
        return own(info)
    if not mode:
        mode = "expression" if isinstance(value, str) and own.alternative == "expression" else "json"
    mode = mode.replace("plain", "json")
    return FIELDS[mode](info, mode)


def row_indexes(names: Iterable[str], start: str) -> list[int]:
    """The numbers of the posted rows, `start-0-…`, in order."""
    heads = (name[len(start) + 1 :].split("-", 1)[0] for name in names if name.startswith(f"{start}-"))
    return sorted({int(head) for head in heads if head.isascii() and head.isdigit() and len(head) < 5})


def clean(text: str) -> str:
    """Posted text with the line ends of JSON."""
    return text.replace("\r\n", "\n")
