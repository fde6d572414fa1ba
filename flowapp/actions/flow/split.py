"""Sends contacts along one of several variants, by weight; the same contact always along the same one."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping

from pydantic import BaseModel, ConfigDict, Field, model_validator

from flowapp.actions.flow.branches import BranchName, check_twice, names_in
from flowapp.catalog import N_, Branch, Outcome, Params, PastVisit, Reason, StepContext, action, ui
from flowapp.texts import say


class Variant(BaseModel):
    """Of all who come by, `weight` divided by the sum of the weights take this one."""

    model_config = ConfigDict(extra="forbid")

    name: BranchName = Field(json_schema_extra=ui(N_("Variant name"), plain=True))
    weight: float = Field(
        1.0, ge=0, le=1_000_000, allow_inf_nan=False, json_schema_extra=ui(N_("Weight"), widget="number")
    )


DEFAULT = [Variant(name="A", weight=50), Variant(name="B", weight=50)]


class SplitParams(Params):
    """Two variants of the same weight, unless others are given."""

    variants: list[Variant] = Field(
        default_factory=lambda: list(DEFAULT),
        min_length=1,
        max_length=20,
        json_schema_extra=ui(
            N_("Variants"),
            N_("Weights set each variant's share: 50 and 50, or 90 and 10. A contact always takes the same variant."),
            widget="rows",
        ),
    )

    @model_validator(mode="after")
    def _shares(self) -> SplitParams:
        check_twice(variant.name for variant in self.variants)
        if not sum(variant.weight for variant in self.variants):
            raise ValueError(say("The weights add up to 0. Give at least one variant a weight."))
        return self


def variants_of(params: Mapping[str, object]) -> list[str]:
    """The names of the variants in stored params."""
    return names_in(params, "variants") if "variants" in params else [variant.name for variant in DEFAULT]


def share(subject: str, step_id: str) -> float:
    """Where a subject stands at a step, in 0..1 and evenly: the first 64 bits of SHA-256."""
    digest = hashlib.sha256(f"{subject}:{step_id}".encode()).digest()
    return int.from_bytes(digest[:8], "big") / 2**64


def explain(visit: PastVisit) -> list[Reason]:
    """Where the subject's hash stands, and from where to where the variant reaches."""
    given = visit.input.get("variants") or [{"name": variant.name, "weight": variant.weight} for variant in DEFAULT]
    total = sum(float(variant.get("weight", 1)) for variant in given)
    if not visit.output.get("variant") or not total:
        return []
    subject = visit.contact_id or visit.entity_id or visit.execution_id
    below, low, high = 0.0, 0.0, 0.0
    for variant in given:
        part = float(variant.get("weight", 1)) / total * 100
        if variant["name"] == visit.output["variant"]:
            low, high = below, below + part
        below += part
    who = say("its contact") if visit.contact_id else say("its subject")
    if subject == visit.execution_id:
        who = say("this execution")
    return [
        Reason(
            say(
                "The hash of %(who)s and this step is at %(position)s of 100; “%(name)s” covers %(low)s to %(high)s.",
                who=who,
                position=f"{share(subject, visit.step_id) * 100:.2f}",
                name=visit.output["variant"],
                low=f"{low:g}",
                high=f"{high:g}",
            )
        )
    ]


@action(
    "split",
    label=N_("A/B split"),
    description=N_("Sends each contact down one of several variants, by weight, and counts them."),
    group=N_("Flow"),
    icon="a-b",
    synonyms="random test percentage experiment variant hasard pourcentage répartir",
    effect="pure",
    params=SplitParams,
    aliases=("ab_split", "ab_test"),
    branches=("*",),
    own_branches=variants_of,
    counted=True,
    result={"variant": N_("Variant name")},
    param_aliases={"branches": "variants"},
    sample={"variant": "A"},
    explain=explain,
)
def split(ctx: StepContext, params: SplitParams) -> Outcome:
    """Chooses by the contact, else by what the execution is about, else by the execution."""
    subject = ctx.contact_id or ctx.entity[1] or ctx.execution_id
    left = share(subject, ctx.step_id) * sum(variant.weight for variant in params.variants)
    weighty = [variant for variant in params.variants if variant.weight]
    for variant in weighty:
        left -= variant.weight
        if left < 0:
            break
    return Branch(variant.name, {"variant": variant.name})
