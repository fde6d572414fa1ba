"""A parameter model as a WTForms form."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import cache
from typing import Any, ClassVar

import wtforms
from pydantic import BaseModel

from flowapp.catalog import Params
from flowapp.engine.language.definition import json_problems
from flowapp.engine.language.validation_messages import check_params
from flowapp.errors import Problem
from flowapp.texts import labelled
from flowapp.web.forms.field import ParamField, Posted, view_of
from flowapp.web.forms.fields import FIELDS
from flowapp.web.forms.info import ABSENT, Info, infos
from flowapp.web.forms.providers import Providers
from flowapp.web.forms.text import same, shown
from flowapp.web.texts import translated

Check = Callable[[dict[str, object]], list[Problem]]
_VIEWS = ("plain", "json", "expression")


class ParamsForm(wtforms.Form):  # type: ignore[misc]
    """Its fields are in the model's order; `data` is the JSON of what it shows: the params.

    `acted`: the post only asked for another row or another view, nothing to save. `errors` maps the name of each wrong
    field to its messages; `form_errors` belong to no field.
    """

    class Meta:
        providers = Providers()
        picker = True  # expressions are evaluated here, so values of the workflow may be inserted
        live = False  # every change is shown at once
        beside: ParamsForm | None = None  # a form on the same page whose fields may decide which of these are shown

        def bind_field(self, form: ParamsForm, unbound_field: wtforms.Field, options: dict[str, object]) -> object:
            """A parameter is bound to the field that can show its value."""
            if unbound_field.field_class is ParamField:
                unbound_field = form.view(*unbound_field.args)
            return unbound_field.bind(form=form, **options)

    infos: ClassVar[Sequence[Info]] = ()
    field_names: Sequence[str] = ()  # of the data that a row works on

    def __init__(
        self,
        formdata: Posted | None,
        values: Mapping[str, object],
        prefix: str = "",
        check: Check | None = None,
        meta: Mapping[str, object] | None = None,
    ) -> None:
        self._stored, self._posted, self._check = values, formdata, check
        self.unknown = {k: v for k, v in values.items() if not any(k in info.names for info in self.infos)}
        if formdata is not None and f"{prefix}_drop_unknown" in formdata:
            self.unknown = {}
        super().__init__(formdata, prefix=prefix, meta=dict(meta or {}))

    def view(self, info: Info) -> ParamField:
        """The unbound field for a parameter, by what is stored and how the page showed it."""
        name, posted = f"{self._prefix}{info.key}", Posted() if self._posted is None else self._posted
        mode = posted.get(f"{name}-mode", "")
        as_declared = f"{name}{FIELDS[info.widget].mark}" in posted
        return view_of(info, self._value(info), mode if mode in _VIEWS[1:] else "", posted=as_declared)

    def process(self, formdata: Posted | None = None, *_other: object, **_names: object) -> None:
        """Takes up what is stored and what was posted, and does what a button asked for."""
        stored = {name: self._value(field.info) for name, field in self._fields.items() if self._fits(field)}
        super().process(formdata, data=stored)
        self.acted = any(field.acted for field in self)
        if formdata is not None:
            self._switch(formdata)
            self.acted |= "_refresh" in formdata

    def _switch(self, formdata: Posted) -> None:
        """Shows a field in another way, where its button was pressed."""
        target, _sep, mode = formdata.get("_mode", "").rpartition(":")
        for name, field in self._fields.items():
            if field.name == target and mode in _VIEWS:
                unbound = view_of(field.info, field.data, mode)
                self._fields[name] = unbound.bind(form=self, name=field.short_name, prefix=self._prefix)
                self._fields[name].process(None, field.data)
                self.acted = True
                self.post_process()

    def post_process(self, formdata: Posted | None = None) -> None:
        """Which fields other fields hang on, and which are out of sight now."""
        watched = {name for info in self.infos for name in (*(info.show_if or {}), *info.deciding)}
        for field in self:
            field.refreshes = self.meta.live or bool(watched & set(field.info.names))
            field.hidden = field.info.widget == "hidden" or not self.applies(field.info)
        for field in self.meta.beside or ():
            field.refreshes |= bool(watched & set(field.info.names))
        super().post_process(formdata)

    def validate(self, extra_validators: object = None) -> bool:
        """Runs the fields' validators, then the check of the whole; its problems go to the fields they belong to."""
        super().validate(extra_validators)
        self.show(self._check(self.data) if self._check else ())
        return not self.errors

    def inner(
        self, model: type[BaseModel], name: str, posted: Posted | None, values: Mapping[str, object], without: str = ""
    ) -> ParamsForm:
        """The form of a model inside one of this form's fields."""
        meta = {"providers": self.meta.providers, "picker": self.meta.picker, "_parent_form": self}
        return form_class(model, without=without)(posted, values, f"{name}-", meta=meta)

    def __getitem__(self, key: str) -> ParamField:
        """A field by its name in the params or in the model. KeyError where there is none."""
        for field in self:
            if key in (field.info.key, field.info.name):
                return field  # type: ignore[no-any-return]
        raise KeyError(key)

    def label(self, key: str) -> str:
        """What the page calls the parameter of that name."""
        return next((str(field.label.text) for field in self if key in (field.info.key, field.info.name)), key)

    @property
    def data(self) -> dict[str, object]:
        """The params. Defaults that were never written down stay unwritten."""
        written = dict(self._written())
        for field in self:
            written |= field.around
        return written | self.unknown

    def _written(self) -> Iterator[tuple[str, Any]]:
        for field in self:
            if not field.hidden or self.untouched(field.info):
                value, info = field.data, field.info
                unwritten = same(value, info.default) and not self._stored.keys() & set(info.names)
                if value is not ABSENT and not unwritten:
                    yield info.key, value

    @property
    def errors(self) -> dict[str, list[str]]:
        wrong = {field.name: field.messages for field in self if field.messages}
        return wrong | ({"": self.form_errors} if self.form_errors else {})

    @property
    def prefix(self) -> str:
        """What the names of all its controls begin with."""
        return str(self._prefix)

    def show(self, problems: Iterable[Problem]) -> None:
        """Shows problems beside their fields; their paths begin with a field's key."""
        for problem in problems:
            self.show_at(problem.path.removeprefix(".").split("."), translated(problem.message))

    def show_at(self, path: Sequence[str], message: str) -> None:
        """Shows one problem."""
        field = next((f for f in self if path and path[0] in (f.info.key, f.info.name, *f.around)), None)
        if field is None or field.hidden:
            self.form_errors.append(translated(labelled(field.label.text if field else "", message)))
        else:
            field.show(path if path[0] in field.around else path[1:], message)

    def current(self, name: str) -> str:
        """What the field called `name` holds now, as text."""
        field = self[name]
        return shown(field.info.default if field.data is ABSENT else field.data)

    def applies(self, info: Info) -> bool:
        """Whether what other fields hold lets this one be seen."""
        return all(form.current(name) in values for form, name, values in self._deciding(info))

    def untouched(self, info: Info) -> bool:
        """A stored value out of sight stays while nobody changed what hides it."""
        deciding = [(form.current(name), form[name].info, form) for form, name, _values in self._deciding(info)]
        stored = bool(self._stored.keys() & set(info.names))
        kept = all(now == shown(form._value(before)) for now, before, form in deciding)  # noqa: SLF001
        return info.widget == "hidden" or (stored and kept)

    def _deciding(self, info: Info) -> Iterator[tuple[ParamsForm, str, list[str]]]:
        """The fields that another one hangs on, and their values then: of this form, or of the one beside it."""
        for name, values in (info.show_if or {}).items():
            for form in (self, self.meta.beside):
                if form is not None and any(name in (one.key, one.name) for one in form.infos):
                    yield form, name, values
                    break

    def _fits(self, field: ParamField) -> bool:
        """Whether the field can show what is stored, although the page showed it in another way."""
        return bool(field.mode) or self._value(field.info) is ABSENT or field.shows(self._value(field.info), field.info)

    def _value(self, info: Info) -> object:
        """What is stored, else the default."""
        value = next((self._stored[name] for name in info.names if name in self._stored), info.default)
        return ABSENT if value is None else value


