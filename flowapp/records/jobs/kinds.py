"""The kinds of jobs: each room declares its own, ONE FILE EACH."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy.orm import Session

from flowapp.models import Execution, Job

MOST = 1000  # rows of one batch
LEAST = 20


@dataclass(frozen=True, slots=True)
class Failure:
    """A row that could not be worked on. `reference`: its id, or its line in a file; `message` is made by `say`.

    `data` is the row as it was sent: its names and values are columns of the error file.
    """

    reference: str
    message: str
    name: str = ""
    data: Mapping[str, object] | None = None


@dataclass(frozen=True, slots=True)
class Batch:
    """What was done with the next rows, in the session's transaction, which commits it together with `cursor`.

    `done` counts the rows that were looked at, with those that failed; `changed` those that are otherwise now. `started`
    executions are run after the commit. `over`: there are no more; `result` is then what the job says at its end.
    """

    cursor: object
    done: int
    changed: int = 0
    failures: Sequence[Failure] = ()
    started: Sequence[Execution] = ()
    over: bool = False
    result: str = ""


@dataclass(frozen=True, slots=True)
class JobKind:
    """`run(session, job, limit)` works on at most `limit` rows from `job.cursor` on. It commits nothing, and raises FlowError
    where the job cannot go on at all. `label` is a msgid; `most`: rows of a batch, which takes about 100 ms; `least`: where a batch
    costs more than its rows, as many are worth a longer one."""

    name: str
    label: str
    run: Callable[[Session, Job, int], Batch]
    most: int = MOST
    least: int = LEAST


KINDS: dict[str, JobKind] = {}
Run = Callable[[Session, Job, int], Batch]


def job_kind(name: str, *, label: str, most: int = MOST, least: int = LEAST) -> Callable[[Run], Run]:
    """Declares what a batch of a job of this kind does."""

    def declared(run: Run) -> Run:
        KINDS[name] = JobKind(name, label, run, most, least)
        return run

    return declared
