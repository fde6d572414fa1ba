"""What is wrong, in plain words: params that do not fit their model, pydantic's errors, the nearest of the known names."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from difflib import get_close_matches
from functools import reduce
from typing import get_args

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from flowapp.catalog import N_, FieldsError, Params, ui_of
from flowapp.catalog.params import misfit
from flowapp.engine.language.conditions import check_conditions
from flowapp.engine.language.expression import check as check_expressions
from flowapp.engine.language.expression import has_expression
from flowapp.engine.language.insertion import check as check_insertion
from flowapp.engine.language.values import MISSING
from flowapp.errors import FlowError, InvalidError, Problem
from flowapp.security.credentials import hide
from flowapp.texts import Text, either, say
from flowapp.values.text import folded

MAX_PARAMS_BYTES = 1 << 20
MAX_PROBLEMS = 100  # of one kind: more help nobody, and each costs a search for the nearest name
MAX_COMPARED = 200


def check_params(model: type[Params], params: dict[str, object], path: str) -> tuple[list[Problem], list[Problem]]:
    """What is wrong with a step's params: (refused, doubtful).

    A wrong type is no problem where the value holds an expression, because it has its real type only when the step
    runs. Doubtful: the model as a whole objects, and it may be only because an expression stands for the value.
    """
    if len(json.dumps(params, ensure_ascii=False).encode()) > MAX_PARAMS_BYTES:
        message = say("This is larger than 1 MiB. Keep large data in a table or file.")
        return [Problem(path, message, code="too_large")], []
    params = hide(params)  # a sealed secret counts as a text, whatever it is
    refused: list[Problem] = []
    for name, value in params.items():
        shown = name in model.model_fields and ui_of(model, name).get("widget") == "conditions"
        wrong = (check_conditions if shown else check_expressions)(value, f"{path}.{name}")
        refused += wrong or check_insertion(model, name, value, f"{path}.{name}")
    doubtful: list[Problem] = []
    try:
        model.model_validate(params)
    except ValidationError as error:
        refused += plain_problems(error, params, model, path, excused=_excused)
        doubtful = plain_problems(error, params, model, path, excused=lambda e: not (_excused(e) and _of_whole(e)))
    except FlowError as error:
        (doubtful if has_expression(params) else refused).extend(as_problems(error, path))
    return refused, doubtful


def _excused(error: ErrorDetails) -> bool:
    given, cause = error["input"], error.get("ctx", {}).get("error")
    if isinstance(cause, FieldsError) and isinstance(given, dict):
        given = [given.get(name) for name in cause.fields]
    return error["type"] not in ("missing", "extra_forbidden") and has_expression(given)


def _of_whole(error: ErrorDetails) -> bool:
    return error["type"] == "value_error" and isinstance(error["input"], dict)


_WORDS = {
    "missing": N_("This field is required."),
    "string_type": N_("Enter text."),
    "string_too_long": N_("Enter at most %(max_length)s characters."),
    "string_too_short": N_("This must not be empty."),
    "too_long": N_("At most %(max_length)s entries are allowed; there are %(actual_length)s."),
    "too_short": N_("At least %(min_length)s entries are needed."),
    "greater_than_equal": N_("Enter %(ge)s or more."),
    "greater_than": N_("Enter more than %(gt)s."),
    "less_than_equal": N_("Enter %(le)s or less."),
    "less_than": N_("Enter less than %(lt)s."),
    **dict.fromkeys(("int_type", "int_parsing", "int_from_float"), N_("Enter a whole number.")),
    **dict.fromkeys(
        ("float_type", "float_parsing", "finite_number", "decimal_type", "decimal_parsing"), N_("Enter a number.")
    ),
    **dict.fromkeys(("bool_type", "bool_parsing"), N_("Choose yes or no (true or false).")),
    **dict.fromkeys(("list_type", "tuple_type", "set_type"), N_("Enter a list: […].")),
    **dict.fromkeys(
        ("dict_type", "model_type", "model_attributes_type"), N_("Enter an object with named fields: {…}.")
    ),
}


def plain_problems(
    error: ValidationError,
    data: object,
    model: type[BaseModel],
    path: str = "",
    excused: Callable[[ErrorDetails], bool] = lambda _: False,
) -> list[Problem]:
    """Pydantic's errors about `data`, which lies at `path`, in plain words; errors that are `excused` are left out.

    The alternatives of a union complain one by one: they become one problem at one path.
    """
    by_path: dict[str, dict[str, str]] = {}
    for detail in error.errors(include_url=False)[:MAX_PROBLEMS]:
        if not excused(detail):
            where = ".".join(filter(None, (path, _place(detail, data, model))))
            by_path.setdefault(where, {})[_message(detail, model)] = detail["type"]
    codes = {"missing": "missing", "extra_forbidden": "unknown_field"}
    return [
        Problem(where, reduce(_alternative, messages), code=codes.get(next(iter(messages.values())), "invalid"))
        for where, messages in by_path.items()
    ]


def _alternative(one: str, other: str) -> str:
    return say("%(one)s Or: %(other)s", one=one, other=other)


def _place(detail: ErrorDetails, data: object, model: type[BaseModel]) -> str:
    """The error's place as the sender sees it, without pydantic's own steps such as the name of a union's arm."""
    parts: list[str] = []
    for at, part in enumerate(detail["loc"], start=1):
        owner = _model_at(model, detail["loc"][: at - 1])
        absent = at == len(detail["loc"]) and (
            detail["type"] == "missing" or bool(owner and isinstance(data, dict) and part in owner.model_fields)
        )
        inner = _entry(data, part)
        if inner is not MISSING:
            data = inner
        elif not absent:
            continue
        parts.append(str(part))
    return ".".join(parts)


