"""WS500: what 500 open WebSockets cost the others, and how soon all of them have a line of the log."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from bench.measure import Sink, full_load, send
from bench.stacks import BenchError, Product
from bench.stats import Row, Target, percentile
from tests.support.group import ROOT

# What the README says for many sockets, and two web processes: one has a single interpreter lock for sockets and accepts.
ENVIRON = {
    "WEB_CONCURRENCY": "2", "GUNICORN_CMD_ARGS": "-k gevent", "FLOWAPP_MAX_SOCKETS": "1000",
    "FLOWAPP_PEER_CONNECTIONS": "0",
    "FLOWAPP_ORGANIZATION_SOCKETS": "1000", "FLOWAPP_MEMBER_SOCKETS": "1000",
}  # fmt: skip
DEFINITION = {
    "name": "chatter",
    "triggers": [{"trigger_type": "webhook"}],
    "steps": [
        {"step_id": "say", "action_type": "log", "params": {"message": "Still here"}},
        {"step_id": "pause", "action_type": "wait_time", "params": {"duration": "1 second"}},
    ],
    "edges": [
        {"source": "say", "target": "pause", "branch": "next"},
        {"source": "pause", "target": "say", "branch": "next"},
    ],
}


def measure(product: Product, sink: Sink, count: int, executions: int) -> tuple[list[Row], dict[str, Any]]:
    """W3 alone, with the sockets, alone. All sockets watch one execution, which logs a few lines a second or two."""
    product.make(DEFINITION)
    path = product.hooks["W3"]
    full_load(product, sink, executions // 10, path=path)
    before = full_load(product, sink, executions, path=path)
    (watched,) = send(product, sink, 1, path=product.hooks["chatter"]).ids
    seen: dict[str, Any] = {}
    with _watching(product, watched, count, seen):
        during = full_load(product, sink, executions, path=path)
    after = full_load(product, sink, executions, path=path)
    alone = (before.per_second + after.per_second) / 2
    if seen["lost"] or not seen["lines"]:
        raise BenchError(f"{seen['lost']} sockets were closed; {len(seen['lines'])} lines came.")
    whole = [line for line in seen["lines"] if line[3] == count]
    if len(whole) < len(seen["lines"]) - 1:  # one may have been on its way when the sockets were closed
        raise BenchError(f"{len(seen['lines']) - len(whole)} lines did not reach all sockets.")
    last = [(line[2] - line[0]) * 1000 for line in whole]
    rows = [
        Row(f"W3 beside {count} sockets, part of W3 alone", during.per_second / alone, target=Target("≥", 0.8)),
        Row("processor ms per execution beside them", during.cpu_total * 1000 / executions),
        Row("log line to the last socket p50, ms", percentile(last, 50)),
        Row("log line to the last socket p99, ms", percentile(last, 99), target=Target("≤", 250)),
    ]
    rates = {"before": before.per_second, "during": during.per_second, "after": after.per_second}
    return rows, {"lines": len(whole), "w3_per_second": rates, "environment": ENVIRON}


@contextmanager
def _watching(product: Product, execution_id: str, count: int, seen: dict[str, Any]) -> Iterator[None]:
    """The sockets are open inside; what they saw is in `seen` afterwards."""
    job = {
        "port": product.group.port, "path": f"/ws/automation/execution/{execution_id}/", "token": product.token,
        "count": count,
    }  # fmt: skip
    with subprocess.Popen(
        [sys.executable, "-m", "bench.watchers"], cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.write(json.dumps(job).encode() + b"\n")
        process.stdin.flush()
        if process.stdout.readline().strip() != b"open":
            raise BenchError("The sockets could not be opened.")
        time.sleep(2)
        yield
        process.stdin.close()
        seen.update(json.loads(process.stdout.read()))
