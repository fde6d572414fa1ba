"""The form of a list's conditions: fields by their labels, comparisons that fit, values to choose from."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from flask_babel import gettext as _
from pydantic import Field
from sqlalchemy import select

from flowapp.catalog import N_, Params, ui
from flowapp.crm.views.reader import ListField
from flowapp.engine.language.condition_parser import GROUPS, Conditions
from flowapp.extensions import db
from flowapp.models import ContactList, conventions_of
from flowapp.values.examples import day_example
from flowapp.values.numbers import plain_number
from flowapp.web.crm.boxes import member_choices, tag_names
from flowapp.web.crm.nouns import RecordField
from flowapp.web.crm.pipelines import every_pipeline
from flowapp.web.crm.values import of_field
from flowapp.web.forms.field import Posted
from flowapp.web.forms.form import ParamsForm, build
from flowapp.web.texts import label_of

Pairs = Sequence[tuple[str, str]]
_NEGATIONS: Mapping[str, str] = {"==": "!=", "contains": "not_contains", "in": "not_in"}
_LABELS: Mapping[str, str] = {
    "==": N_("is"), "!=": N_("is not"), "contains": N_("contains"), "not_contains": N_("does not contain"),
    "in": N_("is one of"), "not_in": N_("is none of"), "starts_with": N_("starts with"), "ends_with": N_("ends with"),
    ">": N_("greater than"), ">=": N_("at least"), "<": N_("less than"), "<=": N_("at most"), "before": N_("is before"),
    "after": N_("is after"), "not_empty": N_("is not empty"), "empty": N_("is empty"),
}  # fmt: skip
_OF_LISTS: Mapping[str, str] = {"in": N_("contains one of"), "not_in": N_("contains none of")}
_TIMES = ("date", "datetime")
_DAY = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_LISTS = ("tags", "lists", "multiple_choice")
MOST = 500


class FilterParams(Params):
    """The conditions of a list."""

    filter: object = Field(default=None, json_schema_extra=ui(N_("Show only"), widget="conditions", raw=True))


@dataclass(frozen=True, slots=True)
class RowHelp:
    """What a condition about a field offers: comparisons, and what is typed; `choices` where one is chosen."""

    operators: Pairs
    choices: Pairs = ()
    hint: str = ""
    is_text: bool = False


def filter_form(conditions: Mapping[str, object], posted: Posted | None = None) -> ParamsForm:
    """The form, of what is stored or posted; what is wrong with it is for the list to say."""
    stored = {"filter": conditions} if conditions else {}
    return build(FilterParams, stored, posted, prefix="f-", check=lambda _params: [])


def field_choices(known: Mapping[str, ListField]) -> Pairs:
    """The fields that conditions can be about, by their labels."""
    return [(name, label_of(one)) for name, one in known.items() if one.offered]


def row_help(one: ListField | None) -> RowHelp:
    """What a condition about the field offers; without one, what every field does."""
    if one is None:
        return RowHelp([(name, _(_LABELS[name])) for name in ("==", "!=", "contains", "empty", "not_empty")])
    names = [
        name
        for operator in one.kind.operators
        for name in (operator, _NEGATIONS.get(operator, ""))
        if name and not (one.type in _TIMES and operator in (">", ">=", "<", "<=", "in"))
    ]
    labels = {**_LABELS, **(_OF_LISTS if one.type in _LISTS else {})}
    hint = _("%(example)s or -30 days", example=day_example(_locale())) if one.type in _TIMES else ""
    operators = [(name, _(labels[name])) for name in (*names, "empty", "not_empty")]
    choices = _choices(one)
    is_text = "contains" in names and one.type not in _LISTS and not choices
    return RowHelp(operators, choices, hint, is_text)


def _locale() -> str:
    return conventions_of(db.session()).locale


def _choices(one: ListField) -> Pairs:
    """The values that may be chosen; none where they are typed."""
    if one.type == "member":
        return [("me", _("Me")), *member_choices(db.session()).items()]
    if one.type == "boolean":
        return [("true", _("Yes")), ("false", _("No"))]
    if one.options:
        return [(value, label if one.own else _(label)) for value, label in one.options.items()]
    read = _READ.get(one.type)
    return [(name, name) for name in read()] if read else ()


def _stages() -> list[str]:
    stages = [stage.name for pipeline in every_pipeline(db.session()) for stage in pipeline.stages]
    return list(dict.fromkeys(stages))


_READ: Mapping[str, Callable[[], Sequence[str]]] = {
    "tags": lambda: tag_names(db.session()),
    "lists": lambda: db.session().scalars(select(ContactList.name).order_by(ContactList.name).limit(MOST)).all(),
    "stage_name": _stages,
    "pipeline": lambda: [pipeline.name for pipeline in every_pipeline(db.session())],
}


def in_words(conditions: Conditions, known: Mapping[str, ListField]) -> str:
    """Conditions as a person would say them: “Plan is not pro and Score at least 5”."""
    if not conditions:
        return ""
    if "field" in conditions:
        return _rule(conditions, known)
    name = next(name for name in GROUPS if name in conditions)
    parts = [in_words(part, known) for part in conditions[name]]
    if name == "not":
        return str(_("none of: %(conditions)s", conditions="; ".join(parts)))
    return (f" {_('and')} " if name == "all" else f" {_('or')} ").join(parts)


def _rule(rule: Conditions, known: Mapping[str, ListField]) -> str:
    one = known.get(rule["field"].removeprefix("fields."))
    labels = dict(row_help(one).operators)
    operator = labels.get(rule["operator"], rule["operator"].replace("_", " "))
    value = rule.get("value", "")
    text = ", ".join(_said(one, each) for each in value) if isinstance(value, list) else _said(one, value)
    return f"{label_of(one) if one else rule['field']} {operator} {text}".strip()


def _said(one: ListField | None, value: object) -> str:
    if one is None:
        return str(value)
    kind = "date" if one.type == "datetime" and _DAY.fullmatch(str(value)) else one.type
    if kind in ("number", "money", "date", "datetime"):
        plain = plain_number(value)
        return of_field(db.session(), RecordField(one.name, "", kind), value if plain is None else plain).text
    return dict(_choices(one)).get(str(value), str(value))
