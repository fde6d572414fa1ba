"""Checks data against a named schema, rules or a JSON Schema."""

from __future__ import annotations

import json
from collections.abc import Mapping
from decimal import Decimal, InvalidOperation
from itertools import islice
from typing import Annotated, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, model_validator

from flowapp.catalog import N_, Branch, Done, Outcome, Params, StepContext, action, patterns, ui
from flowapp.catalog.fields import Text, has_expression
from flowapp.catalog.rows import RowSamples
from flowapp.errors import StepError
from flowapp.security import json_schema
from flowapp.texts import join, labelled, say
from flowapp.values.lists import as_list

RuleName = Literal[
    "required", "email", "number", "integer", "min", "max", "min_length", "max_length", "pattern", "one_of", "date",
    "url", "phone", "boolean",
]  # fmt: skip

_NUMERIC = ("min", "max", "min_length", "max_length")
MAX_LISTED = 10
_USUAL = "{{ form_data | default(input) }}"
MAX_PROBLEMS = 500


class Rule(BaseModel):
    """One demand on one field (dotted path). `value` is the bound, pattern or list that the rule speaks of."""

    model_config = ConfigDict(extra="forbid")

    field: str = Field(
        min_length=1,
        max_length=200,
        json_schema_extra=ui(N_("Field"), placeholder="email", plain=True, suggest="fields"),
    )
    rule: RuleName = Field(
        json_schema_extra=ui(
            N_("Rule"),
            widget="select",
            choices=[
                ("required", N_("is required")),
                ("email", N_("is an e-mail address")),
                ("number", N_("is a number")),
                ("integer", N_("is a whole number")),
                ("min", N_("is at least")),
                ("max", N_("is at most")),
                ("min_length", N_("has at least this many characters")),
                ("max_length", N_("has at most this many characters")),
                ("pattern", N_("matches the pattern")),
                ("one_of", N_("is one of")),
                ("date", N_("is a date")),
                ("url", N_("is a web address")),
                ("phone", N_("is a phone number")),
                ("boolean", N_("is true or false")),
            ],
        )
    )
    value: object = Field(None, json_schema_extra=ui(N_("Value"), show_if={"rule": [*_NUMERIC, "pattern", "one_of"]}))
    message: Text = Field(
        "", max_length=500, json_schema_extra=ui(N_("Message"), N_("Shown instead of the default message."))
    )

    @model_validator(mode="after")
    def _fits(self) -> Rule:
        if self.rule in (*_NUMERIC, "pattern", "one_of") and self.value in (None, "", []):
            raise ValueError(say("The rule “%(rule)s” needs a value.", rule=self.rule))
        if self.rule in _NUMERIC and not has_expression(self.value):
            try:
                Decimal(str(self.value).strip())
            except InvalidOperation:
                raise ValueError(say("The value of the rule “%(rule)s” must be a number.", rule=self.rule)) from None
        if self.rule == "pattern" and not has_expression(self.value):
            _check_pattern(str(self.value))
        return self


def _check_pattern(text: str) -> None:
    try:
        patterns.compiled(text, whole=True)
    except ValueError:
        raise ValueError(say("This is not a valid pattern: use a regular expression without look-around.")) from None


def _read_text(value: object) -> object:
    """A JSON Schema as a form sends it; text with expressions becomes an object only when the step runs."""
    if not isinstance(value, str) or has_expression(value):
        return value
    try:
        return json.loads(value) if value.strip() else None
    except (ValueError, RecursionError) as error:
        raise ValueError(say("This is not valid JSON: %(reason)s", reason=str(error))) from None


