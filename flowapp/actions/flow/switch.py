"""Goes on along the first case that fits."""

from __future__ import annotations

from collections.abc import Mapping

from pydantic import BaseModel, ConfigDict, Field, model_validator

from flowapp.actions.flow.branches import BranchName, check_twice, names_in
from flowapp.catalog import N_, Branch, Outcome, Params, PastVisit, Reason, StepContext, action, ui
from flowapp.texts import say

OTHERWISE = "default"


class Case(BaseModel):
    """It fits where the switch's value equals `equals` (is one of them, where it is a list), or the conditions hold."""

    model_config = ConfigDict(extra="forbid")

    name: BranchName = Field(json_schema_extra=ui(N_("Case name"), plain=True))
    equals: object = Field(None, json_schema_extra=ui(N_("Value equals")))
    conditions: dict[str, object] | list[object] | None = Field(
        None, json_schema_extra=ui(N_("Or conditions"), widget="conditions", raw=True, advanced=True)
    )

    @model_validator(mode="after")
    def _one_way(self) -> Case:
        if (self.equals is None) == (not self.conditions):
            raise ValueError(say("Enter a value to compare with, or conditions, but not both."))
        return self

    def rules(self, value: str) -> object:
        """The case as conditions."""
        if self.conditions:
            return self.conditions
        return {"field": value, "operator": "in" if isinstance(self.equals, list) else "==", "value": self.equals}


class SwitchParams(Params):
    """`value` is a field as conditions name it, or an expression; the cases are tried from the top."""

    value: str = Field(
        "",
        max_length=2000,
        json_schema_extra=ui(
            N_("Value to compare"), N_("Each case is compared with this value."), placeholder="input.country", raw=True
        ),
    )
    cases: list[Case] = Field(
        min_length=1,
        max_length=50,
        json_schema_extra=ui(
            N_("Cases"),
            N_("The first matching case is taken; if none matches, the branch “Otherwise”."),
            widget="rows",
            raw=True,
        ),
    )

    @model_validator(mode="after")
    def _complete(self) -> SwitchParams:
        check_twice(case.name for case in self.cases)
        if not self.value.strip() and not all(case.conditions for case in self.cases):
            raise ValueError(say("Enter the value that the cases compare with."))
        return self


def cases_of(params: Mapping[str, object]) -> list[str]:
    """The names of the cases in stored params."""
    return names_in(params, "cases")


def explain(visit: PastVisit) -> list[Reason]:
    """Each case that was tried, with what its rules saw."""
    tried = visit.output.get("explanation")
    reasons = [
        Reason(say("Case “%(name)s”", name=str(case["case"])), case["rules"], bool(case["fits"]))
        for case in (tried if isinstance(tried, list) else ())
    ]
    if visit.output.get("case") == OTHERWISE:
        reasons.append(Reason(say("No case matches, so it takes “Otherwise”.")))
    return reasons


@action(
    "switch",
    label=N_("Switch"),
    description=N_("Takes the first matching case, or “Otherwise” if none matches."),
    group=N_("Flow"),
    icon="switch-3",
    synonyms="choose route branch if selon cas aiguillage choisir si",
    effect="pure",
    params=SwitchParams,
    aliases=("case", "router"),
    branches=("*", OTHERWISE),
    own_branches=cases_of,
    result={
        "case": N_("Name of the matching case"),
        "explanation": N_("Each case with its conditions and the values they compared"),
    },
    sample={"case": "France", "explanation": []},
    explain=explain,
)
def switch(ctx: StepContext, params: SwitchParams) -> Outcome:
    """Tries the cases from the top."""
    explanation = []
    for case in params.cases:
        fits, rules = ctx.test(case.rules(params.value))
        explanation.append({"case": case.name, "fits": fits, "rules": rules})
        if fits:
            return Branch(case.name, {"case": case.name, "explanation": explanation})
    return Branch(OTHERWISE, {"case": OTHERWISE, "explanation": explanation})
