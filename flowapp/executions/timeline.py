"""An execution as a person reads it: visits of steps with their attempts, payloads cut to what a page can hold."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from flowapp.catalog import ACTIONS
from flowapp.logs import mask
from flowapp.models import Execution, LogLine, StepRun, Timer

ATTEMPTS = 200  # on one page
LINES_OF_A_VISIT = 50
MAX_PAYLOAD = 65_536  # characters shown whole
SHOWN_OF_LARGE = 4_000
PAGE_BUDGET = 1_000_000  # characters of all payloads of a page


@dataclass(frozen=True, slots=True)
class Payload:
    """A JSON value as text, secrets masked; `cut` where only its beginning is shown."""

    text: str
    cut: bool = False


@dataclass(slots=True)
class StepVisit:
    """One visit of a step by a token: `run` is its last attempt, `earlier` those before, oldest first."""

    run: StepRun
    earlier: list[StepRun] = field(default_factory=list)
    lines: list[LogLine] = field(default_factory=list)
    input: Payload | None = None
    output: Payload | None = None
    details: Payload | None = None
    until: datetime | None = None
    to_decide: bool = False

    @property
    def first(self) -> StepRun:
        return self.earlier[0] if self.earlier else self.run

    @property
    def seconds(self) -> float | None:
        """From the first attempt's start to the last one's end; None while it goes on."""
        return (self.run.ended_at - self.first.started_at).total_seconds() if self.run.ended_at else None

    @property
    def icon(self) -> str:
        spec = ACTIONS.get(self.run.action_type)
        return spec.icon if spec else "circle"

    @property
    def action_label(self) -> str:
        """A msgid."""
        spec = ACTIONS.get(self.run.action_type)
        return spec.label if spec else self.run.action_type


class Budget:
    """How much text one page may still hold."""

    def __init__(self, left: int = PAGE_BUDGET) -> None:
        self.left = left

    def show(self, value: object) -> Payload | None:
        """The value as it is shown; None where there is none."""
        if value is None:
            return None
        text = as_text(value)
        cut = len(text) > min(MAX_PAYLOAD, max(self.left, SHOWN_OF_LARGE))
        text = text[:SHOWN_OF_LARGE] if cut else text
        self.left -= len(text)
        return Payload(text, cut)


def as_text(value: object) -> str:
    """JSON text of a value, secrets masked."""
    return json.dumps(mask(value), indent=2, ensure_ascii=False, default=str)


def shown_payloads(run: StepRun) -> dict[str, object]:
    """What an attempt got and gave, and what its conditions saw, as JSON, secrets masked."""
    shown = {name: mask(getattr(run, name)) for name in ("input", "output", "error_details")}
    return {**shown, "explanation": shown_rules(run.explanation)}


def shown_rules(rules: object) -> list[dict[str, object]] | None:
    """The rules of an explanation, their values masked by the name of their field."""
    return [_shown_rule(rule) for rule in rules] if isinstance(rules, list) else None


def _shown_rule(rule: dict[str, object]) -> dict[str, object]:
    field_ = str(rule.get("field", ""))
    return rule | {name: mask({field_: rule[name]})[field_] for name in ("value", "actual") if name in rule}


def explained(rules: object) -> list[dict[str, object]]:
    """The rules of an explanation, their values as JSON text, secrets masked by the name of their field."""
    lines = []
    for rule in shown_rules(rules) or ():
        shown = {
            name: json.dumps(rule[name], ensure_ascii=False, default=str)
            for name in ("value", "actual")
            if rule.get(name) is not None
        }
        lines.append({**rule, "value": shown.get("value", ""), "actual": shown.get("actual", "")})
    return lines


def attempts(session: Session, execution: Execution, before: int | None) -> tuple[list[StepRun], bool]:
    """The last attempts (those with seq < `before`), in order, and whether there are older ones."""
    statement = select(StepRun).where(StepRun.execution_id == execution.id).order_by(StepRun.seq.desc())
    if before is not None:
        statement = statement.where(StepRun.seq < before)
    runs = list(session.scalars(statement.limit(ATTEMPTS + 1)))
    return runs[:ATTEMPTS][::-1], len(runs) > ATTEMPTS


def visits(
    session: Session, execution: Execution, runs: Sequence[StepRun], lines: Sequence[LogLine], budget: Budget
) -> list[StepVisit]:
    """The visits that `runs` belong to, in the order in which they began; the newest payloads are shown first."""
    visits: dict[tuple[str, str, int], StepVisit] = {}
    for run in runs:
        key = (run.token, run.step_id, run.iteration)
        if key in visits:
            visits[key].earlier.append(visits[key].run)
            visits[key].run = run
        else:
            visits[key] = StepVisit(run)
    _add_state(session, execution, visits.values())
    for visit in reversed(visits.values()):
        last = visit.run.ended_seq or execution.seq
        own = [line for line in lines if line.step_id == visit.run.step_id and visit.first.seq < line.seq <= last]
        visit.lines = own[-LINES_OF_A_VISIT:]
        visit.input, visit.output = budget.show(visit.run.input), budget.show(visit.run.output)
        visit.details = budget.show(visit.run.error_details)
    return list(visits.values())


def _add_state(session: Session, execution: Execution, visits: Iterable[StepVisit]) -> None:
    """Until when a token sleeps, and which attempts wait for a person's word."""
    if execution.status != "waiting":
        return
    tokens = (execution.state or {}).get("tokens", {})
    due = {timer.token: timer.due_at for timer in timers(session, execution)}
    for visit in visits:
        token = tokens.get(visit.run.token, {})
        if token.get("step") != visit.run.step_id or token.get("iteration") != visit.run.iteration:
            continue
        visit.to_decide = visit.run.status == "uncertain" and token["status"] == "uncertain"
        visit.until = due.get(visit.run.token)


def timers(session: Session, execution: Execution) -> list[Timer]:
    """What will wake the execution, the next one first."""
    return list(session.scalars(select(Timer).where(Timer.execution_id == execution.id).order_by(Timer.due_at)))
