"""One of what was found, as pages and answers show it."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Hit:
    """`url` is its page. `id` is empty for pages and commands."""

    title: str
    url: str
    icon: str
    detail: str = ""
    id: str = ""


@dataclass(frozen=True, slots=True)
class Group:
    """What was found of one kind; `kind` is the API's name of it, `label` is translated."""

    kind: str
    label: str
    hits: list[Hit]
