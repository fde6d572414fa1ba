"""“In production” of the README, followed to the letter: its commands as they stand, on a PostgreSQL and a Valkey of the test's
own. Process groups stand for the hosts: one for each line that starts a service, each in a checkout of its own."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import urllib.error
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from flowapp.launcher.lifeline import tie_to_this_process
from tests.support.processes import free_port, wait_until
from tests.support.servers.postgres import Cluster, running_postgres
from tests.support.servers.smtp import SmtpServer

pytestmark = pytest.mark.postgres
ROOT = Path(__file__).resolve().parents[1]
PASSWORD = "correct horse battery staple"


def blocks(kind: str) -> list[str]:
    """The fenced blocks of the section."""
    section = (ROOT / "README.md").read_text().partition("\n## In production\n")[2].partition("\n## ")[0]
    return re.findall(rf"^```{kind}\n(.*?)^```$", section, re.MULTILINE | re.DOTALL)


def test_the_section_has_the_commands_that_this_file_follows() -> None:
    settings, services, look = blocks("sh")[:3]
    assert "make-keys > flowapp.env" in settings
    assert [line.split()[0] for line in services.splitlines()][-4:] == [
        ".venv/bin/alembic", ".venv/bin/gunicorn", ".venv/bin/python", ".venv/bin/python",
    ]  # fmt: skip
    assert "doctor" in look
    makefile = (ROOT / "Makefile").read_text()
    for target in re.findall(r"^make (\S+)", "\n".join(blocks("sh")), re.MULTILINE):
        assert re.search(rf"^{target}:", makefile, re.MULTILINE), target


@dataclass
class Fleet:
    """`shell(text)` runs commands in the checkout of one host; addresses in it are those of the test's servers."""

    folder: Path
    addresses: dict[str, str]

    def checkout(self, name: str) -> Path:
        """A folder that looks like a checkout after `make setup`, and holds nothing of the developer's."""
        folder = self.folder / name
        if not folder.exists():
            folder.mkdir()
            for entry in ROOT.iterdir():
                if entry.name not in ("var", ".git") and entry.suffix != ".env":
                    (folder / entry.name).symlink_to(entry)
        return folder

    def start(self, name: str, text: str, **options: Any) -> subprocess.Popen[str]:
        for there, here in self.addresses.items():
            text = text.replace(there, here)
        text = re.sub(r"^make setup\n", "", text, flags=re.MULTILINE)  # installs from the network
        return subprocess.Popen(
            ["sh", "-e", "-c", text],
            cwd=self.checkout(name),
            env={"PATH": os.environ.get("PATH", os.defpath), "HOME": str(self.folder), "LANG": "C.UTF-8"},
            start_new_session=True,
            text=True,
            preexec_fn=tie_to_this_process(),  # noqa: PLW1509 - two system calls, no lock
            **options,
        )

    def shell(self, name: str, text: str, told: str = "") -> str:
        """What the commands print; they must end well."""
        pipe = subprocess.PIPE
        process = self.start(name, text, stdin=pipe, stdout=pipe, stderr=subprocess.STDOUT)
        output, _ = process.communicate(told, 120)
        assert process.returncode == 0, output
        return output


@pytest.fixture
def cluster() -> Iterator[Cluster]:
    with running_postgres(free_port()) as running:
        yield running


@pytest.fixture
def fleet(cluster: Cluster, valkey_url: str, smtp: SmtpServer, tmp_path: Path) -> Fleet:
    web = free_port()
    return Fleet(
        tmp_path,
        {
            "db.example.com:5432": f"127.0.0.1:{cluster.port}",
            "redis://redis.example.com:6379/0": valkey_url,
            "smtp://user:password@mail.example.com:587": smtp.url,
            "0.0.0.0:8000": f"127.0.0.1:{web}",
            "127.0.0.1:8000": f"127.0.0.1:{web}",
        },
    )


