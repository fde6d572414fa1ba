"""Reads a manifest. What is wrong is told with its file and line."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

import yaml
from pydantic import ValidationError

from flowapp.catalog.manifests.checks import findings
from flowapp.catalog.manifests.manifest import Manifest
from flowapp.errors import ConfigError

try:
    from yaml import CSafeLoader as Loader
except ImportError:  # PyYAML without libyaml: slower
    from yaml import SafeLoader as Loader  # type: ignore[assignment]

Place = Sequence[str | int]


class ManifestError(ConfigError):
    """A manifest that cannot be used; each line of the message names a place in it."""


def read(path: Path) -> Manifest:
    """The manifest in a file. ManifestError."""
    text = path.read_text(encoding="utf-8")
    try:
        # The loader is a safe one: it makes plain values only.
        manifest = Manifest.model_validate(yaml.load(text, Loader))
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 1
        raise ManifestError(f"{path}:{line}: {error.problem or error.context}") from None
    except ValidationError as error:
        raise _error(path, text, ((one["loc"], one["msg"]) for one in error.errors(include_url=False))) from None
    wrong = list(findings(manifest))
    if wrong:
        raise _error(path, text, wrong)
    return manifest


def _error(path: Path, text: str, wrong: Iterable[tuple[Place, str]]) -> ManifestError:
    root = yaml.compose(text, Loader)
    lines = (f"{path}:{_line(root, place)}: {_shown(place)}{message}" for place, message in wrong)
    return ManifestError("\n".join(dict.fromkeys(lines)))


def _shown(place: Place) -> str:
    return f"{'.'.join(map(str, place))}: " if place else ""


def _line(node: yaml.Node | None, place: Place) -> int:
    """The line of a place, counted from 1; that of what it lies in where it is not there."""
    line = node.start_mark.line if node else 0
    for part in place:
        inner = _inner(node, part)
        if inner is None:
            continue  # pydantic's own steps, such as the name of a union's arm
        line, node = inner
    return line + 1


def _inner(node: yaml.Node | None, part: str | int) -> tuple[int, yaml.Node] | None:
    if isinstance(node, yaml.MappingNode):
        found = next(((key, value) for key, value in node.value if key.value == str(part)), None)
        return (found[0].start_mark.line, found[1]) if found else None
    if isinstance(node, yaml.SequenceNode) and isinstance(part, int) and part < len(node.value):
        return node.value[part].start_mark.line, node.value[part]
    return None
