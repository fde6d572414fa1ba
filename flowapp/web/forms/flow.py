"""The flow view: what `templates/workflows/steps/_flow.html` draws of a draft."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from flask_babel import format_percent, ngettext
from flask_babel import gettext as _

from flowapp.catalog import ACTIONS, TRIGGERS
from flowapp.catalog.branches import branch_label
from flowapp.engine.graph.outline import Block, Lane, has_lanes, loose, open_ends, outline, with_edges
from flowapp.errors import Problem
from flowapp.models.definitions import DefinitionJson, EdgeJson, StepJson, TriggerJson
from flowapp.web.forms.providers import Providers
from flowapp.web.forms.summary import conditions_line, step_line, trigger_line
from flowapp.web.texts import translated


@dataclass(slots=True)
class Card:
    """A step or a trigger, ready to be drawn. `policy` is empty where the workflow simply stops on an error."""

    id: str
    name: str
    label: str
    icon: str
    line: str
    note: str = ""
    policy: str = ""
    active: bool = True
    pinned: bool = False
    own_lanes: bool = False
    catches: bool = False
    errors: list[str] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)


@dataclass(slots=True)
class Flow:
    """`lane` holds the blocks of the main lane, `cards` each step by its id, `loose` the steps nothing leads to, `handlers` those that
    others only go to when they fail.

    `taken`: how often the branches of a split were taken, by step and branch.
    """

    lane: list[Block]
    cards: dict[str, Card]
    triggers: list[Card]
    loose: list[Card]
    handlers: list[Card]
    errors: list[str] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    taken: dict[str, dict[str, int]] = field(default_factory=dict)

    def share(self, lane: Lane) -> str:
        """How many took a lane of a split since the version was published; empty where they are not counted."""
        counts = self.taken.get(lane.source)
        if not counts:
            return ""
        count = counts.get(lane.branch, 0)
        part = format_percent(count / sum(counts.values()), "0%")
        return str(ngettext("%(num)d time (%(part)s)", "%(num)d times (%(part)s)", count, part=part))

    def folds(self, block: Block) -> bool:
        """Every way leads straight on, and none has a name of its own: the block is drawn as a plain step."""
        straight = bool(block.lanes) and all(lane.end == "join" and not lane.blocks for lane in block.lanes)
        return straight and not self.cards[block.step_id].own_lanes

    def side(self, block: Block) -> list[Lane]:
        """The lanes that are drawn."""
        return [] if self.folds(block) else block.lanes

    @staticmethod
    def word(branch: str) -> str:
        """A branch as people call it: cases and variants by the name that they were given."""
        return translated(branch_label(branch))

    def title(self, lane: Lane) -> str:
        """What a lane is called."""
        return str(_("At the same time")) if lane.parallel and lane.branch == "next" else self.word(lane.branch)

    def meets(self, block: Block) -> bool:
        """Whether lanes of a block that nothing follows could lead to a common step."""
        return not block.through and not block.following and len(open_ends(block)) > 1


def flow(
    definition: DefinitionJson, providers: Providers, errors: Iterable[Problem] = (), warnings: Iterable[Problem] = ()
) -> Flow:
    """The view of a canonical definition. The problems are those of `workflows.validate`."""
    lane = outline(definition)
    cards = {step["step_id"]: step_card(step, providers) for step in definition["steps"]}
    for edge in definition["edges"]:
        if edge.get("conditions") and edge["target"] in cards:
            cards[edge["target"]].note = _edge_note(edge, cards)
    triggers = [trigger_card(trigger, providers) for trigger in definition["triggers"]]
    for source, _target, branch in with_edges(definition):
        cards[source].catches |= branch == "error"
    apart, reached = loose(definition, lane), _gone_to(definition)
    nowhere, handlers = ([cards[s] for s in apart if (s in reached) == handles] for handles in (False, True))
    view = Flow(lane, cards, triggers, nowhere, handlers)
    for problems, kind in ((errors, "errors"), (warnings, "warnings")):
        for problem in problems:
            getattr(_owner(view, problem), kind).append(translated(problem.message))
    return view


def _gone_to(definition: DefinitionJson) -> set[str]:
    """The steps that others go to when they fail, and what follows them."""
    going = [s for s in definition["steps"] if "goto" in (s["on_error"], s["on_exhausted"])]
    reached: set[str] = set()
    found = {str(step.get("goto_step")) for step in going}
    while found - reached:
        reached |= found
        found = {target for source, target, _branch in with_edges(definition) if source in reached}
    return reached


def step_card(step: StepJson, providers: Providers) -> Card:
    """A step's card."""
    spec = ACTIONS.get(step["action_type"])
    label = str(_(spec.label)) if spec else step["action_type"]
    card = Card(step["step_id"], step["name"] or label, label, spec.icon if spec else "x", step_line(step, providers))
    card.policy = _policy(step, providers)
    card.own_lanes = has_lanes(step)
    return card


def _edge_note(edge: EdgeJson, cards: Mapping[str, Card]) -> str:
    """When the flow comes to a step from another, added to what its card says already."""
    source = cards.get(edge["source"])
    text = _(
        "After “%(step)s” only when %(conditions)s",
        step=source.name if source else edge["source"],
        conditions=conditions_line(edge.get("conditions")),
    )
    return "; ".join(filter(None, (cards[edge["target"]].note, text)))


def trigger_card(trigger: TriggerJson, providers: Providers) -> Card:
    """A trigger's card."""
    spec = TRIGGERS.get(trigger["trigger_type"])
    label = str(_(spec.label)) if spec else trigger["trigger_type"]
    line = trigger_line(trigger, providers) or (str(_(spec.description)) if spec else "")
    card = Card(trigger["key"], label, label, spec.icon if spec else "x", line, active=trigger.get("is_active", True))
    if trigger.get("conditions"):
        card.note = str(_("Only when %(conditions)s", conditions=conditions_line(trigger["conditions"])))
    return card


def _policy(step: StepJson, providers: Providers) -> str:
    kind = step.get("on_error", "stop")
    if kind == "stop":
        return ""
    if kind == "retry":
        return str(_("Retries up to %(count)d times", count=step["retry_count"]))
    if kind == "goto":
        name = dict(providers.steps).get(step.get("goto_step") or "", "?")
        return str(_("If it fails: go to “%(step)s”", step=name))
    return str(_("If it fails: continue"))


def _owner(found: Flow, problem: Problem) -> Flow | Card:
    parts = problem.path.split(".")
    if problem.step_id in found.cards:
        return found.cards[problem.step_id]
    if parts[0] == "triggers" and len(parts) > 1 and int(parts[1]) < len(found.triggers):
        return found.triggers[int(parts[1])]
    return found


__all__ = ["Card", "Flow", "flow", "step_card", "trigger_card"]
