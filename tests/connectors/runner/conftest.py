"""A connector of one action, to show what the runner makes of a manifest."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from flowapp.catalog import ACTIONS, CONNECTORS, open_integration
from flowapp.connectors.runner import MANIFESTS, declare
from tests.actions.conftest import Bench
from tests.support.servers.sink import Answer, Sink

HEAD = """
type: probe
label: Probe
description: Shows what is sent.
icon: note
category: other
base_url: "{address}"
config:
  - {name: address, label: Address}
  - {name: way, label: Way, default: bearer}
credentials: [{name: secret, label: Secret}, {name: hook, label: Hook}]
auth:
  - {when: {way: bearer}, kind: bearer, token: "{secret}"}
  - {when: {way: basic}, kind: basic, user: ann, password: "{secret}"}
  - {when: {way: header}, kind: header, name: X-Key, value: "Token {secret}"}
  - {when: {way: query}, kind: query, name: key, value: "{secret}"}
test: {call: {method: GET, path: /me}, message: "Hello {user.name}."}
idempotency: Idempotency-Key
default_action: act
actions:
"""
RESULT = "    result: [{name: id, from: id, label: Id, sample: 1}]\n"
FIELDS = """
  - name: act
    label: Act
    description: Does something.
    effect: idempotent
    fields:
      - {name: who, label: Who}
      - {name: to, label: To, as: recipient.email}
      - {name: tags, label: Tags, kind: list}
      - {name: extra, label: Extra, kind: pairs}
      - {name: deep, label: Deep, kind: json}
      - {name: loud, label: Loud, kind: boolean}
      - {name: file, label: File, kind: file}
"""
Make = Callable[..., Bench]


@pytest.fixture
def make(sink: Sink, tmp_path: Path) -> Iterator[Make]:
    """A Bench with a connector of one action: `call` is the YAML of its call."""

    def made(
        call: str, extra: str = "", fields: str = FIELDS, result: str = RESULT, head: str = HEAD, **config: str
    ) -> Bench:
        text = head.replace("actions:\n", extra + "actions:\n") + fields + f"    call: {call}\n" + result
        path = tmp_path / f"{len(list(tmp_path.iterdir()))}.yaml"
        path.write_text(text, encoding="utf-8")
        declare(path, "flowapp.connectors.probe")
        return Bench(integrations={"probe": account(**config)})

    def account(**config: str) -> Any:
        whole = {"address": sink.url("/v1"), **config}
        known = {"secret": "s3cret-of-ours", "client_id": "c", "client_secret": "client-secret"}
        credentials = {name: known[name] for name in CONNECTORS["probe"].credentials.model_fields if name in known}
        return open_integration("probe", id="1", name="P", config=whole, credentials=credentials)

    sink.default = Answer(200, b'{"id": 7}')
    yield made
    CONNECTORS.pop("probe", None)
    MANIFESTS.pop("probe", None)
    for name in [name for name in ACTIONS if name.startswith("probe_")]:
        del ACTIONS[name]
