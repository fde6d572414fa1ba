"""`python -m bench`: measures, prints a table for each database, and writes the same as JSON."""

from __future__ import annotations

import argparse
import json
import os
import platform
import sqlite3
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from bench import burst, crm, history, imports, measure, people, scenarios, sockets, waiting
from bench.cluster import running_cluster
from bench.connectors import measuring as connectors
from bench.stacks import BenchError, Product, bare, product
from bench.stats import Row, table
from tests.support.group import ROOT

JOBS = ("memory", "idle", "W3", "L40", "WS500", "T100k", "P", "R", "I", "E", "X")
TITLES = {
    "sqlite": "SQLite (WAL, synchronous=NORMAL: the default)",
    "postgresql": "PostgreSQL (fsync and synchronous_commit on)",
}


def main() -> int:
    """0 when every target is met, 1 when one is missed, 2 when a measurement is not valid (the others are kept)."""
    options = read_options()
    report: dict[str, Any] = {
        "at": datetime.now(UTC).isoformat(timespec="seconds"),
        "quick": options.quick,
        "machine": machine(),
    }
    began = time.monotonic()
    databases = list(TITLES) if options.database == "both" else [options.database]
    try:
        report["databases"] = {name: run(name, options) for name in databases}
    except BenchError as error:  # no job's own: there is nothing to measure with
        print(f"Nothing can be measured: {error}", file=sys.stderr)
        return 2
    report["seconds"] = round(time.monotonic() - began, 1)
    path = options.json or ROOT / "bench" / "results" / f"{datetime.now(UTC):%Y%m%d-%H%M%S}.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(report, indent=1))
    print(f"{report['seconds']:.0f} s; written to {os.path.relpath(path)}")
    if any(found["invalid"] for found in report["databases"].values()):
        return 2
    return int(any(row["passed"] is False for found in report["databases"].values() for row in found["rows"]))


def read_options() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser("python -m bench", description=__doc__)
    parser.add_argument(
        "--quick", action="store_true", help="fewer of everything, within a minute; too few to judge by"
    )
    parser.add_argument("--database", choices=[*TITLES, "both"], default="both")
    parser.add_argument("--only", type=jobs, default=JOBS, help=f"comma separated: {', '.join(JOBS)}")
    parser.add_argument("--size", type=int, help="how many contacts job E tags (default: 100,000; quick: 2,000)")
    parser.add_argument("--json", type=Path, help="where to write the results (default: bench/results/<time>.json)")
    return parser.parse_args()


def jobs(text: str) -> tuple[str, ...]:
    """The jobs of a comma separated list, in the order they are measured."""
    names = text.split(",")
    if unknown := set(names) - set(JOBS):
        raise argparse.ArgumentTypeError(f"no such job: {', '.join(sorted(unknown))}")
    return tuple(job for job in JOBS if job in names)


def run(database: str, options: argparse.Namespace) -> dict[str, Any]:
    """All jobs on one database."""
    sizes = measure.QUICK if options.quick else measure.Sizes()
    times = waiting.QUICK if options.quick else waiting.Sizes()
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="flowapp-bench-")))
        urls, server = stack.enter_context(databases(database))
        sink = stack.enter_context(measure.running_sink())
        ours = stack.enter_context(product(folder / "product", urls[0], server))
        found = Found(options.only, {"fsync_ms": fsync_ms(folder)})
        found.add("memory", lambda: measure.memory(ours, sizes))
        prepare(ours, sink.url)
        if {"idle", "W3"} & set(options.only):
            other = stack.enter_context(bare(folder / "bare", urls[1], server, sink.url))
            found.add("idle", lambda: measure.idle(ours, other, sink, sizes))
            found.add("W3", lambda: measure.w3(ours, other, sink, sizes, is_sqlite=not server))
        found.add("L40", lambda: measure.light(ours, sink, sizes))
        if "WS500" in options.only:
            watched = stack.enter_context(product(folder / "watched", urls[2], server, **sockets.ENVIRON))
            prepare(watched, sink.url)
            found.add("WS500", lambda: sockets.measure(watched, sink, sizes.sockets, sizes.executions))
        found.add("T100k", lambda: waiting.measure(ours, sink, times))
        found.add("P", lambda: history.measure(ours, sink, sizes.past, sizes.calls))
        found.add("R", lambda: crm.measure(ours, people.QUICK if options.quick else people.Sizes(), sizes.calls))
        found.add("I", lambda: imports.measure(ours, imports.QUICK if options.quick else imports.ROWS))
        if "E" in options.only:
            alone = stack.enter_context(product(folder / "burst", urls[3], server))
            prepare(alone, sink.url)
            small = burst.QUICK if options.quick else burst.Sizes()
            found.add("E", lambda: burst.measure(alone, sink, replace(small, contacts=options.size or small.contacts)))
        if "X" in options.only:
            doubles = stack.enter_context(connectors.running_doubles())
            calling = stack.enter_context(
                product(folder / "calling", urls[4], server, **connectors.environ(folder, doubles))
            )
            connectors.prepare(calling, doubles)
            few = connectors.QUICK if options.quick else connectors.Sizes()
            found.add("X", lambda: connectors.measure(calling, doubles, few))
    print(table(TITLES[database], found.rows))
    print(shares(found.details), end="\n\n", flush=True)
    return {"rows": [row.as_json() for row in found.rows], "details": found.details, "invalid": found.invalid}