class PlainForm(ParamsForm):
    """Nothing is evaluated in its fields."""

    class Meta:
        picker = False


@cache
def form_class(model: type[BaseModel], base: type[ParamsForm] = ParamsForm, without: str = "") -> type[ParamsForm]:
    """The form for a model, without one of its fields; the names of the params stay clear of those of WTForms."""
    shown_infos = tuple(info for info in infos(model) if info.key != without)
    fields = {f"param_{info.name}": ParamField(info, name=info.key) for info in shown_infos}
    made: type[ParamsForm] = type(f"{model.__name__}Form", (base,), {"infos": shown_infos, **fields})
    return made


def build(
    model: type[BaseModel],
    values: Mapping[str, object],
    posted: Posted | None = None,
    *,
    base: type[ParamsForm] = ParamsForm,
    providers: Providers | None = None,
    prefix: str = "",
    check: Check | None = None,
    beside: ParamsForm | None = None,
) -> ParamsForm:
    """The form for stored `values`, and for what was posted of it.

    Its controls are named `prefix` + key; `check` finds what is wrong with the params (paths begin with the key), where
    it is not the check of a step's params.
    """

    def check_step(params: dict[str, object]) -> list[Problem]:
        assert issubclass(model, Params)  # noqa: S101 - only Params are checked as a step's
        return json_problems(params) or check_params(model, params, "")[0]

    made = form_class(model, base)  # type: ignore[arg-type] # WTForms' classes have no types
    return made(posted, values, prefix, check or check_step, {"providers": providers or Providers(), "beside": beside})
