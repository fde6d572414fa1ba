"""The walk of docs/architecture.md: one webhook, from its bytes to its result, runs nothing but the files that are listed there."""

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
SECTION = "From a webhook to its result"
STEP = {"step_id": "hello", "action_type": "log", "params": {"message": "Hello"}}


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


def drawn() -> list[str]:
    """The files of the section, in its order."""
    text = (ROOT / "docs/architecture.md").read_text()
    section = text[text.index(f"## {SECTION}") :].split("\n## ")[0]
    return re.findall(r"`(flowapp/[\w/]+\.py)`", section)


def test_a_webhook_walks_through_what_is_drawn(api: Api, tracer: Tracer) -> None:
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
    outside = {file: name for file, name in tracer.seen.items() if file not in drawn()}
    assert not outside, f"draw these files in docs/architecture.md, “{SECTION}”, or do without them"
    assert {"flowapp/api/public/known_hooks.py", "flowapp/engine/store/journal.py"} <= set(tracer.seen), (
        "both processes were watched"
    )


def _ended(api: Api, execution_id: str) -> None:
    """Returns once the execution has completed."""
    wait_until(lambda: api.get(f"/executions/{execution_id}/")["status"] == "completed", 10, "it does not end")


def test_what_is_drawn_exists_once() -> None:
    files = drawn()
    assert len(files) == len(set(files))
    assert [file for file in files if not (ROOT / file).exists()] == []
