"""Simulation: the real runner on a journal in memory and a virtual clock. A wait of two weeks takes no time.

Nothing is written and nobody is reached: whoever calls `simulate` hands in services that record (tasks.simulation).
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import NamedTuple, cast

from flowapp.catalog.entities import CONTACT
from flowapp.engine.machine.state import new_state
from flowapp.engine.machine.types import SUSPENDED, Token
from flowapp.engine.runtime.program import Programs
from flowapp.engine.runtime.runner import Runner
from flowapp.engine.runtime.visit import Services
from flowapp.engine.store import signals
from flowapp.engine.store.journal import Batch, Claim, Journal
from flowapp.engine.store.leases import Keeper
from flowapp.engine.store.rows import ExecutionRow, LineRow, PastRun, RunRow, SignalRow, TimerRow
from flowapp.models import TERMINAL, TEST, new_id
from flowapp.texts import restored, say

Json = dict[str, object]
LONGEST = 10.0  # seconds of real time


@dataclass(slots=True)
class Scenario:
    """What is simulated. `definition` is canonical, its secrets open; `start` aware, UTC.

    `pins` are results of steps that do not run; `answers` what comes for steps that wait for somebody:
    {step_id: {"kind", "payload"}}. `entity` is (type, id) of what the execution is about, `entities` what expressions know
    beside the contact, by name.
    """

    definition: Json
    organization_id: str
    project_id: str
    workflow_id: str
    start: datetime
    input_data: object = None
    context: Json = field(default_factory=dict)
    contact: Json | None = None
    timezone: str = "UTC"
    pins: Mapping[str, object] = field(default_factory=dict)
    answers: Mapping[str, Json] = field(default_factory=dict)
    ancestors: Sequence[str] = ()  # workflows above, of one that another one runs
    entity: tuple[str, str] = ("", "")
    entities: Mapping[str, Json] = field(default_factory=dict)


class Ended(NamedTuple):
    """How the simulation of a sub-workflow ended: what its signal would say, and when."""

    payload: Json
    at: datetime


@dataclass(slots=True)
class VirtualClock:
    """The time of a simulation."""

    time: datetime

    def now(self) -> datetime:
        return self.time


class SimulationRow(ExecutionRow):
    """A row of executions as far as a simulation needs it."""

    status: str
    output_data: object
    response: object


class MemoryJournal(Journal):
    """A journal that keeps one execution in memory."""

    def __init__(self, scenario: Scenario) -> None:
        self.organization_id = scenario.organization_id
        self.scenario = scenario
        self.runs: dict[int, RunRow] = {}
        self.lines: list[LineRow] = []
        self.timers: list[TimerRow] = []
        self.received: list[SignalRow] = []
        self.row: SimulationRow = {
            "id": new_id(),
            "organization_id": scenario.organization_id,
            "workflow_id": scenario.workflow_id,
            "version_id": "simulation",
            "status": "pending",
            "fence": 0,
            "crashes": 0,
            "state": new_state(),
            "seq": 0,
            "input_data": {} if scenario.input_data is None else scenario.input_data,
            "context": scenario.context,
            "started_at": scenario.start,
            "trigger_type": TEST,
            "trigger_entity_type": scenario.entity[0],
            "trigger_entity_id": scenario.entity[1],
            "contact_id": cast(str | None, (scenario.contact or {}).get("id")),
            "options": {"pins": dict(scenario.pins), "ancestors": list(scenario.ancestors)},
            "concurrency_key": None,
            "timezone": scenario.timezone,
            "output_data": None,
            "error_message": "",
            "error_parts": None,
            "response": None,
        }

    def claim(self, execution_id: str, now: datetime) -> Claim:  # noqa: ARG002
        return Claim(self.row.copy(), 0)

    def definition(self, version_id: str) -> tuple[Json, str]:  # noqa: ARG002
        return self.scenario.definition, self.scenario.project_id

    def results(self, execution_id: str) -> list[PastRun]:  # noqa: ARG002
        return [run for _, run in sorted(self.runs.items())]

    def signals(self, execution_id: str) -> list[SignalRow]:  # noqa: ARG002
        return list(self.received)

    def set_aside(self, over: list[str], kept: list[str], until: datetime) -> None:  # noqa: ARG002
        self.received = [signal for signal in self.received if signal["id"] not in over]

    def catch_up(self, listening: object, since: str, now: datetime) -> None:
        """Nothing happens but what the simulation lets happen."""

    def entities(self, about: Sequence[tuple[str, str]]) -> dict[str, Json]:  # noqa: ARG002
        return {**self.scenario.entities, **({CONTACT: self.scenario.contact} if self.scenario.contact else {})}

    def extend(self, claim: Claim, now: datetime) -> bool:  # noqa: ARG002
        return True

    def write(self, claim: Claim, batch: Batch) -> None:  # noqa: ARG002
        self.row.update(cast(SimulationRow, batch.columns))
        for run in batch.started:
            self.runs[run["seq"]] = run.copy()
        for change in (*batch.ended, *batch.settled):
            ended = cast(RunRow, {k: v for k, v in change.items() if not k.startswith("b_")})
            self.runs[cast(int, change["b_seq"])].update(ended)
        self.lines += batch.lines
        if batch.timers is not None:
            self.timers = batch.timers
        self.received = [signal for signal in self.received if signal["id"] not in batch.consumed]

    def signal(self, token: str, kind: str, payload: object, now: datetime) -> None:
        """Something comes for a token."""
        self.received.append(signals.row(self.organization_id, self.row["id"], kind, payload, now, token=token))


class _NoKeeper(Keeper):
    """Nobody else wants a simulated execution."""

    def start(self) -> None:
        """Keeps nothing."""


def simulate(
    scenario: Scenario,
    services: Callable[[VirtualClock], Services],
    programs: Programs | None = None,
    *,
    ended: Callable[[str], Ended | None] = lambda _execution: None,
) -> Json:
    """Runs the scenario to its end, or to where it waits for something that nobody here sends. `ended` knows how the
    sub-workflows ended that the services simulated.

    Returns {"status", "output_data", "error_message", "started_at", "ended_at", "duration": virtual seconds, "steps",
    "logs": rows in order, "notes": what was assumed, "waits_for": step_ids, "response"}. `status` is "waiting" where it
    goes on no further, "pending" where it takes more than ten seconds of real time.
    """
    clock, journal = VirtualClock(scenario.start), MemoryJournal(scenario)
    world, end = services(clock), time.monotonic() + LONGEST
    runner = Runner(
        journal=lambda _organization: journal,
        services=lambda *_place: world,
        publish=lambda _organization, _execution, _news: None,
        programs=programs or Programs(),
        keeper=_NoKeeper(LONGEST, clock.now),
        stopping=lambda: time.monotonic() > end,
        now=clock.now,
        chance=lambda: 0.0,
    )
    notes: list[str] = []
    answered: set[int] = set()
    while True:
        runner.run(journal.row["id"], scenario.organization_id)
        if journal.row["status"] != "waiting" or not _go_on(journal, clock, notes, answered, ended):
            return _report(journal, clock, notes)


def _go_on(
    journal: MemoryJournal,
    clock: VirtualClock,
    notes: list[str],
    answered: set[int],
    ended: Callable[[str], Ended | None],
) -> bool:
    """Lets the next thing happen: an answer for a step that waits for somebody, else the next moment of a timer."""
    for number, token in journal.row["state"]["tokens"].items():
        if token["status"] == SUSPENDED and token["seq"] not in answered:
            child = ended(_child_of(token)) if token["step"] not in journal.scenario.answers else None
            if child and any(timer["due_at"] < child.at for timer in journal.timers):
                continue  # something else happens before
            if child:
                clock.time = max(clock.time, child.at)
            answer = ("child", child.payload) if child else _answer(journal.scenario, token, notes)
            if answer:
                answered.add(token["seq"])
                journal.signal(number, *answer, clock.time)
                return True
    if not journal.timers:
        return False
    clock.time = max(clock.time, min(timer["due_at"] for timer in journal.timers)) + timedelta(milliseconds=1)
    return True


def _child_of(token: Token) -> str:
    """The sub-workflow that a token waits for."""
    kept = token.get("result")
    return str(kept.get("execution_id") or "") if "child" in token["accepts"] and isinstance(kept, dict) else ""


def _answer(scenario: Scenario, token: Token, notes: list[str]) -> tuple[str, object] | None:
    """Kind and payload of what the person gave for this step; approvals are given, and sub-workflows succeed, unless they said otherwise."""
    step_id = token["step"]
    given = scenario.answers.get(step_id)
    if given and given.get("kind", token["accepts"][0]) not in token["accepts"]:
        notes.append(
            say(
                "“%(step_id)s”: the answer does not fit, it waits for: %(token)s.",
                step_id=step_id,
                token=", ".join(token["accepts"]),
            )
        )
    elif given:
        return str(given.get("kind") or token["accepts"][0]), given.get("payload")
    if "approval" in token["accepts"]:
        notes.append(say("“%(step_id)s”: assumed to be approved.", step_id=step_id))
        return "approval", {"decision": "approved", "by": "simulation", "comment": ""}
    if "child" in token["accepts"]:
        notes.append(
            say("“%(step_id)s”: the other workflow was not run; assumed to complete without output.", step_id=step_id)
        )
        return "child", {"execution_id": "simulation", "status": "completed", "output": None, "error": ""}
    if token.get("until") is not None:
        notes.append(say("“%(step)s”: nothing came, the timeout was taken.", step=step_id))
    return None


def _with_message(run: RunRow) -> RunRow:
    return {**run, "error_message": restored(run["error_message"], run["error_parts"])}


def _report(journal: MemoryJournal, clock: VirtualClock, notes: list[str]) -> Json:
    row = journal.row
    waits = [] if row["status"] in TERMINAL else [token["step"] for token in row["state"].get("tokens", {}).values()]
    return {
        "status": row["status"],
        "output_data": row["output_data"],
        "error_message": restored(row["error_message"], row["error_parts"]),
        "response": row["response"],
        "started_at": journal.scenario.start,
        "ended_at": clock.time,
        "duration": (clock.time - journal.scenario.start).total_seconds(),
        "steps": [_with_message(run) for _, run in sorted(journal.runs.items())],
        "logs": sorted(journal.lines, key=lambda line: int(line["seq"])),
        "notes": list(dict.fromkeys(notes)),
        "waits_for": waits,
    }
