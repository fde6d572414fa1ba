"""The measurements. Each returns rows of the table, and what else belongs into the JSON."""

from __future__ import annotations

import json
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from bench.processes import cpu, pss
from bench.stacks import BenchError, Product, Stack
from bench.stats import Row, Target, p50_p99, percentile
from tests.support.group import ROOT

CLIENTS = 16
LIGHT_STEPS = 40


@dataclass(frozen=True, slots=True)
class Sizes:
    """How much is measured; times in seconds."""

    executions: int = 2000
    warmup: int = 100
    light: int = 200
    idle: int = 100
    silent: int = 20
    pause: float = 0.05
    silence: float = 2.2
    settle: float = 10.0
    sockets: int = 500
    past: int = 1_000_000
    calls: int = 100


QUICK = Sizes(executions=400, warmup=40, light=60, idle=20, silent=3, settle=3.0, sockets=50, past=20_000, calls=20)


@dataclass(frozen=True, slots=True)
class Load:
    """What the load client saw: calls are (n, sent, answered), in CLOCK_MONOTONIC seconds."""

    calls: list[tuple[int, float, float]]
    ids: set[str]
    cpu: float

    @property
    def latencies(self) -> list[float]:
        """Milliseconds from the request to its answer."""
        return [(answered - sent) * 1000 for _, sent, answered in self.calls]


@dataclass(slots=True)
class Sink:
    """The sink's process. Numbers of requests are never used twice."""

    url: str
    next_number: int = 1

    def received(self) -> dict[int, list[float]]:
        """When each number came."""
        return {int(n): times for n, times in self._get("/state")["received"].items()}

    def cpu(self) -> float:
        """Its processor seconds so far."""
        return float(self._get("/state")["cpu"])

    def reset(self) -> None:
        """Forgets what it received."""
        self._get("/reset")

    def _get(self, path: str) -> Any:
        with urllib.request.urlopen(self.url + path, timeout=10) as response:
            return json.load(response)


