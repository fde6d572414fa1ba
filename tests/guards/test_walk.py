"""The walk of docs/architecture.md: one webhook, from its bytes to its result, runs the files that are listed there, no others."""

from __future__ import annotations

import re
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from types import FrameType
from typing import Any

import pytest

from tests.api.conftest import Api, api, place
from tests.api.crm.people import workflow_body, working
from tests.support.processes import wait_until

__all__ = ["api", "place"]

ROOT = Path(__file__).resolve().parents[2]
SECTION, TOOLS, RARE = "## From a webhook to its result", "**What both use**", "Now and then, in threads"
MOST = {"SQLite": (23, 8), "PostgreSQL": (24, 9)}  # files to read, and tools; they may only go down
STEP = {"step_id": "hello", "action_type": "log", "params": {"message": "Hello"}}
DATABASES = {"postgresql": "PostgreSQL", "sqlite": "SQLite"}


class Tracer:
    """Notes the files of flowapp whose functions run, in the threads that it watches, while `recording`."""

    def __init__(self) -> None:
        self.seen: dict[str, str] = {}  # file to one of its functions
        self.recording = False

    def __call__(self, frame: FrameType, event: str, _: Any) -> None:
        code = frame.f_code
        if self.recording and event == "call" and code.co_name != "<module>":
            file = code.co_filename.removeprefix(f"{ROOT}/")
            if file.startswith("flowapp/"):
                self.seen.setdefault(file, code.co_qualname)


@pytest.fixture
def tracer() -> Iterator[Tracer]:
    before, made = sys.getprofile(), Tracer()
    threading.setprofile(made)
    yield made
    threading.setprofile(None)
    sys.setprofile(before)


def drawn(text: str) -> dict[str, str]:
    """The files that a text names, in its order; those of one database with its name."""
    return dict(re.findall(r"`(flowapp/[\w/]+\.py)`(?: \((PostgreSQL|SQLite)\))?", text))


def parts() -> tuple[str, str, str]:
    """The section in three: what one reads, the tools, and what runs now and then."""
    text = (ROOT / "docs/architecture.md").read_text()
    read, _, rest = text[text.index(SECTION) :].split("\n## ")[0].partition(TOOLS)
    tools, _, rare = rest.partition(RARE)
    return read, tools, rare


def on(database: str, files: dict[str, str]) -> set[str]:
    return {file for file, only in files.items() if only in ("", database)}


@pytest.mark.both_databases
def test_a_webhook_walks_through_what_is_drawn(api: Api, tracer: Tracer, database_url: str) -> None:
    trigger = {"trigger_type": "webhook", "config": {}}
    made = api.post("/workflows/", workflow_body(status="active", triggers=[trigger], steps=[STEP]), 201)
    hook = f"/hooks/{made['triggers'][0]['config']['key']}"
    with working():
        for _ in range(2):  # the process meets the hook, and makes the version ready to run
            _ended(api, api.client.post(hook, json={"name": "Ann"}).json["execution_id"])
        tracer.recording = True
        sys.setprofile(tracer)
        answer = api.client.post(hook, json={"name": "Ann"})
        sys.setprofile(None)
        _ended(api, answer.json["execution_id"])
    tracer.recording = False
    read, tools, rare = map(drawn, parts())
    expected = on(DATABASES[database_url.partition("+")[0].partition(":")[0]], read | tools)
    outside = {file: name for file, name in tracer.seen.items() if file not in expected | rare.keys()}
    assert not outside, f"draw these files in docs/architecture.md, “{SECTION}”, or do without them"
    assert expected - tracer.seen.keys() == set(), "these are drawn, and did not run"


def _ended(api: Api, execution_id: str) -> None:
    """Returns once the execution has completed."""
    wait_until(lambda: api.get(f"/executions/{execution_id}/")["status"] == "completed", message="it does not end")


def test_what_is_drawn_exists_once() -> None:
    text = "".join(parts())
    files = re.findall(r"`(flowapp/[\w/]+\.py)`", text)
    assert len(files) == len(set(files))
    assert [file for file in files if not (ROOT / file).exists()] == []


@pytest.mark.parametrize("database", MOST)
def test_the_walk_is_short(database: str) -> None:
    read, tools, _rare = map(drawn, parts())
    most_read, most_tools = MOST[database]
    assert len(on(database, read)) <= most_read
    assert len(on(database, tools)) <= most_tools
