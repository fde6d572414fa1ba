"""What wakes an execution that waits: the timers and subscriptions that its state stands for."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta

from flowapp.catalog.entities import CONTACT
from flowapp.engine.machine import state as machine
from flowapp.engine.machine.types import SUSPENDED, State, Token
from flowapp.engine.runtime.program import Program
from flowapp.engine.runtime.received_signals import GOALS, ReceivedSignals
from flowapp.engine.store.journal import Journal
from flowapp.engine.store.rows import ExecutionRow, SubscriptionRow, TimerRow
from flowapp.models import new_id

PAUSE = timedelta(hours=1)  # before somebody is woken again for what nobody took


def timers(row: ExecutionRow, state: State, timeout: float | None) -> list[TimerRow]:
    """The alarm clocks of what the state says; with a time-out of the workflow, one for that too."""
    latest = float("inf") if timeout is None else row["started_at"].timestamp() + timeout + 1
    alarms = machine.alarms(state) or ([] if timeout is None else [("*", "timeout", latest)])
    return [
        {
            "id": new_id(),
            "organization_id": row["organization_id"],
            "execution_id": row["id"],
            "token": number,
            "kind": kind,
            "due_at": datetime.fromtimestamp(min(at, latest), UTC),
        }
        for number, kind, at in alarms
    ]


def subscriptions(row: ExecutionRow, state: State, program: Program) -> list[SubscriptionRow]:
    """What its suspended tokens listen for, and its goals."""
    about = _about(row)
    rows = [
        _subscription(row, number, event, about if token["same_entity"] else ("", ""))
        for number, token in state["tokens"].items()
        if token["status"] == SUSPENDED
        for event in token["events"]
    ]
    if program.goals and not state.get("goal") and about != ("", ""):
        rows.append(_subscription(row, GOALS, f"{about[0]}.*", about))
    return rows


def signals_came(
    journal: Journal,
    signals: ReceivedSignals,
    row: ExecutionRow,
    state: State,
    program: Program,
    *,
    since: str,
    now: datetime,
) -> bool:
    """Whether a signal came after they were read, while nobody could be woken. `since`: events later than this id count."""
    tokens = state["tokens"]
    over, kept = signals.left_over(tokens, now)
    if over or kept:
        journal.set_aside(over, kept, now + PAUSE)
    listening = [
        one for one in subscriptions(row, state, program) if one["token"] == GOALS or _is_new(row, tokens, one["token"])
    ]
    if listening:
        journal.catch_up(listening, since, now)
    elif not any(token["status"] == SUSPENDED for token in tokens.values()):
        return False
    return signals.are_new(journal.signals(row["id"]), tokens)


def _is_new(row: ExecutionRow, tokens: Mapping[str, Token], number: str) -> bool:
    """Whether a token came to wait where it does since the execution was claimed."""
    before, token = (row["state"] or machine.new_state())["tokens"].get(number), tokens[number]
    return before is None or any(before[name] != token[name] for name in ("status", "step", "iteration"))


def _about(row: ExecutionRow) -> tuple[str, str]:
    if row["contact_id"]:
        return CONTACT, row["contact_id"]
    return row["trigger_entity_type"], row["trigger_entity_id"]


def _subscription(row: ExecutionRow, token: str, event_type: str, entity: tuple[str, str]) -> SubscriptionRow:
    return {
        "id": new_id(),
        "organization_id": row["organization_id"],
        "execution_id": row["id"],
        "token": token,
        "event_type": event_type,
        "entity_type": entity[0],
        "entity_id": entity[1],
    }
