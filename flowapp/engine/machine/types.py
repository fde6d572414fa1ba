"""What the parts of the state machine share: its types. All of them are plain JSON: the state is a column of executions."""

from __future__ import annotations

from collections.abc import Container
from typing import Any, Final, Literal, NotRequired, Protocol, Required, TypedDict

# A token that waits for a signal is suspended. Rows have always called it by this word, and the release before reads them.
SUSPENDED: Final = "parked"

Status = Literal["ready", "running", "waiting", "retry", "uncertain", "parked", "joined", "looping"]
End = Literal["completed", "goal_reached", "failed", "cancelled"]
_From = TypedDict("_From", {"from": str}, total=False)  # a keyword of Python, so it stands by itself


class Token(_From, total=False):
    """A position in the graph, by its number in `State.tokens`."""

    step: Required[str]
    status: Required[Status]
    attempt: Required[int]
    iteration: Required[int]  # of this step's visits
    frame: str  # the items of loops that it is in, "3:0/5:2": item 2 of loop 5 inside item 0 of loop 3
    late: list[str]  # merges that somebody passed first: it ends there, and changes no result; [""]: its loop is late
    edge: str  # the branch of the edge that it came along, while the conditions of that edge are to be tested
    until: float | None  # epoch in seconds when it goes on; None or absent: not by time
    branch: str  # along which it goes on then
    result: Any  # of its step then
    loop: str  # that it stands at while its items run
    accepts: list[str]  # kinds of signals that it waits for
    events: list[str]  # event types that it waits for
    same_entity: bool  # only events about the execution's contact or entity count
    seq: int  # of the attempt that waits
    busy: int  # attempts for which the other side had no time: they count as none
    idle: int  # of them, those in a row that came no further


class ItemError(TypedDict):
    """Why an item of a loop failed."""

    index: int
    error: str


class Loop(TypedDict):
    """A running loop, by its number in `State.loops`. Its items are with the step's attempt: the state is written often."""

    step: str
    token: str
    frame: str  # that of its token
    total: int
    next: int  # index of the next item, so a loop goes on at the item where it stopped
    at_once: int
    keep_going: bool
    ok: int
    failed: int
    errors: list[ItemError]  # of the first failed items


class State(TypedDict):
    """Where an execution stands."""

    tokens: dict[str, Token]
    visits: dict[str, int]  # of each step
    total: int  # of visits
    next: int  # number of the next token or loop
    ok: int  # steps done
    failed: int  # steps failed
    loops: NotRequired[dict[str, Loop]]
    late: NotRequired[
        dict[str, dict[str, list[str | int]]]
    ]  # by frame and token: since which visit (step, iteration); its loop is
    goal: NotRequired[bool]
    responded: NotRequired[bool]  # the caller was answered
    stopped: NotRequired[dict[str, Token]]  # of a failed execution: its tokens, as it left them
    error: NotRequired[str]  # of the last step that the flow went on after though it had failed
    stored: NotRequired[int]  # bytes that it has written (the runtime's)


class Outcome(TypedDict, total=False):
    """What happened; engine.machine.state says which keys each type has."""

    type: Required[
        Literal[
            "started", "intent", "done", "waiting", "suspended", "woken", "looping", "joined", "goal", "jump",
            "responded", "failed", "interrupted", "uncertain", "stopped", "admitted", "refused",
        ]
    ]  # fmt: skip
    at: list[str]
    token: str
    step: str
    branch: str
    until: float | None
    result: Any
    seq: int
    accepts: list[str]
    events: list[str]
    same_entity: bool
    total: int
    at_once: int
    keep_going: bool
    mode: Literal["all", "first"]
    permanent: bool
    now: float
    jitter: float
    after: float
    busy: bool
    advanced: bool
    error: str
    reason: str
    status: End


class Command(TypedDict, total=False):
    """What is to be done about it; engine.machine.state says which keys each has."""

    do: Required[Literal["end", "item", "looped", "merged", "late", "dropped"]]
    status: End
    reason: str
    step: str
    loop: str
    index: int
    total: int
    frame: str
    error: str
    token: Token
    tokens: list[Token]
    held: Loop
    branch: str


Commands = list[Command]


class Policy(TypedDict):
    """What to do when a step fails."""

    on_error: str
    on_exhausted: str
    goto_step: str | None
    retry_count: int
    retry_delay: float


class Flow(Protocol):
    """What the machine must know of a definition (engine.runtime.program.Program has it)."""

    start: list[str]
    max_visits: int

    def next(self, step_id: str, branch: str) -> list[str]: ...

    def guarded(self, step_id: str, branch: str) -> Container[str]:
        """The targets on a branch to which an edge with conditions leads."""
        ...

    def policy(self, step_id: str) -> Policy: ...

    def leads(self, step_id: str, target: str, around: frozenset[str]) -> bool:
        """Whether the flow can come from a step to another, or back to the same one, without passing a step of `around`:
        the loops inside whose items it stays."""
        ...
