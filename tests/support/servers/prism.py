"""Prism (Stoplight's mock server) as a double that nobody here wrote: it judges requests by a published description.

Forms are handed to it as JSON: of a form it looks at the fields that it knows only, so a wrong name would pass.
"""

from __future__ import annotations

import json
import re
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import urllib3
import yaml

from scripts.setup import node
from tests.support.servers.sink import Received

FOLDER = Path(__file__).resolve().parents[1] / "prism"
PROGRAM = FOLDER / "node_modules" / "@stoplight" / "prism-cli" / "dist" / "index.js"
FORM, JSON = "application/x-www-form-urlencoded", "application/json"
_KEYS = re.compile(r"[^\[\]]+")


def described(connector: str) -> dict[str, Any]:
    """The pruned description of a connector's service."""
    path = FOLDER.parents[1] / "connectors" / connector / "openapi.yaml"
    found: dict[str, Any] = yaml.safe_load(path.read_text(encoding="utf-8"))
    return found


@dataclass
class Prism:
    """A running one; `refusal` is what it says of a request: empty where the request is right."""

    url: str
    description: dict[str, Any]

    def refusal(self, received: Received) -> str:
        path = without_base(self.description, received.path)
        asked = set(dict(parse_qsl(urlsplit(path).query)))
        operation = operation_of(self.description, received.method, urlsplit(path).path)
        if unknown := asked - {one["name"] for one in operation["parameters"]}:  # Prism lets them pass
            return f"unknown in the query: {', '.join(sorted(unknown))}"
        headers = {
            name: received.headers[name] for name in ("Authorization", "Content-Type") if name in received.headers
        }
        body = received.body
        if headers.get("Content-Type", "").startswith(FORM):
            headers["Content-Type"] = JSON
            body = json.dumps(typed(nested(parse_qsl(body.decode())), schema_of(operation))).encode()
        answer = urllib3.request(received.method, self.url + path, headers=headers, body=body or None, retries=False)
        return "" if 200 <= answer.status < 300 else f"{answer.status} {answer.data.decode()}"


@contextmanager
def prism(connector: str, folder: Path) -> Iterator[Prism]:
    """Prism with the description of a connector's service; its files lie in `folder`."""
    assert PROGRAM.exists(), "make test-all installs Prism; by hand: npm ci --ignore-scripts in tests/support/prism"
    description = described(connector)
    for operation in operations(description):
        content = operation.get("requestBody", {}).get("content", {})
        if FORM in content:
            content[JSON] = content.pop(FORM)
    path, port = folder / "openapi.yaml", _free_port()
    path.write_text(yaml.safe_dump(description), encoding="utf-8")
    command = [node(), PROGRAM, "mock", "--errors", "--host", "127.0.0.1", "--port", str(port), path]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    try:
        _until_it_listens(process)
        yield Prism(f"http://127.0.0.1:{port}", description)
    finally:
        process.kill()
        process.communicate()


def _until_it_listens(process: subprocess.Popen[str]) -> None:
    assert process.stdout is not None
    said = []
    for line in process.stdout:
        said.append(line)
        if "is listening" in line:
            return
    raise AssertionError(f"Prism did not start: {''.join(said)}")


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        return int(server.getsockname()[1])


def operations(description: dict[str, Any]) -> Iterator[dict[str, Any]]:
    for methods in description["paths"].values():
        yield from methods.values()


def without_base(description: dict[str, Any], path: str) -> str:
    """A path as the description has it: what its server's address begins with is left out."""
    base = re.sub(r"\\\{\w+\\\}", "[^/]+", re.escape(urlsplit(description["servers"][0]["url"]).path.rstrip("/")))
    return re.sub(f"^{base}", "", path)


def operation_of(description: dict[str, Any], method: str, path: str) -> dict[str, Any]:
    """What the description says of a call, its own paths before those with parameters."""
    for template in sorted(description["paths"], key=lambda text: text.count("{")):
        pattern = re.sub(r"\\\{\w+\\\}", "[^/]+", re.escape(template))
        if re.fullmatch(pattern, path) and method.lower() in description["paths"][template]:
            found: dict[str, Any] = description["paths"][template][method.lower()]
            return found
    raise AssertionError(f"{method} {path} is not described")


def schema_of(operation: dict[str, Any]) -> dict[str, Any]:
    """That of the body, whatever its type; empty where it takes none."""
    content = operation.get("requestBody", {}).get("content", {})
    return next((one["schema"] for one in content.values()), {})


def nested(pairs: list[tuple[str, str]]) -> Any:
    """`items[0][price]=p` as {"items": [{"price": "p"}]}."""
    whole: dict[str, Any] = {}
    for name, value in pairs:
        *outer, last = _KEYS.findall(name)
        inside = whole
        for key in outer:
            inside = inside.setdefault(key, {})
        inside[last] = value
    return _lists(whole)


def _lists(value: Any) -> Any:
    if not isinstance(value, dict):
        return value
    made = {key: _lists(entry) for key, entry in value.items()}
    return list(made.values()) if made and all(key.isdigit() for key in made) else made


def typed(value: Any, schema: dict[str, Any]) -> Any:
    """A form's texts as the numbers and truth values that the description asks for; others stay text."""
    if isinstance(value, dict):
        fields = schema.get("properties", {})
        return {name: typed(entry, fields.get(name, {})) for name, entry in value.items()}
    if isinstance(value, list):
        return [typed(entry, schema.get("items", {})) for entry in value]
    if schema.get("type") in ("integer", "number") and re.fullmatch(r"-?\d+(\.\d+)?", value):
        return json.loads(value)
    if schema.get("type") == "boolean" and value in ("true", "false"):
        return value == "true"
    return value
