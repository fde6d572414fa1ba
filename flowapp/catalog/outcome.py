"""What a step hands back to the engine."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal


@dataclass(frozen=True, slots=True)
class Done:
    """The step is done: `result` (any JSON value) is what later steps see; the flow follows `branch`."""

    result: Any = None
    branch: str = "next"


@dataclass(frozen=True, slots=True)
class Branch:
    """The step decided where the flow goes on: along the edges called `name`."""

    name: str
    result: Any = None


@dataclass(frozen=True, slots=True)
class Wait:
    """The token sleeps until `until` (aware, UTC), then goes on along `branch` with `result`."""

    until: datetime
    result: Any = None
    branch: str = "next"


@dataclass(frozen=True, slots=True)
class Stop:
    """The whole execution ends here, with `status` and `result` as its output."""

    status: Literal["completed", "failed", "cancelled"] = "completed"
    message: str = ""
    result: Any = None


@dataclass(frozen=True, slots=True)
class Fail:
    """The attempt failed. `permanent`: trying again cannot help. Raising StepError means the same."""

    message: str
    permanent: bool = False
    details: dict[str, Any] | None = None


Outcome = Done | Branch | Wait | Stop | Fail
