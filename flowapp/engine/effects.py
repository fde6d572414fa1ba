"""What the state machine's effects mean for the record: attempts that end together, items, and the end."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from flowapp.engine.run import Run

Effect = dict[str, Any]


def carry_out(run: Run, effect: Effect) -> None:
    """Does what an effect says."""
    _HANDLERS[effect["do"]](run, effect)


def _item(run: Run, effect: Effect) -> None:
    run.memory.end_item(effect["frame"], failed=bool(effect.get("error")))
    token = run.state["tokens"].get(_loop_token(run, effect["loop"]))
    step_id = token["step"] if token else run.current
    number, total = effect["index"] + 1, len(run.memory.items.get(effect["loop"], ()))
    if effect.get("error"):
        run.record.line(step_id, "warning", f"Item {number} of {total} failed: {effect['error']}", None)
    else:
        run.record.line(step_id, "debug", f"Item {number} of {total} is through.", None)


def _loop_token(run: Run, loop: str) -> str:
    return str(run.state.get("loops", {}).get(loop, {}).get("token", ""))


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


def _dropped(run: Run, effect: Effect) -> None:
    for token in effect["tokens"]:
        if "seq" in token and token["status"] in ("waiting", "parked", "joined", "looping"):
            run.finish_wait(token, None, "", "cancelled")


def _end(run: Run, effect: Effect) -> None:
    failed = effect["status"] == "failed"
    run.end(effect["status"], effect.get("reason") or (run.error if failed else ""))


_HANDLERS: dict[str, Callable[..., None]] = {
    "item": _item,
    "looped": _looped,
    "merged": _merged,
    "dropped": _dropped,
    "end": _end,
}
