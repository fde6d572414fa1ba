"""What an upgrade changed, or left, of the meaning of published workflows."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from sqlalchemy import select

from flowapp.config import Settings
from flowapp.engine.language.scope import LANGUAGE
from flowapp.errors import ConfigError, UnreadableError
from flowapp.extensions import db
from flowapp.models import Version, Workflow
from flowapp.models.tenancy import system_session
from flowapp.values.patterns import read_pattern

SHOWN = 10  # names


def values(_settings: Settings) -> str:
    """The workflows that keep the meaning of values of before. ConfigError names those whose date formats are refused now."""
    older: list[str] = []
    broken: list[str] = []
    with system_session(db.engine) as system:
        published = (
            select(Workflow.name, Version.definition)
            .join(Version, Version.id == Workflow.published_version_id)
            .where(Workflow.status.in_(("active", "paused")))
            .order_by(Workflow.id)
            .execution_options(yield_per=100)
        )
        for name, definition in system.execute(published):
            if any(_is_refused(pattern) for pattern in _date_formats(definition)):
                broken.append(name)
            if definition.get("language", 1) < LANGUAGE:
                older.append(name)
    if broken:
        raise ConfigError(
            f"the date formats of {_named(broken)} mean nothing any more: see docs/values.md, and save them anew"
        )
    if older:
        return f"{_named(older)} keep what they meant before: see docs/values.md, “Older workflows”"
    return "all published workflows speak the present language"


def _named(names: list[str]) -> str:
    more = f" and {len(names) - SHOWN} more" if len(names) > SHOWN else ""
    return ", ".join(f"“{name}”" for name in names[:SHOWN]) + more


def _date_formats(definition: Mapping[str, object]) -> Iterator[str]:
    """The formats that operations of the published steps write out."""
    steps = definition.get("steps")
    for step in steps if isinstance(steps, list) else ():
        operations = (step.get("params") or {}).get("operations")
        for operation in operations if isinstance(operations, list) else ():
            pattern = operation.get("format") if isinstance(operation, dict) and operation.get("op") == "date" else None
            if isinstance(pattern, str) and pattern.strip() not in ("", "unix") and "{{" not in pattern:
                yield pattern


def _is_refused(pattern: str) -> bool:
    try:
        read_pattern(pattern)
    except UnreadableError:
        return True
    return False
