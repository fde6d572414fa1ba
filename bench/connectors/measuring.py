"""X: a webhook, a language model that thinks for 50 ms, a row in Google Sheets; both services are doubles on this machine.

What Flowapp adds to each call: alone in time, under load in processor time. Then with every fifth call answered 429: each execution
must have its row once.
"""

from __future__ import annotations

import json
import subprocess
import sys
import urllib.request
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sqlalchemy import select

from bench.connectors.doubles import THINKING
from bench.measure import CLIENTS, Load, Sink, send
from bench.processes import cpu
from bench.stacks import BenchError, Product, answer_of
from bench.stats import Row, Target, percentile
from flowapp import create_app, tasks
from flowapp.config import Settings
from flowapp.exact_json import Json
from flowapp.integrations import credentials
from flowapp.models import Integration
from flowapp.models.tenancy import tenant_session
from tests.support.group import ROOT

CALLS = 3  # of one execution: the model, the header row, the new row
REFUSED = 5  # of so many calls one is answered 429
PATIENCE = 900.0
NAME = "X"


@dataclass(frozen=True, slots=True)
class Sizes:
    """How many executions, together and one at a time."""

    executions: int = 1000
    alone: int = 60


QUICK = Sizes(executions=100, alone=15)


@dataclass(frozen=True, slots=True)
class Doubles:
    """The process of the doubles."""

    url: str

    def get(self, path: str) -> Any:
        """What it answers."""
        with urllib.request.urlopen(self.url + path, timeout=30) as response:
            return json.load(response)


@contextmanager
def running_doubles() -> Iterator[Doubles]:
    """The doubles; they end when their standard input is closed."""
    command = [sys.executable, "-m", "bench.connectors.doubles"]
    with subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        try:
            yield Doubles(f"http://127.0.0.1:{int(process.stdout.readline())}")
        finally:
            process.stdin.close()


def environ(folder: Path, doubles: Doubles) -> dict[str, str]:
    """Of a stack whose calls of Google go to the doubles."""
    routes = folder / "reroutes.json"
    routes.write_text(json.dumps({"https://sheets.googleapis.com": doubles.url}))
    inside = f"{ROOT / 'tests/support/inside'}:{ROOT}"
    return {"PYTHONPATH": inside, "FLOWAPP_TEST_REROUTES": str(routes)}


def prepare(ours: Product, doubles: Doubles) -> None:
    """Both connections, Google's signed in, and the workflow."""
    ours.sign_up()
    _connect(ours, "llm", {"base_url": f"{doubles.url}/llm", "default_model": "bench", "auth": "none"}, {})
    google = _connect(ours, "google_sheets", {}, {"client_id": "bench", "client_secret": "bench-secret"})
    with create_app(Settings.from_env(ours.group.environ)).app_context():
        current = tasks.runtime()
        with tenant_session(current.engine, google["organization"]) as session:
            row = session.scalars(select(Integration).filter_by(id=google["id"])).one()
            token: Json = {"access_token": "token-of-the-bench", "token_type": "Bearer"}
            credentials.write(session, current.vault, row, token, "oauth_tokens")
            session.commit()
    ours.make(workflow())


def workflow() -> dict[str, Any]:
    """The job."""
    row = {"n": "{{ input.n }}", "answer": "{{ steps.ask.text }}"}
    return {
        "name": NAME,
        "triggers": [{"trigger_type": "webhook"}],
        "steps": [
            {"step_id": "ask", "action_type": "llm_prompt", "params": {"prompt": "order {{ input.n }}"}},
            {"step_id": "add", "action_type": "google_sheets_append_row", "params": {"spreadsheet": "bench", "values": row}},
        ],
    }  # fmt: skip


def _connect(ours: Product, kind: str, config: dict[str, Any], secrets: dict[str, str]) -> dict[str, Any]:
    unlimited = {**config, "calls_per_minute": None}
    body = {"name": kind, "integration_type": kind, "config": unlimited, "credentials": secrets}
    address = f"{ours.group.url}/api/v1/automation/integrations/"
    headers = {**ours.signed_in, "Content-Type": "application/json"}
    return answer_of(urllib.request.Request(address, data=json.dumps(body).encode(), headers=headers))


def measure(ours: Product, doubles: Doubles, sizes: Sizes) -> tuple[list[Row], dict[str, Any]]:
    """One at a time, all at once, and all at once with refusals."""
    numbers = Sink("")
    _run(ours, doubles, numbers, sizes.alone, clients=CLIENTS)  # warm
    alone, state, _used = _run(ours, doubles, numbers, sizes.alone, pause=0.05)
    took = ours.rows(alone.ids, "started_at", "completed_at")
    own = percentile([(completed - started).total_seconds() * 1000 for started, completed in took], 50)
    theirs = percentile(state["times"]["llm"], 50) + 2 * percentile(state["times"]["v4"], 50)
    load, _state, used = _run(ours, doubles, numbers, sizes.executions, clients=CLIENTS)
    times = [at.timestamp() for row in ours.rows(load.ids, "created_at", "completed_at") for at in row]
    refused, state, _used = _run(ours, doubles, numbers, sizes.executions, clients=CLIENTS, every=REFUSED)
    rows = [
        Row("added to each call, ms, alone", (own - theirs) / CALLS),
        Row("added to each call, processor ms, 16 clients", used * 1000 / sizes.executions / CALLS),
        Row("executions per second, 16 clients", sizes.executions / (max(times) - min(times))),
        Row("lost or doubled, every fifth call 429", _wrong(refused, state), target=Target("≤", 0)),
    ]
    details = {"execution_ms": own, "doubles_ms": theirs, "calls": state["calls"], "answered_429": state["refused"], "thinking_ms": THINKING * 1000}  # fmt: skip
    return rows, details


def _run(
    ours: Product, doubles: Doubles, numbers: Sink, count: int, *, clients: int = 1, pause: float = 0.0, every: int = 0
) -> tuple[Load, Any, float]:
    """Executions until all have completed: what the clients saw, what the doubles did, processor seconds of the stack."""
    doubles.get(f"/reset/{every}")
    before, already = sum(cpu(ours.pids).values()), ours.completed()
    load = send(ours, numbers, count, path=ours.hooks[NAME], clients=clients, pause=pause)
    ours.wait_completed(already + count, PATIENCE)
    used, state = sum(cpu(ours.pids).values()) - before, doubles.get("/state")
    if wrong := 0 if every else _wrong(load, state):
        raise BenchError(f"{wrong} executions have no row, or several.")
    return load, state, used


def _wrong(load: Load, state: Any) -> int:
    """Executions without exactly one row with the right answer, and rows of no execution."""
    found = Counter((int(n), answer) for n, answer in state["rows"])
    wanted = Counter((n, f"Answer to order {n}") for n, _sent, _answered in load.calls)
    return sum(((found - wanted) + (wanted - found)).values())
