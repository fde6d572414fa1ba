"""The registry: what declares itself, wherever it lies in its room."""

from __future__ import annotations

from pathlib import Path

import pytest

from flowapp.catalog import ActionSpec, load

ACTION = """
from flowapp.catalog import Done, Params, action


@action("{name}", label="x", description="", group="", icon="", effect="pure", params=Params)
def run(ctx, params):
    return Done()
"""


def test_load_walks_nested_folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    room = tmp_path / "nested_room"
    for place in (".", "mail", "mail/inner", "bare"):  # bare: a folder without __init__.py
        (room / place).mkdir(exist_ok=True)
        if place != "bare":
            (room / place / "__init__.py").touch()
    for place, name in (("mail/inner/deep.py", "test_deep"), ("bare/plain.py", "test_plain")):
        (room / place).write_text(ACTION.format(name=name))
    declared: dict[str, ActionSpec] = {}
    monkeypatch.setattr("flowapp.catalog.registry.ACTIONS", declared)
    monkeypatch.syspath_prepend(tmp_path)
    load("nested_room")
    assert set(declared) == {"test_deep", "test_plain"}
