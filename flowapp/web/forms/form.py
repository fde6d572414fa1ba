"""A form made of a parameter model."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from pydantic import BaseModel

from flowapp.catalog import Params
from flowapp.engine.language.definition import json_problems
from flowapp.engine.language.validation_messages import check_params
from flowapp.errors import Problem
from flowapp.texts import labelled
from flowapp.web.forms.field import Field, Posted, make
from flowapp.web.forms.info import ABSENT, infos
from flowapp.web.forms.providers import Providers
from flowapp.web.forms.text import shown
from flowapp.web.texts import translated

Check = Callable[[dict[str, Any]], list[Problem]]
_VERBS = {"_add": "add", "_add_group": "add_group", "_remove": "remove", "_up": "up", "_down": "down"}


class Form:
    """`fields` in the model's order. `acted`: the post only asked for another row or another view, nothing to save.

    `picker`: expressions are evaluated here, so values of the workflow may be inserted. `errors` maps the name of each wrong field to its messages; `form_errors` belong to no field.
    """

    picker = True
    live = False  # every change is shown at once

    def __init__(
        self,
        model: type[BaseModel],
        values: Mapping[str, Any],
        providers: Providers,
        prefix: str = "",
        check: Check | None = None,
    ) -> None:
        self.model = model
        self.providers = providers
        self.prefix = prefix
        self.form_errors: list[str] = []
        self.acted = False
        self._check = check or self._check_params
        self._stored = dict(values)
        self.fields: list[Field] = []
        known = set()
        for info in infos(model):
            known |= set(info.names)
            value = next((values[name] for name in info.names if name in values), info.default)
            self.fields.append(make(info, f"{prefix}{info.key}", ABSENT if value is None else value, self))
        self.unknown = {key: value for key, value in values.items() if key not in known}
        self._wire()

    def __getitem__(self, key: str) -> Field:
        """A field by its name in the params or in the model. KeyError where there is none."""
        for field in self.fields:
            if key in (field.info.key, field.info.name):
                return field
        raise KeyError(key)

    @property
    def main(self) -> list[Field]:
        """The fields that are always in sight."""
        return [field for field in self.fields if not field.info.advanced]

    @property
    def advanced(self) -> list[Field]:
        """The fields for those who look for them."""
        return [field for field in self.fields if field.info.advanced]

    @property
    def errors(self) -> dict[str, list[str]]:
        found = {field.name: field.faults for field in self.fields if field.faults}
        return found | ({"": self.form_errors} if self.form_errors else {})

    @property
    def unknown_text(self) -> str:
        """The settings that the model does not know, as JSON text."""
        return json.dumps(self.unknown, ensure_ascii=False, indent=2) if self.unknown else ""

    def read(self, data: Posted) -> dict[str, Any]:
        """The params as posted. Fills `errors`, unless a row button or a refresh was pressed (`acted`)."""
        if not self.take(data):
            self.judge()
        return self.params()

    def take(self, data: Posted) -> bool:
        """Takes up what was posted and does what a row button asked for; True where one did."""
        self.load(data)
        self.acted = any([self._act(data), "_refresh" in data])
        return self.acted

    def judge(self) -> None:
        """Fills `errors`."""
        self.check()
        self.place(self._check(self.params()))

    def check(self) -> None:
        """Marks what the params could not tell, such as a name that was written twice."""
        for field in self.fields:
            field.check()

    def load(self, data: Posted) -> None:
        """Takes up what was posted, changes nothing else."""
        for at, field in enumerate(self.fields):
            mode = data.get(f"{field.name}-mode", "")
            current = field
            if mode != field.mode and mode in ("json", "expression"):
                current = make(field.info, field.name, ABSENT, self, mode)
            elif field.mode and mode == "plain":
                current = make(field.info, field.name, ABSENT, self, "plain")
            self.fields[at] = current
            current.load(data)
        if f"{self.prefix}_drop_unknown" in data:
            self.unknown = {}
        self._wire()

    def params(self) -> dict[str, Any]:
        """The JSON of what the form shows. Defaults that were never written down stay unwritten."""
        found: dict[str, Any] = {}
        for field in self.fields:
            key = field.info.key
            if field.hidden and not self._untouched(field):
                continue
            value = field.json()
            unwritten = same(value, field.info.default) and not self._stored.keys() & set(field.info.names)
            if value is not ABSENT and not unwritten:
                found[key] = value
        return found | self.unknown

    def act(self, verb: str, target: str) -> bool:
        """Passes a row button on to the field it belongs to."""
        return any(field.act(verb, target) for field in self.fields if target.startswith(field.name))

    def place(self, problems: Iterable[Problem]) -> None:
        """Shows problems beside their fields; their paths begin with a field's key."""
        for problem in problems:
            self.place_at(problem.path.removeprefix(".").split("."), translated(problem.message))

    def place_at(self, path: Sequence[str], message: str) -> None:
        """Shows one problem."""
        try:
            field = self[path[0]] if path else None
        except KeyError:
            field = None
        if field is None or field.hidden:
            self.form_errors.append(translated(labelled(field.label if field else "", message)))
        else:
            field.place(path[1:], message)

    def _check_params(self, params: dict[str, Any]) -> list[Problem]:
        assert issubclass(self.model, Params)  # noqa: S101 - only Params are the top of a form
        return json_problems(params) or check_params(self.model, params, "")[0]

    def _act(self, data: Posted) -> bool:
        acted = False
        for name, verb in _VERBS.items():
            target = data.get(name, "")
            if target and target.startswith(self.prefix):
                acted |= self.act(verb, target)
        name, _sep, mode = data.get("_mode", "").rpartition(":")
        for at, field in enumerate(self.fields):
            if field.name == name and mode in ("plain", "json", "expression"):
                self.fields[at] = make(field.info, name, field.json(), self, mode)
                acted = True
        if acted:
            self._wire()
        return acted

    def _wire(self) -> None:
        """Which fields other fields hang on, and which are out of sight now."""
        watched = {name for field in self.fields for name in (*(field.info.show_if or {}), field.info.depends_on)}
        for field in self.fields:
            field.refreshes = self.live or bool(watched & set(field.info.names))
            field.hidden = field.info.widget == "hidden" or not self._applies(field)

    def _applies(self, field: Field) -> bool:
        return all(self.current(name) in values for name, values in (field.info.show_if or {}).items())

    def current(self, name: str) -> str:
        """What the field called `name` holds now, as text."""
        field = self[name]
        value = field.json()
        return shown(field.info.default if value is ABSENT else value)

    def _untouched(self, field: Field) -> bool:
        """A stored value out of sight stays while nobody changed what hides it."""
        if field.info.widget == "hidden":
            return True
        stored, wanted = self._stored, field.info.show_if or {}
        before = (next((stored[n] for n in self[w].info.names if n in stored), self[w].info.default) for w in wanted)
        return bool(stored.keys() & set(field.info.names)) and [*map(shown, before)] == [*map(self.current, wanted)]


def same(left: Any, right: Any) -> bool:
    """Equality that tells true from 1."""
    return type(left) is type(right) and bool(left == right)


def build(
    model: type[BaseModel],
    values: Mapping[str, Any],
    *,
    providers: Providers | None = None,
    prefix: str = "",
    check: Check | None = None,
) -> Form:
    """The form for stored `values`. Its controls are named `prefix` + key; `check` finds what is wrong with read params
    (paths begin with the key), where it is not the check of a step's params."""
    return Form(model, values, providers or Providers(), prefix, check)