def _entry(data: object, part: int | str) -> object:
    if isinstance(data, dict):
        return data.get(part, MISSING)
    return data[part] if isinstance(data, list) and isinstance(part, int) and part < len(data) else MISSING


def _message(detail: ErrorDetails, model: type[BaseModel]) -> str:
    kind, context = detail["type"], detail.get("ctx", {})
    name, owner = str(detail["loc"][-1]) if detail["loc"] else "", _model_at(model, detail["loc"][:-1])
    if kind == "extra_forbidden":
        known = {f.alias or n for n, f in owner.model_fields.items()} if owner else set()
        return say(
            "There is no field “%(name)s” here.%(near)s%(known)s",
            name=name, near=nearest(name, known), known=known_list(known),
        )  # fmt: skip
    if kind == "too_short" and context["min_length"] == 1:
        return say("At least one entry is needed.")
    if kind in ("value_error", "assertion_error"):
        return error if isinstance(error := next(iter(context["error"].args), ""), Text) else str(context["error"])
    if kind == "literal_error":
        first, _, last = context["expected"].rpartition(" or ")
        return say("Choose one of: %(options)s.", options=either([first, last] if first else [last]))
    if kind in _WORDS:
        return say(_WORDS[kind], **{name: str(value) for name, value in context.items()})
    return misfit(owner, name) if kind == "string_pattern_mismatch" else f"{detail['msg']}."


def _model_at(model: type[BaseModel] | None, loc: tuple[object, ...]) -> type[BaseModel] | None:
    for part in loc:
        if model is not None and part in model.model_fields:
            model = _model_in(model.model_fields[part].annotation)
    return model


def _model_in(annotation: object) -> type[BaseModel] | None:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    return next(filter(None, map(_model_in, get_args(annotation))), None)


def nearest(name: str, known: Iterable[str]) -> str:
    """“ Did you mean …?” where a known name is near, else nothing; nothing too where comparing would take long."""
    names = {folded(one): one for one in sorted(known, reverse=True)}
    close = get_close_matches(folded(name), names, n=1) if max(len(name), len(names)) <= MAX_COMPARED else []
    return say(" Did you mean “%(name)s”?", name=names[close[0]]) if close else ""


def known_list(known: Iterable[str]) -> str:
    """“ Known: …”, nothing where nothing is known."""
    names = ", ".join(sorted(known))
    return say(" Available: %(names)s.", names=names) if names else ""


def no_step(step_id: str, known: Iterable[str]) -> str:
    return say("There is no step “%(step)s”.%(near)s", step=step_id, near=nearest(step_id, known))


def as_problems(error: FlowError, path: str) -> list[Problem]:
    if not isinstance(error, InvalidError):
        return [Problem(path, error.message)]
    return [Problem(".".join(filter(None, (path, p.path))), p.message, code=p.code) for p in error.problems]
