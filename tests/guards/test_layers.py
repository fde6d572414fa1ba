"""The contracts of .importlinter name every room that they speak of; `make lint` holds the imports themselves."""

from __future__ import annotations

from configparser import ConfigParser
from pathlib import Path

LAYERS = "importlinter:contract:layers"
FLASK = "importlinter:contract:flask"


def contracts() -> ConfigParser:
    parser = ConfigParser()
    assert parser.read(".importlinter")
    return parser


def rooms_below(layer: str) -> set[str]:
    """The rooms of every layer under the one of that name; of those in parentheses the ones that are there yet."""
    layers = contracts()[LAYERS]["layers"].split("\n")
    below = layers[layers.index(layer) + 1 :]
    named = {room.strip().strip("()") for line in below for room in line.replace(":", "|").split("|")}
    return {room for room in named if (Path("flowapp") / room).exists() or Path(f"flowapp/{room}.py").exists()}


def test_no_room_below_web_may_import_flask() -> None:
    """But extensions, which is Flask's; and `exhaustive` keeps every new room in the list of layers."""
    contract = contracts()[FLASK]
    held = set(contract["source_modules"].split())
    wanted = {f"flowapp.{room}" for room in rooms_below("web")} - {"flowapp.extensions"}
    assert held == wanted
    assert {"flask", "flask_babel"} <= set(contract["forbidden_modules"].split())
    assert contracts()[LAYERS]["exhaustive"] == "True"


def test_the_machine_may_import_the_standard_library_only() -> None:
    contract = contracts()["importlinter:contract:machine"]
    assert contract["source_modules"].split() == ["flowapp.engine.machine"]
    assert contract["allow_indirect_imports"] == "False"