def get(url: str, token: str = "", body: Any = None) -> Any:
    """The answer's text, or its status where it is no 2xx. With a token as a proxy would pass it on."""
    headers = {"X-Forwarded-For": "192.0.2.1", "Authorization": f"Bearer {token}"} if token else {}
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(url, data, {**headers, "Content-Type": "application/json"})
    try:
        with urllib.request.urlopen(request, timeout=10) as answer:
            return answer.read().decode()
    except urllib.error.HTTPError as error:
        with error:
            return error.code
    except OSError:
        return 0


def test_the_readme_followed_to_the_letter(fleet: Fleet, cluster: Cluster) -> None:
    for statement in "".join(blocks("sql")).split(";"):
        if statement.strip():
            cluster.as_admin(statement)
    settings, services, look = blocks("sh")[:3]
    fleet.shell("web", settings)
    given = fleet.checkout("web") / "flowapp.env"
    assert given.stat().st_mode & 0o077 == 0
    *common, web, worker, scheduler = services.splitlines()
    hosts = []
    for name, service in (("web", web), ("worker", worker), ("scheduler", scheduler)):
        if name != "web":
            shutil.copy(given, fleet.checkout(name) / "flowapp.env")
        with (fleet.folder / f"{name}.log").open("wb") as log:
            script = "\n".join([*common, f"exec {service}"])
            hosts.append(fleet.start(name, script, stdin=subprocess.DEVNULL, stdout=log, stderr=log))
    try:
        follow(fleet, look)
    except AssertionError as error:
        logs = "\n".join(path.read_text() for path in fleet.folder.glob("*.log"))
        raise AssertionError(f"{error}\n{logs}") from None
    finally:
        stop(hosts)


def follow(fleet: Fleet, look: str) -> None:
    """The third block, and what it promises."""
    url = "http://" + fleet.addresses["127.0.0.1:8000"]
    wait_until(lambda: "ok" in str(get(f"{url}/readyz")), 90, "the installation did not get ready")
    enter, make_owner, make_token, doctor, *rest = look.splitlines(keepends=True)
    fleet.shell("web", enter + make_owner, f"{PASSWORD}\n{PASSWORD}\n")
    token = fleet.shell("web", enter + make_token).splitlines()[-1]
    said = fleet.shell("web", enter + doctor)
    assert "WRONG" not in said
    assert re.search(r"ok +same keys +the same here and in 4 processes", said), said
    if shutil.which("curl"):
        assert json.loads(fleet.shell("web", "".join(rest).replace("curl", "curl -s")))["status"] == "ok"
    assert 'flowapp_processes{kind="worker",state="working"} 2.0' in get(f"{url}/metrics", token)
    assert get(f"{url}/metrics", "fla_wrong") == 401
    assert not any((fleet.checkout("worker") / "var").glob("*key*")), "a host made keys of its own"
    a_hook_runs(fleet, url)


def a_hook_runs(fleet: Fleet, url: str) -> None:
    """What the fleet is for."""
    enter = "set -a; . ./flowapp.env; set +a\n"
    editor = fleet.shell("web", enter + ".venv/bin/flask --app wsgi create-token --email you@example.com")
    steps = [{"step_id": "greet", "action_type": "log", "params": {"message": "Hello {{ input.name }}"}}]
    body = {"name": "Hello", "status": "active", "triggers": [{"trigger_type": "webhook"}], "steps": steps}
    token = editor.splitlines()[-1]
    made = json.loads(get(f"{url}/api/v1/automation/workflows/", token, body))
    started = json.loads(get(f"{url}/hooks/{made['triggers'][0]['config']['key']}", "", {"name": "Ada"}))
    path = f"{url}/api/v1/automation/executions/{started['execution_id']}/"
    wait_until(lambda: json.loads(get(path, token))["status"] == "completed", message="the execution did not complete")


def stop(hosts: list[subprocess.Popen[str]]) -> None:
    for host in hosts:
        host.send_signal(signal.SIGTERM)
    for host in hosts:
        try:
            host.wait(10)
        except subprocess.TimeoutExpired:
            os.killpg(host.pid, signal.SIGKILL)
            host.wait()
