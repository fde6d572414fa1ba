"""How a step explains itself on the execution page: what it looked at, what it decided, whom it waits for.

Texts are made by `say`, so that a page shows them in the reader's language.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
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
    """What a step asks members of the organization: `members` (e-mail addresses or ids) decide, else those with `role` or
    a higher one."""

    role: str
    title: str = ""
    message: str = ""
    members: tuple[str, ...] = ()

    def is_for(self, *names: str) -> bool:
        """Whether it is addressed to the member who has these names, e-mail address and id."""
        return not {_folded(name) for name in names}.isdisjoint(map(_folded, self.members))

    @property
    def listening(self) -> tuple[str, ...]:
        """The kinds of events that stand for it while it is open. Nobody records them: open questions are found by them."""
        if not self.members:
            return (asked_of_role(self.role),)
        return tuple(dict.fromkeys([ASKED_OF_MEMBERS, *map(asked_of_member, self.members)]))


ASKED_OF_MEMBERS = "approval.members"  # whoever they are


def asked_of_role(role: str) -> str:
    """The kind of event that stands for open questions to a role."""
    return f"approval.{role}"


def asked_of_member(name: str) -> str:
    """The same for those to a member, by e-mail address or id."""
    return f"approval.member.{sha256(_folded(name).encode()).hexdigest()[:32]}"


def _folded(name: str) -> str:
    return name.strip().casefold()