class ValidateDataParams(Params):
    """One of `schema` (a name; or a JSON Schema, or rules), `rules` and `json_schema`."""

    schema_: str | dict[str, object] | list[Rule] = Field(
        "",
        alias="schema",
        json_schema_extra=ui(N_("Schema"), N_("A schema of this project. Or add rules below."), widget="schema"),
    )
    rules: list[Rule] = Field(
        [], max_length=200, json_schema_extra=ui(N_("Rules"), N_("Used if no schema is chosen."), widget="rows")
    )
    json_schema: Annotated[dict[str, object] | None, BeforeValidator(_read_text)] = Field(
        None, json_schema_extra=ui(N_("JSON Schema"), widget="textarea", advanced=True)
    )
    data: object = Field(
        None,
        json_schema_extra=ui(
            N_("Data"), N_("Leave empty to use the form's answers, or else the input."), placeholder="{{ input }}"
        ),
    )
    each: bool = Field(
        False,
        json_schema_extra=ui(
            N_("Check each item of a list"), N_("Errors name the item: 2.email."), widget="checkbox", advanced=True
        ),
    )
    on_invalid: Literal["fail", "branch"] = Field(
        "fail",
        json_schema_extra=ui(
            N_("If the data is not valid"),
            widget="select",
            choices=[("fail", N_("Fail the step")), ("branch", N_("Take the branch “If invalid”"))],
        ),
    )

    @model_validator(mode="after")
    def _one_schema(self) -> ValidateDataParams:
        if sum(map(bool, (self.schema_, self.rules, self.json_schema))) != 1:
            raise ValueError(say("Use exactly one of these: a schema, rules, or a JSON Schema."))
        given = self.schema_ if isinstance(self.schema_, dict) else self.json_schema
        if given:
            _check_schema(given)
        return self

    @property
    def wanted(self) -> str | dict[str, object] | list[dict[str, object]]:
        """The schema in the form that `ctx.schemas` takes."""
        chosen = self.schema_ or self.rules or self.json_schema or ""
        return [rule.model_dump() for rule in chosen] if isinstance(chosen, list) else chosen


def _check_schema(schema: Mapping[str, object]) -> None:
    try:
        if fault := json_schema.fault(schema):
            raise ValueError(fault)
    except StepError as error:  # it takes too long to be read
        raise ValueError(error.message) from None


def _given(ctx: StepContext, params: Mapping[str, object]) -> object:
    """What is checked; of a list that is checked item by item, its items."""
    data = params.get("data")
    return ctx.render(_USUAL) if data is None or data == "" else data


@action(
    "validate_data",
    label=N_("Validate data"),
    description=N_("Checks data field by field."),
    group=N_("Data"),
    icon="checklist",
    synonyms="check verify schema rules required valid vérifier contrôler règles schéma valider",
    effect="pure",
    params=ValidateDataParams,
    branches=("next", "invalid"),
    branch_if={"invalid": ("on_invalid", "branch")},
    result={
        "valid": N_("Whether the data is valid"),
        "data": N_("The data that was checked"),
        "errors": N_("The errors: a list of field and message"),
    },
    sample={"valid": True, "data": {}, "errors": []},
    sample_of=lambda ctx, params: {"valid": True, "data": _given(ctx, {"data": params.data}), "errors": []},
    row_samples=RowSamples(_given),
)
def validate_data(ctx: StepContext, params: ValidateDataParams) -> Outcome:
    """Done where the data is valid; else a permanent StepError, or the branch `invalid`."""
    data = params.data
    if data is None or data == "":
        data = ctx.render(_USUAL)
    items = as_list(data) if params.each else [data]
    problems_by_item = ctx.schemas.validate(params.wanted, items)
    problems = _of_each(problems_by_item) if params.each else problems_by_item[0]
    result = {"valid": not problems, "data": data, "errors": problems}
    if not problems:
        return Done(result)
    if params.on_invalid == "branch":
        return Branch("invalid", result)
    listed = join("; ", (labelled(p.get("field", ""), p["message"]) for p in problems[:MAX_LISTED]))
    more = say("; and %(count)s more", count=len(problems) - MAX_LISTED) if len(problems) > MAX_LISTED else ""
    raise StepError(
        say("The data is not valid. %(listed)s%(more)s", listed=listed, more=more),
        permanent=True,
        details={"problems": problems},
    )


def _of_each(problems_by_item: list[list[dict[str, str]]]) -> list[dict[str, str]]:
    """The problems of all items, each with the item's index before its field; enough of them to go on with."""
    listed = (
        {**problem, "field": f"{at}.{problem['field']}" if problem.get("field") else str(at)}
        for at, problems in enumerate(problems_by_item)
        for problem in problems
    )
    return list(islice(listed, MAX_PROBLEMS))