@contextmanager
def running_sink() -> Iterator[Sink]:
    """A sink; it ends when its standard input is closed."""
    process = subprocess.Popen(
        [sys.executable, "-m", "bench.sink"], cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert process.stdin is not None
    assert process.stdout is not None
    with process:
        try:
            yield Sink(f"http://127.0.0.1:{int(process.stdout.readline())}")
        finally:
            process.stdin.close()


def send(stack: Stack, sink: Sink, count: int, *, path: str = "", clients: int = 1, pause: float = 0.0) -> Load:
    """Runs the load client. BenchError for any answer but 202, and for ids that are not all different."""
    job = {
        "port": stack.group.port, "path": path or stack.path, "first": sink.next_number, "count": count,
        "clients": clients, "pause": pause,
    }  # fmt: skip
    sink.next_number += count
    done = subprocess.run(
        [sys.executable, "-m", "bench.load"], cwd=ROOT, input=json.dumps(job).encode(), capture_output=True,
        check=True, timeout=120 + count * pause,
    )  # fmt: skip
    seen = json.loads(done.stdout)
    refused = [call[3] for call in seen["calls"] if call[3] != 202]
    ids = {call[4] for call in seen["calls"]}
    if refused or len(ids) != count:
        raise BenchError(f"{len(refused)} of {count} requests were refused: {sorted(set(refused))}; {len(ids)} ids.")
    return Load([(n, sent, answered) for n, sent, answered, *_ in seen["calls"]], ids, seen["cpu"])


@dataclass(slots=True)
class Throughput:
    """One run at full load: executions per second, accept latencies in ms, processor seconds by role."""

    per_second: float
    seconds: float
    latencies: list[float]
    cpu: dict[str, float] = field(default_factory=dict)

    @property
    def cpu_total(self) -> float:
        """Processor seconds of the stack and its database, without the bench's own."""
        return sum(seconds for name, seconds in self.cpu.items() if name not in ("load", "sink"))


def full_load(stack: Stack, sink: Sink, count: int, *, path: str = "", calls_sink: bool = True) -> Throughput:
    """From the first accept to the last completion, all completed in the database and received once by the sink."""
    sink.reset()
    before, sink_before, already = cpu(stack.pids), sink.cpu(), stack.completed()
    load = send(stack, sink, count, path=path, clients=CLIENTS)
    stack.wait_completed(already + count)
    used = cpu(stack.pids)
    used.subtract(before)
    received = sink.received()
    if calls_sink and any(len(received.get(n, [])) != 1 for n, _, _ in load.calls):
        raise BenchError("The sink did not receive every execution exactly once.")
    wall = time.time() - time.monotonic()
    first = min(answered for _, _, answered in load.calls) + wall
    last = max(completed.timestamp() for (completed,) in _utc(stack.rows(load.ids, "completed_at")))
    used_by = {**used, "load": load.cpu, "sink": sink.cpu() - sink_before}
    return Throughput(count / (last - first), last - first, load.latencies, used_by)


def w3(product: Product, bare: Stack, sink: Sink, sizes: Sizes, *, is_sqlite: bool) -> tuple[list[Row], dict[str, Any]]:
    """Bare, product, bare: what the machine does meanwhile falls on both."""
    path = product.hooks["W3"]
    full_load(product, sink, sizes.warmup, path=path)
    full_load(bare, sink, sizes.warmup)
    first = full_load(bare, sink, sizes.executions)
    ours = full_load(product, sink, sizes.executions, path=path)
    second = full_load(bare, sink, sizes.executions)
    bare_rate = (first.per_second + second.per_second) / 2
    p50, p99 = p50_p99(ours.latencies)
    bare_p50, bare_p99 = p50_p99(first.latencies + second.latencies)
    target = Target("≥", 0.7 if is_sqlite else 0.75, of_bare=True)
    rows = [
        Row("W3 executions per second", ours.per_second, bare_rate, target),
        Row("accept p50, ms, 16 clients", p50, bare_p50),
        Row("accept p99, ms, 16 clients", p99, bare_p99, Target("≤", 1.5, of_bare=True)),
        Row("processor ms per execution", *(run * 1000 / sizes.executions for run in (
            ours.cpu_total, (first.cpu_total + second.cpu_total) / 2)), Target("≤", 1.35, of_bare=True)),
    ]  # fmt: skip
    shares = {
        "product": _shares([ours]), "bare": _shares([first, second]),
        "bare_runs_per_second": [first.per_second, second.per_second],
    }  # fmt: skip
    return rows, {"processor_percent": shares}


def _shares(runs: Sequence[Throughput]) -> dict[str, float]:
    """Percent of one processor, by role."""
    seconds = sum(run.seconds for run in runs)
    return {name: round(100 * sum(run.cpu[name] for run in runs) / seconds, 1) for name in runs[0].cpu}


def light(product: Product, sink: Sink, sizes: Sizes) -> tuple[list[Row], dict[str, Any]]:
    """What each of 40 further light steps adds, under full load and alone."""
    short, long = (product.hooks[name] for name in ("L1", f"L{LIGHT_STEPS + 1}"))
    spent: dict[str, list[Throughput]] = {short: [], long: []}
    for path in (short, long):
        full_load(product, sink, sizes.warmup // 4, path=path, calls_sink=False)
    for path in (short, long, short, long):
        spent[path].append(full_load(product, sink, sizes.light // 2, path=path, calls_sink=False))
    count = 2 * (sizes.light // 2)
    wall, used = (
        [sum(value(run) for run in spent[path]) * 1000 / count for path in (short, long)]
        for value in (lambda run: run.seconds, lambda run: run.cpu_total)
    )
    alone = [_median_duration(product, sink, path, sizes) for path in (short, long)]
    rows = [
        Row("further light step, ms, 16 clients", (wall[1] - wall[0]) / LIGHT_STEPS, target=Target("≤", 0.1)),
        Row("further light step, ms, alone", (alone[1] - alone[0]) / LIGHT_STEPS, target=Target("≤", 0.1)),
        Row("further light step, processor ms", (used[1] - used[0]) / LIGHT_STEPS),
    ]
    return rows, {"ms": {"wall": wall, "processor": used, "alone": alone}}


def _median_duration(product: Product, sink: Sink, path: str, sizes: Sizes) -> float:
    """Milliseconds from started_at to completed_at (set just before the last commit), one execution at a time."""
    already = product.completed()
    load = send(product, sink, sizes.silent, path=path, pause=sizes.pause)
    product.wait_completed(already + sizes.silent)
    rows = product.rows(load.ids, "started_at", "completed_at")
    return percentile([(completed - started).total_seconds() * 1000 for started, completed in rows], 50)


def idle(product: Product, bare: Stack, sink: Sink, sizes: Sizes) -> tuple[list[Row], dict[str, Any]]:
    """Single requests: from the request, and from its answer, to the call's arrival at the sink."""
    path = product.hooks["W3"]
    full_load(product, sink, sizes.warmup, path=path)
    full_load(bare, sink, sizes.warmup)
    rows = []
    for name, count, pause in (("idle", sizes.idle, sizes.pause), ("after silence", sizes.silent, sizes.silence)):
        whole, rest = _one_by_one(product, sink, count, pause, path)
        bare_whole, bare_rest = _one_by_one(bare, sink, count, pause, bare.path)
        limit = Target("≤", 1.3, of_bare=True)
        rows += [
            Row(f"{name}: request to sink p50, ms", percentile(whole, 50), percentile(bare_whole, 50), limit),
            Row(f"{name}: request to sink p99, ms", percentile(whole, 99), percentile(bare_whole, 99)),
            Row(f"{name}: accepted to sink p50, ms", percentile(rest, 50), percentile(bare_rest, 50)),
        ]
    return rows, {}


def _one_by_one(stack: Stack, sink: Sink, count: int, pause: float, path: str) -> tuple[list[float], list[float]]:
    """Milliseconds from each request, and from its answer, to the sink."""
    already = stack.completed()
    load = send(stack, sink, count, path=path, pause=pause)
    stack.wait_completed(already + count)
    received = sink.received()
    whole = [(received[n][0] - sent) * 1000 for n, sent, _ in load.calls]
    return whole, [(received[n][0] - answered) * 1000 for n, _, answered in load.calls]


def memory(product: Product, sizes: Sizes) -> tuple[list[Row], dict[str, Any]]:
    """PSS of the group's processes when nothing has happened since its start."""
    time.sleep(sizes.settle)
    sizes_by_role = pss(product.group.pids())
    return [Row("memory idle, MB (PSS)", sum(sizes_by_role.values()), target=Target("≤", 300))], {
        "by_role": sizes_by_role
    }


def _utc(rows: list[tuple[Any, ...]]) -> list[tuple[Any, ...]]:
    """The bare table's times come without a zone from SQLite; they are UTC."""
    from datetime import UTC

    return [tuple(v.replace(tzinfo=UTC) if v.tzinfo is None else v for v in row) for row in rows]
