"""What the state machine's effects mean for the record: attempts that end together, items, and the end."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from flowapp.engine.runtime.run import Run

Effect = dict[str, Any]


def carry_out(run: Run, effect: Effect) -> None:
    """Does what an effect says."""
    _HANDLERS[effect["do"]](run, effect)


def _item(run: Run, effect: Effect) -> None:
    failed = "error" in effect
    run.memory.end_item(effect["frame"], failed=failed)
    item = f"Item {effect['index'] + 1} of {effect['total']}"
    if failed:
        run.record.line(effect["step"], "warning", f"{item} failed: {effect['error']}", None)
    else:
        run.record.line(effect["step"], "debug", f"{item} is through.", None)


def _looped(run: Run, effect: Effect) -> None:
    run.finish_wait(effect["token"], run.memory.end_loop(effect["loop"], effect["held"]), "done")


def _merged(run: Run, effect: Effect) -> None:
    first, *others = effect["tokens"]
    seen = run.memory.seen(first.get("frame", ""))
    inputs = {}
    for token in effect["tokens"]:
        before = token.get("from", "")
        inputs[before] = (seen.get(before) or {}).get("result")
    for token in others:
        run.finish_wait(token, None, "")
    run.finish_wait(first, {"arrived": len(effect["tokens"]), "inputs": inputs}, effect["branch"])


def _late(run: Run, effect: Effect) -> None:
    run.finish_wait(effect["token"], None, "", "cancelled")


def _dropped(run: Run, effect: Effect) -> None:
    drop(run, effect["tokens"])


def drop(run: Run, tokens: Iterable[Mapping[str, Any]]) -> None:
    """The attempts of these tokens that wait are over: nobody waits for them any more."""
    for token in tokens:
        if token["status"] in ("waiting", "parked", "joined", "looping"):
            run.finish_wait(token, None, "", "cancelled")


def _end(run: Run, effect: Effect) -> None:
    told = effect["status"] in ("failed", "cancelled")
    run.end(effect["status"], effect.get("reason") or (run.error if told else ""))


_HANDLERS: dict[str, Callable[..., None]] = {
    "item": _item,
    "looped": _looped,
    "merged": _merged,
    "late": _late,
    "dropped": _dropped,
    "end": _end,
}
