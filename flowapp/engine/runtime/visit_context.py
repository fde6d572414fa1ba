"""What a step finds around it: what earlier steps gave, the names that its expressions know, and who and when it is."""

from __future__ import annotations

from collections import ChainMap
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from flowapp.catalog import Signal
from flowapp.catalog.context import Logger
from flowapp.catalog.entities import CONTACT, ENTITIES, View
from flowapp.engine.language.scope import Scope
from flowapp.engine.machine.transitions import innermost
from flowapp.engine.machine.types import Loop, Token
from flowapp.engine.runtime.program import Program
from flowapp.engine.runtime.visit import Services, Visit
from flowapp.engine.store.rows import ExecutionRow


class Results:
    """Results by frame: a step sees those of its own item, of the items around it, and of the flow outside loops.

    `items` holds, for each running loop, its items; `given` the last result of each of its items that are through.
    """

    def __init__(self) -> None:
        self.results: dict[str, dict[str, dict[str, object]]] = {"": {}}
        self.items: dict[str, list[object]] = {}
        self.given: dict[str, dict[int, object]] = {}
        self.last: dict[str, object] = {}
        self.output: object = None

    def keep(
        self, frame: str, step_id: str, result: object, status: str, error: str = "", *, late: bool = False
    ) -> None:
        """Notes how a step ended. `late`: on a branch that a merge has passed over; it is not what its item, or all, gives."""
        self.results.setdefault(frame, {})[step_id] = {"result": result, "status": status, "error": error}
        if status == "completed" and not late:
            self.last[frame] = self.output = result

    def seen(self, frame: str) -> Mapping[str, dict[str, object]]:
        """The steps' results as a token in `frame` sees them, by step_id."""
        if not frame:
            return self.results[""]
        return ChainMap(*(self.results.setdefault(part, {}) for part in around(frame)))

    def names(self, frame: str) -> dict[str, object]:
        """`item`, `index` and `items` of the innermost loop, `parent_item` of the one around it."""
        if not frame:
            return {}
        loop, index = innermost(frame)
        items = self.items.get(loop, [])
        names: dict[str, object] = {
            "item": items[index] if index < len(items) else None,
            "index": index,
            "items": items,
        }
        outer = frame.rpartition("/")[0]
        if outer:
            names["parent_item"] = self.names(outer)["item"]
        return names

    def begin_loop(self, loop: str, items: list[object]) -> None:
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

    def end_loop(self, loop: str, held: Loop) -> dict[str, object]:
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

    def merged(self, tokens: Sequence[Token]) -> dict[str, object]:
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


@dataclass(slots=True)
class VisitContext:
    """What is the same for all visits of an execution while a worker holds it."""

    row: ExecutionRow
    program: Program
    services: Callable[[], Services]  # opened when something of them is used
    now: Callable[[], datetime]
    entities: Mapping[str, View]  # by name, what the execution is about: its contact, the entity of its trigger

    @property
    def timezone(self) -> str:
        """The contact's, else the organization's."""
        return str(self.entities.get(CONTACT, {}).get("timezone") or self.row["timezone"])

    def scope(self, results: Results, frame: str, visit: Sequence[str | int] = ()) -> Scope:
        """What the expressions of a step in this frame can name; `visit` says which of its visits it is."""
        extra = results.names(frame)
        for name, view in self.entities.items():
            extra = {**ENTITIES[name].names(view), **extra}
        if self.program.asks_resume_url:
            extra["resume_url"] = self.services().resume_url(self.row["id"], visit)
        return Scope(
            input=self.row["input_data"],
            variables=self.program.definition.variables,
            steps=results.seen(frame),
            context=self.row["context"],
            now=self.now().astimezone(UTC).isoformat(timespec="seconds"),
            extra=extra,
            timezone=self.timezone,
            language=self.program.definition.language,
            notation=lambda: self.services().conventions().locale,
        )

    def visit(self, number: str, token: Token, signal: Signal | None, results: Results, log: Logger) -> Visit:
        """What identifies an attempt, and what it may use."""
        options = self.row["options"] or {}
        return Visit(
            execution_id=self.row["id"],
            workflow_id=self.row["workflow_id"],
            organization_id=self.row["organization_id"],
            project_id=self.program.project_id,
            attempt=token["attempt"],
            iteration=token["iteration"],
            services=self.services,
            names=lambda: self.scope(results, token.get("frame", ""), (number, token["step"], token["iteration"])),
            now=self.now,
            log=log,
            token=number,
            timezone=self.timezone,
            signal=signal,
            contact_id=self.row["contact_id"] or "",
            entity=(self.row["trigger_entity_type"], self.row["trigger_entity_id"]),
            business_hours=self.program.business_hours,
            ancestors=options.get("ancestors", ()),
            root=options.get("root", ""),
            depth=options.get("depth", 0),
            bulk=options.get("bulk", False),
        )
