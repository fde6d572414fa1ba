"""The form of one edge: when the flow takes it, and what it is called."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from pydantic import Field

from flowapp.catalog import N_, Params, ui
from flowapp.engine.graph.edit import edge_of
from flowapp.engine.graph.outline import with_edges
from flowapp.errors import Problem
from flowapp.models.definitions import DefinitionJson, EdgeJson
from flowapp.web.forms.field import Posted
from flowapp.web.forms.form import ParamsForm, build
from flowapp.web.forms.summary import conditions_line


class EdgeParams(Params):
    """What a person may say about an edge."""

    conditions: object = Field(
        default=None,
        json_schema_extra=ui(
            N_("Continue only when"),
            N_(
                "Without conditions, the flow always continues here. They are checked when the previous step has ended."
            ),
            widget="conditions",
            raw=True,
        ),
    )
    label: str = Field(
        "", max_length=200, json_schema_extra=ui(N_("Label"), N_("For your colleagues. Optional."), plain=True)
    )


@dataclass(frozen=True, slots=True)
class ShownEdge:
    """An edge that leaves a step: its branch, where it leads, and in words when it is taken."""

    branch: str
    target: str
    name: str
    label: str
    line: str


def edge_form(edge: EdgeJson, posted: Posted | None = None) -> ParamsForm:
    """The form of an edge as it is stored; the problems of a refused save: form.show(edge_problems(…))."""
    stored = {name: edge[name] for name in ("label", "conditions") if edge.get(name)}
    return build(EdgeParams, stored, posted, prefix="c-")


def edge_problems(problems: list[Problem], at: int) -> Iterator[Problem]:
    """The problems of a definition at the fields of its edge number `at`; others above the form."""
    for problem in problems:
        own = problem.path.startswith(f"edges.{at}.")
        yield Problem(problem.path.removeprefix(f"edges.{at}.") if own else "", problem.message)


def changed_edge(edge: EdgeJson, form: ParamsForm) -> EdgeJson:
    """The edge as the form says."""
    bare: EdgeJson = {"source": edge["source"], "target": edge["target"], "branch": edge["branch"]}
    if label := form.data.get("label"):
        bare["label"] = str(label)
    if conditions := form.data.get("conditions"):
        bare["conditions"] = conditions
    return bare


def edges_from(definition: DefinitionJson, step_id: str) -> list[ShownEdge]:
    """The edges that leave a step."""
    names = {step["step_id"]: step["name"] for step in definition["steps"]}
    leaving = [edge for edge in with_edges(definition) if edge[0] == step_id]
    stored = [edge_of(definition, source, branch, target) for source, target, branch in leaving]
    return [
        ShownEdge(
            edge["branch"],
            edge["target"],
            names.get(edge["target"], edge["target"]),
            edge.get("label", ""),
            conditions_line(edge["conditions"]) if edge.get("conditions") else "",
        )
        for edge in stored
    ]
