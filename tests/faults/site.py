"""A running group with an owner: spoken to over HTTP, killed by pid, and checked in its database."""

from __future__ import annotations

import json
import os
import random
import signal
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sqlalchemy import Engine

from flowapp.config import Settings
from flowapp.launcher import broker
from flowapp.models.tenancy import make_engine, prepare_engine
from tests.faults.sizes import LEASE
from tests.support.group import Group, alive, running_group
from tests.support.processes import wait_until
from tests.support.servers.sink import Sink
from tests.support.tenant import Tenant, make_tenant

# What the title or command line of a process of each kind says, of parents and of forks.
KINDS = {
    "worker": ("flowapp worker", "flowapp.worker"),
    "web": ("gunicorn",),
    "scheduler": ("flowapp scheduler",),
    "broker": ("valkey-server",),
}
FORKS = {"worker": "flowapp worker", "web": "gunicorn: worker"}


@dataclass(frozen=True)
class Flow:
    """An active workflow with a webhook."""

    id: str
    hook: str


class Site:
    """`engine` reads the same database, past the application."""

    def __init__(self, group: Group, engine: Engine, tenant: Tenant) -> None:
        self.group, self.engine, self.tenant = group, engine, tenant

    @property
    def database(self) -> str:
        """Its kind, for the report."""
        return self.engine.dialect.name

    @property
    def redis_url(self) -> str:
        """Where the broker listens, the group's own one where it has one."""
        own = broker.socket_path(Path(self.group.environ["FLOWAPP_DATA_DIR"]))
        return self.group.environ.get("REDIS_URL") or broker.url(own)

    def call(self, method: str, path: str, body: Any = None, **headers: str) -> Any:
        request = urllib.request.Request(
            self.group.url + path,
            method=method,
            data=None if body is None else json.dumps(body).encode(),
            headers={**self.tenant.headers, "Content-Type": "application/json", **headers},
        )
        with urllib.request.urlopen(request, timeout=30) as response:
            return json.loads(response.read() or b"null")

    def workflow(self, steps: list[dict[str, Any]]) -> Flow:
        made = self.call(
            "POST",
            "/api/v1/automation/workflows/",
            {"name": "W", "steps": steps, "triggers": [{"trigger_type": "webhook"}]},
        )
        active = self.call("POST", f"/api/v1/automation/workflows/{made['id']}/activate/")
        return Flow(made["id"], "/hooks/" + active["triggers"][0]["config"]["key"])

    def pids(self, kind: str, *, forks: bool = False) -> list[int]:
        """Living processes of a kind; `forks`: only those that a parent of the same kind replaces."""
        marks = (FORKS[kind],) if forks else KINDS[kind]
        return [pid for pid in self.group.pids() if alive(pid) and any(mark in command_line(pid) for mark in marks)]

    def kill(self, kind: str, chance: random.Random, *, forks: bool = False) -> int:
        """kill -9 of one process of the kind, once there is one; returns its pid."""
        pid = chance.choice(wait_until(lambda: self.pids(kind, forks=forks), 30, f"no {kind} was started again"))
        send(pid, signal.SIGKILL)
        return pid


def command_line(pid: int) -> str:
    """Title or command line; empty where the process is gone."""
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
    except OSError:
        return ""


def send(pid: int, number: signal.Signals) -> None:
    """Sends a signal to a process, which may have ended just now."""
    with suppress(ProcessLookupError):
        os.kill(pid, number)


@contextmanager
def running_site(
    environ: Mapping[str, str], tenant: Tenant | None = None, *, own_broker: bool = False
) -> Iterator[Site]:
    """A group that serves. `own_broker`: it runs its own Valkey, as `make run` does; `tenant`: of an earlier run."""
    environ = {"FLOWAPP_LEASE_SECONDS": str(LEASE), "FLOWAPP_HOOK_RATE": "1000000", **environ}
    if own_broker:
        environ.pop("REDIS_URL")
    with running_group(environ) as group:
        settings = Settings.from_env(group.environ)
        engine = make_engine(settings)
        prepare_engine(engine, settings)
        try:
            yield Site(group, engine, tenant or make_tenant(engine))
        finally:
            engine.dispose()


def post(sink: Sink, step_id: str = "call", **more: Any) -> dict[str, Any]:
    """An idempotent step: calls the sink at /<step>/<number of the delivery>."""
    return {
        "step_id": step_id,
        "action_type": "send_webhook",
        "params": {"url": sink.url(f"/{step_id}/{{{{ input.n }}}}"), "method": "POST"},
        **more,
    }


def mail(step_id: str = "mail") -> dict[str, Any]:
    """A step that must happen once: a letter to the number of the delivery."""
    return {
        "step_id": step_id,
        "action_type": "send_email",
        "params": {"to": "{{ input.n }}@example.com", "subject": "Number {{ input.n }}", "message": "Hello"},
    }


def wait(duration: str, step_id: str = "wait") -> dict[str, Any]:
    return {"step_id": step_id, "action_type": "wait_time", "params": {"duration": duration}}


def note(step_id: str = "note") -> dict[str, Any]:
    return {"step_id": step_id, "action_type": "log", "params": {"message": "{{ input.n }} came so far"}}