@dataclass
class Found:
    """What the jobs of `only` found; of one whose measurement was not valid, why. The others count all the same."""

    only: tuple[str, ...]
    details: dict[str, Any]
    rows: list[Row] = field(default_factory=list)
    invalid: dict[str, str] = field(default_factory=dict)

    def add(self, job: str, measured: Callable[[], tuple[list[Row], dict[str, Any]]]) -> None:
        if job not in self.only:
            return
        try:
            rows, self.details[job] = measured()
        except BenchError as error:
            self.invalid[job] = str(error)
            print(f"{job} is not valid: {error}", file=sys.stderr)
        else:
            self.rows += rows


def prepare(ours: Product, sink: str) -> None:
    """An owner, a token and the workflows."""
    ours.sign_up()
    for definition in (scenarios.w3(sink), scenarios.light(1), scenarios.light(measure.LIGHT_STEPS + 1)):
        ours.make(definition)


@contextmanager
def databases(name: str) -> Iterator[tuple[tuple[str, ...], int | None]]:
    """The DATABASE_URLs of five stacks ("" is the default, SQLite), and the server's process."""
    if name == "sqlite":
        yield ("", "", "", "", ""), None
        return
    with running_cluster() as (cluster, pid):
        yield tuple(cluster.url(cluster.create_database(migrated=False)) for _ in range(5)), pid


def shares(details: dict[str, Any]) -> str:
    """Who used the processors during W3, the load client and the sink among them."""
    lines = []
    for stack in ("product", "bare"):
        used = details.get("W3", {}).get("processor_percent", {}).get(stack, {})
        parts = (f"{role} {percent:.0f}" for role, percent in sorted(used.items(), key=lambda item: -item[1]))
        if used:
            lines.append(f"W3 {stack}, % of one processor: {', '.join(parts)}")
    return "\n".join(lines)


def machine() -> dict[str, Any]:
    """Facts that numbers depend on."""
    cpu_lines = Path("/proc/cpuinfo").read_text().splitlines()
    commit = subprocess.run(
        ["git", "rev-parse", "--short", "HEAD"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    return {
        "processors": os.cpu_count(),
        "processor": next((line.partition(": ")[2] for line in cpu_lines if line.startswith("model name")), ""),
        "memory_gib": round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30, 1),
        "kernel": platform.release(),
        "python": platform.python_version(),
        "sqlite": sqlite3.sqlite_version,
        "commit": commit.stdout.strip(),
        "load_average_before": os.getloadavg()[0],
    }


def fsync_ms(folder: Path) -> float:
    """Median time of a small write that is synced to the disk: what a commit costs at least."""
    times = []
    with (folder / "fsync").open("wb") as file:
        for _ in range(30):
            began = time.perf_counter()
            file.write(b"x" * 512)
            file.flush()
            os.fdatasync(file.fileno())
            times.append((time.perf_counter() - began) * 1000)
    return round(statistics.median(times), 3)


if __name__ == "__main__":
    sys.exit(main())
