"""A real Chromium on the real process group. What a page complains about in its console fails the test."""

from __future__ import annotations

import json
import os
import re
import shutil
import sys
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Page, WebError, expect, sync_playwright

from flowapp.accounts import members
from flowapp.extensions import db
from tests.conftest import base_environ
from tests.e2e.people import app_of
from tests.support.browser import PASSWORD
from tests.support.group import ROOT, Group, running_group
from tests.support.servers.smtp import SmtpServer

SECONDS = 30
Visit = Callable[..., BrowserContext]


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """Headless Chromium."""
    names = ("chromium", "chromium-browser", "google-chrome")
    program = next(filter(None, map(shutil.which, names)), None)
    assert program, "Chromium is missing; scripts/servers.py says how to get it."
    expect.set_options(timeout=SECONDS * 1000)
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=program, args=["--no-sandbox"])
        yield chromium
        chromium.close()


@pytest.fixture(scope="session")
def group(tmp_path_factory: pytest.TempPathFactory, _smtp: SmtpServer) -> Iterator[Group]:
    """A Flowapp that has been set up, one for all tests: each has an organization of its own (people.arrive). It may call
    this machine and sends real mail; where vendors have doubles on this machine, `reroute` says."""
    folder = tmp_path_factory.mktemp("group")
    inside = {"PYTHONPATH": str(ROOT / "tests/support/inside"), "FLOWAPP_TEST_REROUTES": str(folder / "reroutes.json")}
    services = {"SMTP_URL": _smtp.url, "FLOWAPP_EGRESS_ALLOW": "127.0.0.0/8"}
    with running_group(base_environ(folder) | inside | services) as running:
        with app_of(running).app_context():
            members.set_up(db.engine, name="First", email="first@example.com", password=PASSWORD, address=running.url)
        yield running
        with app_of(running).app_context():
            db.engine.dispose()


@pytest.fixture(scope="module")
def bare_group(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Group]:
    """A Flowapp that was told nothing: no account, no keys, no addresses."""
    environ = {"PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}", "HOME": os.environ["HOME"]}
    with running_group(environ | {"FLOWAPP_DATA_DIR": str(tmp_path_factory.mktemp("bare"))}) as running:
        yield running


@pytest.fixture
def visit(browser: Browser) -> Iterator[Visit]:
    """visit(group) is a new person at a new browser; the test fails if a page of theirs complained."""
    complaints: list[str] = []
    contexts: list[BrowserContext] = []

    def arrive(group: Group, **options: Any) -> BrowserContext:
        options = {"viewport": {"width": 1440, "height": 900}, "locale": "en", "timezone_id": "UTC"} | options
        context = browser.new_context(base_url=group.url, **options)
        context.set_default_timeout(SECONDS * 1000)
        context.on("weberror", lambda error: complaints.append(_uncaught(error)))
        context.on("console", lambda message: complaints.extend(_complaint(message)))
        contexts.append(context)
        return context

    yield arrive
    for context in contexts:
        context.close()
    assert not complaints, "\n".join(complaints)


@pytest.fixture
def reroute(group: Group) -> Iterator[Callable[[Mapping[str, str]], None]]:
    """reroute({"https://slack.com": sink.url("")}): until the test ends, the group's calls of that origin go there, by real HTTP."""
    file = Path(group.environ["FLOWAPP_TEST_REROUTES"])

    def write(origins: Mapping[str, str]) -> None:
        file.write_text(json.dumps({origin: double.rstrip("/") for origin, double in origins.items()}))

    yield write
    file.unlink(missing_ok=True)


@pytest.fixture
def picture() -> Callable[[Page, str], None]:
    """picture(page, "steps") writes docs/images/steps.png, where FLOWAPP_SCREENSHOTS=1 asks for the README's pictures."""

    def take(page: Page, name: str) -> None:
        if os.environ.get("FLOWAPP_SCREENSHOTS") == "1":
            page.screenshot(path=ROOT / "docs" / "images" / f"{name}.png", animations="disabled")

    return take


def _uncaught(error: WebError) -> str:
    return f"{error.page.url if error.page else ''}: {error.error}"


def _complaint(message: ConsoleMessage) -> list[str]:
    """Console errors, where CSP violations are too. A refused form (422, 401) is one for Chromium, but not for us."""
    if message.type != "error" or re.search(r"the server responded with a status of 4(22|01)", message.text):
        return []
    return [f"{message.page.url if message.page else ''}: {message.text}"]
