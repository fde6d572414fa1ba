"""The signals that have come for a claimed execution, and what it listens for when it rests."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from flowapp.catalog import Signal
from flowapp.models import new_id

if TYPE_CHECKING:
    from flowapp.engine.runtime.run import Run

Json = dict[str, Any]
GOALS = "*"
PAUSE = timedelta(hours=1)


class Inbox:
    """Hands each signal to the parked token that it is for. A signal without a taker waits in the database."""

    def __init__(self) -> None:
        self._signals: list[Json] = []
        self._seen: set[str] = set()
        self._taken: list[str] = []

    def fill(self, signals: list[Json]) -> None:
        """What the database holds."""
        self._signals = [signal for signal in signals if signal["token"] != GOALS]
        self._seen = {signal["id"] for signal in signals}
        self._taken += [signal["id"] for signal in signals if signal["token"] == GOALS]

    def next(self, tokens: Mapping[str, Json]) -> tuple[str | None, Signal | None]:
        """A parked token with its oldest signal; `taken` then names what the commit is to delete."""
        for signal in self._signals if self._signals else ():
            for number, token in tokens.items():
                if _is_for(signal, number, token):
                    self._signals.remove(signal)
                    self._taken.append(signal["id"])
                    return number, Signal(signal["kind"], signal["payload"])
        return None, None

    def taken(self) -> list[str]:
        """Ids of the signals that were handed out since the last call."""
        taken, self._taken = self._taken, []
        return taken

    def has_news(self, run: Run) -> bool:
        """Whether a signal came for one of the tokens, or for the goals, since the inbox was read."""
        tokens = run.state["tokens"]
        if self._signals:
            self._set_aside(run)
        listening = [row for row in _subscriptions(run) if row["token"] == GOALS or _is_new(run, row["token"])]
        if listening:
            run.journal.catch_up(listening, run.since, run.runner.now())
        elif not any(token["status"] == "parked" for token in tokens.values()):
            return False
        return any(
            signal["id"] not in self._seen
            and (signal["token"] == GOALS or any(_is_for(signal, number, token) for number, token in tokens.items()))
            for signal in run.journal.signals(run.row["id"])
        )

    def _set_aside(self, run: Run) -> None:
        """What nobody took: over, where it is for a token that went on; else nobody need be woken for it for a while."""
        tokens, now = run.state["tokens"], run.runner.now()
        left = [s for s in self._signals if not any(_is_for(s, number, token) for number, token in tokens.items())]
        over = [s["id"] for s in left if s["token"] and s["kind"] in ("event", "approval")]
        kept = [s["id"] for s in left if s["id"] not in over and (s["rung_at"] is None or s["rung_at"] <= now)]
        if over or kept:
            run.journal.set_aside(over, kept, now + PAUSE)

    def listening(self, run: Run, status: str | None) -> list[Json] | None:
        """Rows of subscriptions for the state that is being written; None: as they are."""
        if status is None or status == "pending":
            return None
        rows = _subscriptions(run) if status == "waiting" else []
        return rows if rows or run.row["state"] else None


def _is_for(signal: Json, number: str, token: Json) -> bool:
    if token["status"] != "parked" or signal["kind"] not in token["accepts"]:
        return False
    if signal["token"]:
        return bool(signal["token"] == number and (not signal["step_id"] or signal["step_id"] == token["step"]))
    return signal["step_id"] in ("", token["step"])


def _is_new(run: Run, number: str) -> bool:
    """Whether the token came to wait here since the execution was claimed."""
    before = (run.row["state"] or {}).get("tokens", {}).get(number, {})
    token = run.state["tokens"][number]
    return any(before.get(name) != token[name] for name in ("status", "step", "iteration"))


def _subscriptions(run: Run) -> list[Json]:
    about = _about(run)
    rows = [
        _row(run, number, event, about if token["same_entity"] else ("", ""))
        for number, token in run.state["tokens"].items()
        if token["status"] == "parked"
        for event in token["events"]
    ]
    if run.program.goals and not run.state.get("goal") and about != ("", ""):
        rows.append(_row(run, GOALS, f"{about[0]}.*", about))
    return rows


def _about(run: Run) -> tuple[str, str]:
    if run.row["contact_id"]:
        return "contact", run.row["contact_id"]
    return run.row["trigger_entity_type"], run.row["trigger_entity_id"]


def _row(run: Run, token: str, event_type: str, entity: tuple[str, str]) -> Json:
    return {
        "id": new_id(),
        "organization_id": run.row["organization_id"],
        "execution_id": run.row["id"],
        "token": token,
        "event_type": event_type,
        "entity_type": entity[0],
        "entity_id": entity[1],
    }
