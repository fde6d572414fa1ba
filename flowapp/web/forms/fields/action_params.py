"""The params of an action that another field names: the action's own fields, and rows for what it does not know."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import wtforms

from flowapp.catalog import ACTIONS, ActionSpec
from flowapp.engine.language.validation_messages import check_params
from flowapp.web.forms.field import Posted
from flowapp.web.forms.fields.integration import action_of
from flowapp.web.forms.fields.pairs import KeyValueField
from flowapp.web.forms.info import ABSENT, Info, infos
from flowapp.web.forms.text import same
from flowapp.web.texts import translated

_CONNECTION = "integration"  # a param of every such action; the form around asks for it


class ActionParamsField(KeyValueField, widgets=("action_params",), template="forms/action_params.html", alternative=""):
    """Params that stand beside this one in the step are shown here, too, and stay where they are."""

    form: wtforms.Form | None = None  # of the action's params

    def process(self, formdata: Posted | None, data: object = ABSENT, extra_filters: object = None) -> None:
        """What was typed into the fields of one action goes along when another one is chosen."""
        beside, self._form.unknown = self._form.unknown, {}
        self.stored, self.outside = {**(data if isinstance(data, dict) else {}), **beside}, frozenset(beside)
        self.posted = Posted() if formdata is None else formdata
        self.action = action_of(self._form[self.info.depends_on])
        fresh = self._fields(self.action, None, self.stored)
        self.as_shown = fresh.data if fresh is not None else {}
        if formdata is None or f"{self.name}{self.mark}" not in formdata:
            self._fill(self.stored)
            return
        before = ACTIONS.get(self.beside("for") or "")
        self.form = self._fields(before, formdata, self.stored)
        super().process(formdata, {}, extra_filters)
        self.acted |= self.form is not None and self.form.acted
        if before is not self.action:
            self._fill(self.params)

    def _fill(self, values: Mapping[str, object]) -> None:
        """Shows `values`, each in its field; those without one in rows."""
        known = _names(self.action)
        self.form = self._fields(self.action, None, values)
        super().process(None, {name: value for name, value in values.items() if name not in known})

    def _fields(
        self, action: ActionSpec | None, formdata: Posted | None, values: Mapping[str, object]
    ) -> wtforms.Form | None:
        if action is None:
            return None
        known = {name: value for name, value in values.items() if name in _names(action)}
        return self._form.inner(action.params, f"{self.name}-of", formdata, known, _CONNECTION)

    @property
    def integration(self) -> str:
        """The chosen one, of which the action's fields ask what there is to choose from."""
        return str(self._form.current(_CONNECTION))

    @property
    def params(self) -> dict[str, object]:
        """All of them under the names that they are stored under, and in that order."""
        rows = {row.name: row.json for row in self.rows if not row.blank}
        typed = {**self._typed(), **rows}
        return {name: typed[name] for name in self.stored if name in typed} | typed

    def _typed(self) -> dict[str, object]:
        if self.form is None:
            return {}
        stored_as = {info.key: next(filter(self.stored.__contains__, info.names), info.key) for info in self.form.infos}
        return {
            stored_as[key]: self.stored.get(stored_as[key], value) if same(value, self.as_shown.get(key)) else value
            for key, value in self.form.data.items()
        }

    @property
    def data(self) -> object:
        return {name: value for name, value in self.params.items() if name not in self.outside} or ABSENT

    @property
    def around(self) -> Mapping[str, object]:  # type: ignore[override] # here it follows what was typed
        return {name: value for name, value in self.params.items() if name in self.outside}

    def validate(self, form: object, extra_validators: Sequence[object] = ()) -> bool:
        """As the step of that action would be checked. Names that it does not know are told on the draft."""
        super().validate(form, extra_validators)
        if self.form is not None and self.action is not None:
            self.form.validate()
            for problem in check_params(self.action.params, {**self.params, _CONNECTION: _CONNECTION}, "")[0]:
                if problem.code != "unknown_field":
                    self.show(problem.path.removeprefix(".").split("."), translated(problem.message))
        return not self.messages

    def show(self, path: Sequence[str], message: str) -> None:
        """Shows a problem at the field that it belongs to; once."""
        field = next((one for one in self.form or () if path and path[0] in one.info.names), None)
        if field is None or self.form is None:
            super().show(path, message)
        elif message not in field.messages:
            self.form.show_at((field.info.key, *path[1:]), message)

    @property
    def messages(self) -> list[str]:
        inner = self.form.errors.values() if self.form is not None else ()
        return [*super().messages, *(text for texts in inner for text in texts)]


def _names(action: ActionSpec | None) -> frozenset[str]:
    """The names of an action's params, as they may be stored."""
    known: tuple[Info, ...] = infos(action.params) if action else ()
    return frozenset(name for info in known for name in info.names if info.key != _CONNECTION)
