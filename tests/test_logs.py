"""What people write cannot forge a line of a log, nor command the terminal that shows it."""

from __future__ import annotations

import json
import logging
import re
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import structlog

from flowapp import logs
from flowapp.cli.words import RefusedError
from flowapp.errors import InvalidError
from tests.cli.test_commands import run
from tests.support.processes import free_port, wait_until

EVIL = "Ann\x1b]0;owned\x07\x9b2J\r\n2026-01-01T00:00:00Z [error    ] all secrets were sent\u2028\u202e"
UNSAFE = ("\x1b", "\x07", "\x9b", "\r", "\u2028", "\u202e")


@pytest.fixture(autouse=True)
def _put_back() -> Iterator[None]:
    root = logging.getLogger()
    before = (root.level, root.handlers[:])
    yield
    root.setLevel(before[0])
    root.handlers[:] = before[1]
    structlog.reset_defaults()


def written(capsys: Any, form: str) -> str:
    logs.configure("info", form)
    log = structlog.get_logger("test")
    log.info("saved", name=EVIL, inside={"name": [EVIL]})
    log.info(EVIL)
    logging.getLogger("other").warning("said %s", EVIL)
    log.error("failed", exc_info=ValueError(EVIL))
    return str(capsys.readouterr().err)


def test_the_console_shows_one_line_an_entry(capsys: Any) -> None:
    text = written(capsys, "console")
    assert not any(char in text for char in UNSAFE)
    assert r"Ann\u001b]0;owned\u0007\u009b2J\r\n2026" in text
    begun = [line for line in text.split("\n") if line.startswith("2026-01-01")]
    assert not begun, "no line begins as the name wants it"
    assert "\n  ValueError: Ann" in text, "a traceback has lines of its own, set in"


def test_json_has_one_line_an_entry(capsys: Any) -> None:
    lines = written(capsys, "json").rstrip("\n").split("\n")
    assert [json.loads(line)["level"] for line in lines] == ["info", "info", "warning", "error"]
    assert not any(char in line for line in lines for char in UNSAFE)


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_commands_print_names_on_their_lines(app: Any) -> None:
    made = run(app, "create-superuser", "--email", "a@b.example", "--name", EVIL, "--password", "correct horse battery")
    assert not any(char in made for char in UNSAFE)
    message = RefusedError(InvalidError.at(EVIL, EVIL)).message
    assert not any(char in message for char in (*UNSAFE, "\n"))


def test_every_command_prints_through_one_place() -> None:
    direct = {
        path.name
        for path in Path("flowapp/cli").rglob("*.py")
        if path.name != "words.py" and re.search(r"click\.s?echo|\bprint\(", path.read_text())
    }
    assert not direct, "print through flowapp.cli.words.tell"


TINY = """
from flask import Flask
from flowapp.config import Settings

app = Flask(__name__)
app.extensions["settings"] = Settings.from_env()  # which the server reads its limits from
app.config["MAX_CONTENT_LENGTH"] = 1_000_000


@app.get("/<name>")
def answer(name):
    return name
"""


def test_gunicorns_log_has_one_line_a_request(tmp_path: Path) -> None:
    """Its access log, which people may switch on, holds what a client sent. Of controls, it lets C1 through."""
    (tmp_path / "tiny.py").write_text(TINY)
    port = free_port()
    words = ["-c", str(Path("gunicorn.conf.py").resolve()), "--access-logfile", "-", "-b", f"127.0.0.1:{port}"]
    server = subprocess.Popen(
        [sys.executable, "-m", "gunicorn", *words, "--pythonpath", f"{Path.cwd()},{tmp_path}", "tiny:app"],
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
    )  # fmt: skip
    try:
        wait_until(lambda: answers(port, b"GET /ready HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"))
        request = b"GET /a HTTP/1.1\r\nHost: a\r\nUser-Agent: b\xc2\x9b2J\r\nConnection: close\r\n\r\n"
        answers(port, request)
    finally:
        server.terminate()
        said = server.communicate()[0].decode("utf-8", "surrogateescape")
    assert r"\u009b2J" in said, said
    assert "\x9b" not in said


def answers(port: int, request: bytes) -> bytes:
    """What the server says; nothing while it does not listen."""
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=5) as connection:
            connection.sendall(request)
            return b"".join(iter(lambda: connection.recv(65_536), b""))
    except OSError:
        return b""
