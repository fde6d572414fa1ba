"""What the steps of an execution have given so far, and which item of which loop each token is in."""

from __future__ import annotations

from collections import ChainMap
from collections.abc import Mapping, Sequence
from typing import Any

from flowapp.engine.machine.transitions import innermost
from flowapp.engine.machine.types import Loop, Token

Json = dict[str, Any]


class Results:
    """Results by frame: a step sees those of its own item, of the items around it, and of the flow outside loops.

    `items` holds, for each running loop, its items; `given` the last result of each of its items that are through.
    """

    def __init__(self) -> None:
        self.results: dict[str, dict[str, Json]] = {"": {}}
        self.items: dict[str, list[Any]] = {}
        self.given: dict[str, dict[int, Any]] = {}
        self.last: dict[str, Any] = {}
        self.output: Any = None

    def keep(self, frame: str, step_id: str, result: Any, status: str, error: str = "", *, late: bool = False) -> None:
        """Notes how a step ended. `late`: on a branch that a merge has passed over; its result is not the output."""
        self.results.setdefault(frame, {})[step_id] = {"result": result, "status": status, "error": error}
        if status == "completed":
            self.last[frame] = result
            self.output = self.output if late else result

    def seen(self, frame: str) -> Mapping[str, Json]:
        """The steps' results as a token in `frame` sees them, by step_id."""
        if not frame:
            return self.results[""]
        return ChainMap(*(self.results.setdefault(part, {}) for part in around(frame)))

    def names(self, frame: str) -> Json:
        """`item`, `index` and `items` of the innermost loop, `parent_item` of the one around it."""
        if not frame:
            return {}
        loop, index = innermost(frame)
        items = self.items.get(loop, [])
        names: Json = {"item": items[index] if index < len(items) else None, "index": index, "items": items}
        outer = frame.rpartition("/")[0]
        if outer:
            names["parent_item"] = self.names(outer)["item"]
        return names

    def begin_loop(self, loop: str, items: list[Any]) -> None:
        """A loop runs over these."""
        self.items[loop] = items
        self.given.setdefault(loop, {})

    def end_item(self, frame: str, *, failed: bool = False) -> None:
        """An item is through: its last result is kept (of a failed one, none), what its steps gave is let go."""
        loop, index = innermost(frame)
        self.given.setdefault(loop, {})[index] = None if failed else self.last.get(frame)
        inside = f"{frame}/"
        for store in (self.results, self.last):
            for known in [k for k in store if k == frame or k.startswith(inside)]:
                del store[known]

    def end_loop(self, loop: str, held: Loop) -> Json:
        """The result of a loop's step (catalog.Each)."""
        items, given = self.items.pop(loop, []), self.given.pop(loop, {})
        results = [given.get(index) for index in range(len(items))]
        return {
            "count": len(items),
            "ok": held["ok"],
            "failed": held["failed"],
            "results": results,
            "errors": held["errors"],
        }

    def merged(self, tokens: Sequence[Token]) -> Json:
        """The result of a merge's step: what the steps gave that these tokens came from."""
        seen = self.seen(tokens[0].get("frame", ""))
        before = [token.get("from", "") for token in tokens]
        return {"arrived": len(tokens), "inputs": {step: (seen.get(step) or {}).get("result") for step in before}}


def around(frame: str) -> list[str]:
    """The frame, those around it, and the flow outside loops, innermost first."""
    frames = []
    while frame:
        frames.append(frame)
        frame = frame.rpartition("/")[0]
    return [*frames, ""]
