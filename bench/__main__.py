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
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from bench import history, measure, scenarios, sockets, waiting
from bench.cluster import running_cluster
from bench.stacks import BenchError, Product, bare, product
from bench.stats import Row, table
from tests.support.group import ROOT

JOBS = ("memory", "idle", "W3", "L40", "WS500", "T100k", "P")
TITLES = {
    "sqlite": "SQLite (WAL, synchronous=NORMAL: the default)",
    "postgresql": "PostgreSQL (fsync and synchronous_commit on)",
}


def main() -> int:
    """0 when every target is met, 1 when one is missed, 2 when a measurement is not valid."""
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
    except BenchError as error:
        print(f"The measurement is not valid: {error}", file=sys.stderr)
        return 2
    report["seconds"] = round(time.monotonic() - began, 1)
    path = options.json or ROOT / "bench" / "results" / f"{datetime.now(UTC):%Y%m%d-%H%M%S}.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(report, indent=1))
    print(f"{report['seconds']:.0f} s; written to {os.path.relpath(path)}")
    missed = [row for found in report["databases"].values() for row in found["rows"] if row["passed"] is False]
    return 1 if missed else 0


def read_options() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser("python -m bench", description=__doc__)
    parser.add_argument(
        "--quick", action="store_true", help="fewer of everything, within a minute; too few to judge by"
    )
    parser.add_argument("--database", choices=[*TITLES, "both"], default="both")
    parser.add_argument("--only", type=jobs, default=JOBS, help=f"comma separated: {', '.join(JOBS)}")
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
    rows: list[Row] = []
    details: dict[str, Any] = {}
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="flowapp-bench-")))
        details["fsync_ms"] = fsync_ms(folder)
        urls, server = stack.enter_context(databases(database))
        sink = stack.enter_context(measure.running_sink())
        ours = stack.enter_context(product(folder / "product", urls[0], server))
        if "memory" in options.only:
            keep(rows, details, "memory", measure.memory(ours, sizes))
        prepare(ours, sink.url)
        if "idle" in options.only:
            keep(rows, details, "idle", measure.idle(ours, sink, sizes))
        if "W3" in options.only:
            other = stack.enter_context(bare(folder / "bare", urls[1], server, sink.url))
            keep(rows, details, "W3", measure.w3(ours, other, sink, sizes, is_sqlite=not server))
        if "L40" in options.only:
            keep(rows, details, "L40", measure.light(ours, sink, sizes))
        if "WS500" in options.only:
            watched = stack.enter_context(product(folder / "watched", urls[2], server, **sockets.ENVIRON))
            prepare(watched, sink.url)
            keep(rows, details, "WS500", sockets.measure(watched, sink, sizes.sockets, sizes.executions))
        if "T100k" in options.only:
            times = waiting.QUICK if options.quick else waiting.Sizes()
            keep(rows, details, "T100k", waiting.measure(ours, sink, times))
        if "P" in options.only:
            keep(rows, details, "P", history.measure(ours, sink, sizes.past, sizes.calls))
    print(table(TITLES[database], rows))
    print(shares(details), end="\n\n", flush=True)
    return {"rows": [row.as_json() for row in rows], "details": details}


def keep(rows: list[Row], details: dict[str, Any], job: str, found: tuple[list[Row], dict[str, Any]]) -> None:
    """Adds what a job found."""
    rows += found[0]
    details[job] = found[1]


def prepare(ours: Product, sink: str) -> None:
    """An owner, a token and the workflows."""
    ours.sign_up()
    for definition in (scenarios.w3(sink), scenarios.light(1), scenarios.light(measure.LIGHT_STEPS + 1)):
        ours.make(definition)


@contextmanager
def databases(name: str) -> Iterator[tuple[tuple[str, ...], int | None]]:
    """The DATABASE_URLs of three stacks ("" is the default, SQLite), and the server's process."""
    if name == "sqlite":
        yield ("", "", ""), None
        return
    with running_cluster() as (cluster, pid):
        yield tuple(cluster.url(cluster.create_database(migrated=False)) for _ in range(3)), pid


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
