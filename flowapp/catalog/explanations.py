"""How a step explains itself on the execution page: what it looked at, what it decided, whom it waits for.

Texts are made by `say`, so that a page shows them in the reader's language.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypedDict


@dataclass(frozen=True, slots=True)
class Reason:
    """One sentence; with `rules` what conditions saw, `result` whether they held, `execution_id` another execution."""

    text: str = ""
    rules: Sequence[Mapping[str, object]] = ()
    result: bool | None = None
    execution_id: str = ""


class LoopProgress(TypedDict):
    """How far a loop is."""

    ok: int
    failed: int
    total: int
    errors: Sequence[Mapping[str, Any]]


@dataclass(frozen=True, slots=True)
class PastVisit:
    """One visit of a step as it was recorded: what the step itself may explain it from.

    `input` and `output` are empty where nothing, or no object, was recorded; `rules` is what its conditions saw.
    While the step still waits, `kept` is the result that it waits with, `arrived` and `under_way` are the names of the
    steps whose branches have come to a merge or may still come.
    """

    step_id: str
    execution_id: str
    contact_id: str
    entity_id: str
    input: Mapping[str, Any]
    output: Mapping[str, Any]
    rules: Sequence[Mapping[str, object]]
    kept: Mapping[str, Any]
    arrived: Sequence[str]
    under_way: Sequence[str]
    loop: LoopProgress | None
    name: Callable[[str], str]


Explain = Callable[[PastVisit], list[Reason]]


@dataclass(frozen=True, slots=True)
class Question:
    """What a step asks members of the organization: those with `role` or a higher one decide."""

    role: str
    title: str = ""
    message: str = ""
