"""What running executions again would do once more, counted before anything runs: an estimate."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from urllib.parse import urlsplit

from sqlalchemy import Select, func, select
from sqlalchemy.orm import Session

from flowapp.catalog import ACTIONS
from flowapp.engine.graph.graph import Graph
from flowapp.engine.language.definition import Definition, StepDef
from flowapp.engine.store.rerun import From, Which
from flowapp.executions.replays import Choice, chosen, count
from flowapp.models import Execution, StepRun, Version, Workflow

ADDRESSES = 20_000  # of calls that are looked at
Counts = Counter[tuple[str, str]]  # of action type and address


@dataclass(frozen=True, slots=True)
class Effect:
    """What would happen `count` times: a kind of step (`label` is a msgid), and where to, if that is known."""

    action_type: str
    label: str
    target: str
    count: int


@dataclass(frozen=True, slots=True)
class EffectPreview:
    """`matched` executions fit, `taken` of them would run again; `effects` is an estimate, the most frequent first."""

    matched: int
    taken: int
    effects: list[Effect]


def preview(session: Session, choice: Choice, from_step: From, version: Which) -> EffectPreview:
    """What running them again would do. Reads the executions that would be taken, and changes nothing."""
    choice = choice.meant_for(from_step)
    matched = count(session, choice)
    taken = min(matched, choice.limit)
    counts: Counts = Counter()
    if taken:
        if from_step == "start":
            counts += _done_before(session, choice)
        counts += _to_come(session, choice, version, itself=from_step == "failed")
    effects = [
        Effect(kind, ACTIONS[kind].label, target, number)
        for (kind, target), number in counts.most_common()
        if kind in ACTIONS
    ]
    return EffectPreview(matched, taken, effects)


def _taken(choice: Choice) -> Select[str]:
    """Ids of those that would be taken: the oldest."""
    return chosen(choice).with_only_columns(Execution.id).order_by(Execution.id).limit(choice.limit)


def _effective() -> list[str]:
    return [kind for kind, spec in ACTIONS.items() if spec.effect != "pure"]


def _has_address(kind: str) -> bool:
    return "url" in ACTIONS[kind].params.model_fields


def _done_before(session: Session, choice: Choice) -> Counts:
    """What their steps did: each visit counts once, however often it was tried."""
    kinds = _effective()
    called = [kind for kind in kinds if _has_address(kind)]
    ran = select(StepRun.action_type).where(
        StepRun.execution_id.in_(_taken(choice)),
        StepRun.attempt == 1,
        StepRun.source == "",
        StepRun.status.in_(("completed", "failed", "uncertain")),
    )
    plain = session.execute(
        ran.add_columns(func.count())
        .where(StepRun.action_type.in_([kind for kind in kinds if kind not in called]))
        .group_by(StepRun.action_type)
    )
    counts = Counter({(kind, ""): number for kind, number in plain})
    for kind, given in session.execute(
        ran.add_columns(StepRun.input).where(StepRun.action_type.in_(called)).limit(ADDRESSES)
    ):
        counts[kind, _address(given)] += 1
    return counts


def _to_come(session: Session, choice: Choice, version: Which, *, itself: bool) -> Counts:
    """What can come behind the step where failed ones stopped; `itself`: that step included."""
    failed = select(Execution.version_id, Execution.workflow_id, Execution.current_step_id, func.count()).where(
        Execution.id.in_(_taken(choice)), Execution.status == "failed"
    )
    groups = session.execute(failed.group_by(Execution.version_id, Execution.workflow_id, Execution.current_step_id))
    graphs: dict[str, Graph] = {}
    counts: Counts = Counter()
    for version_id, workflow_id, step_id, number in groups.all():
        graph = _graph(session, graphs, version_id, workflow_id, version)
        for step in _behind(graph, step_id, itself=itself):
            counts[step.action_type, _address(step.params) if _has_address(step.action_type) else ""] += number
    return counts


def _graph(session: Session, known: dict[str, Graph], version_id: str, workflow_id: str, version: Which) -> Graph:
    if version == "newest":
        published = session.scalar(select(Workflow.published_version_id).where(Workflow.id == workflow_id))
        version_id = published or version_id
    if version_id not in known:
        known[version_id] = Graph(Definition.model_validate(session.get_one(Version, version_id).definition))
    return known[version_id]


def _behind(graph: Graph, step_id: str, *, itself: bool) -> list[StepDef]:
    if step_id not in graph.steps:
        return []
    return [
        step
        for step in graph.steps.values()
        if step.action_type in ACTIONS
        and ACTIONS[step.action_type].effect != "pure"
        and (itself if step.step_id == step_id else graph.leads(step_id, step.step_id))
    ]


def _address(params: object) -> str:
    """Scheme and host of the address that a step calls; empty where it is only known when it runs."""
    url = str(params.get("url", "")) if isinstance(params, dict) else ""
    try:
        parts = urlsplit(url)
    except ValueError:
        return ""
    host = parts.netloc.rpartition("@")[2]
    return f"{parts.scheme}://{host}" if parts.scheme and host and "{{" not in host else ""
