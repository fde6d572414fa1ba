"""The signals that have come for a claimed execution."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime

from flowapp.catalog import Signal
from flowapp.engine.machine.types import SUSPENDED, Token
from flowapp.engine.store.rows import ReceivedSignal

Tokens = Mapping[str, Token]
GOALS = "*"  # in place of a token: for the goals of the workflow


class ReceivedSignals:
    """Hands each signal to the suspended token that it is for. A signal without a taker waits in the database."""

    def __init__(self, signals: Iterable[ReceivedSignal] = ()) -> None:
        signals = list(signals)
        self._signals = [signal for signal in signals if signal["token"] != GOALS]
        self._seen = {signal["id"] for signal in signals}
        self._taken = [signal["id"] for signal in signals if signal["token"] == GOALS]

    def next(self, tokens: Tokens) -> tuple[str | None, Signal | None]:
        """A suspended token with its oldest signal; `taken` then names what the commit is to delete."""
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

    def left_over(self, tokens: Tokens, now: datetime) -> tuple[list[str], list[str]]:
        """Ids of what nobody took: those that are over, being for a token that went on; and those that nobody need be
        woken for."""
        left = [s for s in self._signals if not any(_is_for(s, number, token) for number, token in tokens.items())]
        over = [s["id"] for s in left if s["token"] and s["kind"] in ("event", "approval")]
        return over, [s["id"] for s in left if s["id"] not in over and (s["rung_at"] is None or s["rung_at"] <= now)]

    def are_new(self, signals: Iterable[ReceivedSignal], tokens: Tokens) -> bool:
        """Whether one of these is for a token or for the goals, and was not there before."""
        return any(
            signal["id"] not in self._seen
            and (signal["token"] == GOALS or any(_is_for(signal, number, token) for number, token in tokens.items()))
            for signal in signals
        )


def _is_for(signal: ReceivedSignal, number: str, token: Token) -> bool:
    if token["status"] != SUSPENDED or signal["kind"] not in token["accepts"]:
        return False
    if signal["token"]:
        return bool(signal["token"] == number and (not signal["step_id"] or signal["step_id"] == token["step"]))
    return signal["step_id"] in ("", token["step"])
