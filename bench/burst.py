"""E: what follows when all contacts of a CRM are tagged at once, and a workflow listens.

Twice on the same contacts: once left alone, for the times; once with a worker and the scheduler killed, for what is lost or doubled.
"""

from __future__ import annotations

import json
import os
import signal
import threading
import time
import urllib.request
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

from sqlalchemy import Engine, func, select

from bench import people
from bench.crm import API, refresh
from bench.measure import Sink, send
from bench.processes import pss, role
from bench.stacks import BenchError, Product, answer_of
from bench.stats import Row, Target, percentile
from flowapp.models import Event, Execution, Tag, Tagging
from flowapp.models.tenancy import system_session
from tests.support.group import alive, descendants

PATIENCE = 600.0
EVERY = 0.25  # seconds between two looks
CALLS = 100  # of the webhook, one after the other, in one run of the load client
_T = TypeVar("_T")


@dataclass(frozen=True, slots=True)
class Sizes:
    """How many contacts there are; how often the webhook is called while nothing else happens."""

    contacts: int = 100_000
    quiet: int = 400


QUICK = Sizes(contacts=2000, quiet=80)


@dataclass(frozen=True, slots=True)
class Times:
    """Seconds: to the answer, from there until all rows and events are written, and on until all executions are."""

    answer: float
    rows: float
    executions: float


@dataclass
class Beside:
    """What was seen meanwhile: milliseconds of the webhook's answers, and the most memory."""

    latencies: list[float] = field(default_factory=list)
    memory: float = 0.0


def measure(product: Product, sink: Sink, sizes: Sizes) -> tuple[list[Row], dict[str, Any]]:
    """Writes the contacts, tags them, tags them again under fire."""
    people.write(product.engine, people.Sizes(sizes.contacts, 100, 100, 100))
    refresh(product.engine)
    hook, load = product.hooks["L1"], os.getloadavg()[0]
    quiet = percentile(send(product, sink, sizes.quiet, path=hook, pause=0.02).latencies, 99)
    time.sleep(3)
    idle = _memory(product)
    with beside(product, sink, hook) as seen:
        times, counts = tag_all(product, "calm", sizes.contacts)
    busy = percentile(seen.latencies, 99)
    product.wait_completed(sizes.quiet + len(seen.latencies) + sizes.contacts, PATIENCE)
    killed, survived = tag_all(product, "killed", sizes.contacts, killing=True)
    rows = [
        Row("burst, answer, s", times.answer, target=Target("≤", 0.3)),
        Row("burst, rows and events, s", times.rows, target=Target("≤", 60)),
        Row("burst, then all executions, s", times.executions, target=Target("≤", 60)),
        Row("burst, lost or doubled", wrong(counts, sizes.contacts), target=Target("≤", 0)),
        Row("burst, lost or doubled, two kill -9", wrong(survived, sizes.contacts), target=Target("≤", 0)),
        Row("burst, extra memory, MB (PSS)", seen.memory - idle, target=Target("≤", 100)),
        Row("burst, accept p99 meanwhile, of quiet", busy / quiet, target=Target("≤", 4)),
        Row("burst, accept p99, ms (bare: quiet)", busy, quiet),
    ]
    return rows, {
        "contacts": sizes.contacts, "memory_idle": idle, "load_before": load, "accepts_meanwhile": len(seen.latencies),
        "counts": counts, "killed": {"rows": killed.rows, "executions": killed.executions, "counts": survived},
    }  # fmt: skip


def tag_all(product: Product, tag: str, contacts: int, *, killing: bool = False) -> tuple[Times, dict[str, int]]:
    """Has a job tag all contacts; returns once all executions of the workflow that listens are there."""
    _call(product, "/tags/", {"name": tag})
    workflow = _call(product, "/automation/workflows/", _definition(tag))["id"]
    began = time.monotonic()
    body = {"action": "add_tag", "tag": tag, "filter": {}, "start_workflows": True}
    job = _call(product, "/contacts/bulk/", body)
    answered = time.monotonic()
    path = f"/jobs/{job['id']}/"
    if killing:
        until(lambda: _call(product, path)["done"] >= contacts // 4)
        kill(product, "worker")
    done = until(lambda: ended(_call(product, path)))
    written = time.monotonic()
    if done["changed"] != contacts:
        raise BenchError(f"The job ended as {done['status']}, with {done['changed']} of {contacts} contacts changed.")
    if killing:
        kill(product, "scheduler")
    until(lambda: not _waiting(product.engine))
    times = Times(answered - began, written - answered, time.monotonic() - written)
    return times, tally(product.engine, tag, workflow)


def tally(engine: Engine, tag: str, workflow: str) -> dict[str, int]:
    """How many rows there are of each kind, and about how many different contacts."""
    about: dict[str, tuple[Any, Any]] = {
        "tags": (Tagging.contact_id, Tagging.tag_id == select(Tag.id).where(Tag.key == tag).scalar_subquery()),
        "events": (
            Event.entity_id,
            (Event.type == "contact.tag_added") & (func.lower(Event.payload["tag"].as_string()) == tag),
        ),
        "executions": (Execution.trigger_entity_id, Execution.workflow_id == workflow),
    }
    counts: dict[str, int] = {}
    with system_session(engine) as session:
        for name, (contact, where) in about.items():
            row = session.execute(select(func.count(), func.count(contact.distinct())).where(where)).one()
            counts[name], counts[f"{name}, contacts"] = row
    return counts


def wrong(counts: dict[str, int], contacts: int) -> int:
    """How many rows lack, or are too many."""
    return sum(abs(count - contacts) for count in counts.values())


@contextmanager
def beside(product: Product, sink: Sink, hook: str) -> Iterator[Beside]:
    """Calls the webhook and looks at the memory as long as the block takes."""
    seen, done = Beside(), threading.Event()

    def calls() -> None:
        while not done.is_set():
            seen.latencies += send(product, sink, CALLS, path=hook, pause=0.02).latencies

    def look() -> None:
        while not done.wait(EVERY):
            seen.memory = max(seen.memory, _memory(product))

    with ThreadPoolExecutor(2) as pool:
        running = [pool.submit(calls), pool.submit(look)]
        try:
            yield seen
        finally:
            done.set()
    for one in running:
        one.result()


def kill(product: Product, kind: str) -> None:
    """kill -9 of a process of the kind: of workers, the one that has worked most."""
    pids = [pid for pid in product.group.pids() if alive(pid) and role(pid) == kind]
    forks = [pid for pid in pids if not descendants(pid)] if kind == "worker" else pids
    if not forks:
        raise BenchError(f"There is no {kind} to kill.")
    os.kill(max(forks, key=_ticks), signal.SIGKILL)


def _ticks(pid: int) -> int:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return int(fields[11]) + int(fields[12])


def _memory(product: Product) -> float:
    """MB of the group; 0 where a process ended while it was looked at."""
    try:
        return sum(pss(product.group.pids()).values())
    except OSError:
        return 0.0


def _waiting(engine: Engine) -> bool:
    """Whether a tagging has not been handed on."""
    waits = select(Event.id).where(Event.published_at.is_(None), Event.type == "contact.tag_added").limit(1)
    with system_session(engine) as session:
        return session.scalar(waits) is not None


def ended(job: dict[str, Any]) -> dict[str, Any] | None:
    """The job, once it has come to its end."""
    return None if job["status"] in ("pending", "running") else job


def until(found: Callable[[], _T | None]) -> _T:
    """What `found` gives, once it gives something. BenchError where it never does."""
    end = time.monotonic() + PATIENCE
    while time.monotonic() < end:
        if value := found():
            return value
        time.sleep(EVERY)
    raise BenchError(f"It did not end within {PATIENCE:g} s.")


def _definition(tag: str) -> dict[str, Any]:
    return {
        "name": f"Tagged {tag}",
        "status": "active",
        "triggers": [{"trigger_type": "contact_tag_added", "config": {"tag": tag}}],
        "steps": [{"step_id": "note", "action_type": "log", "params": {"message": "Tagged"}}],
    }


def _call(product: Product, path: str, body: dict[str, Any] | None = None) -> dict[str, Any]:
    """What the API answers; a POST where there is a body."""
    return answer_of(
        urllib.request.Request(
            product.group.url + API + path,
            data=None if body is None else json.dumps(body).encode(),
            headers={**product.signed_in, "Content-Type": "application/json"},
        )
    )
