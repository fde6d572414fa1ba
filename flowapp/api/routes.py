"""One declaration makes a route of the JSON API: under every prefix, with or without its last slash, and documented."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from flask import Blueprint
from pydantic import BaseModel

from flowapp.web.access import View

PREFIXES = ("/api/v1/automation", "/api/v1", "/api")
JSON, ANYTHING = "application/json", "*/*"
Model = type[BaseModel]


@dataclass(frozen=True, slots=True)
class Operation:
    """A documented route. `rule` is the path below a prefix, or from the root where `root`; `view` says who may call it.

    `answer` comes with `status`, as JSON or as one of `media`; `others` are further statuses with their type.
    """

    rule: str
    methods: tuple[str, ...]
    view: Callable[..., object]
    tag: str
    summary: str
    body: Model | None = None
    query: Model | None = None
    answer: Model | None = None
    status: int = 200
    root: bool = False
    media: tuple[str, ...] = ()
    others: tuple[tuple[int, str], ...] = ()


OPERATIONS: list[Operation] = []


def route(
    bp: Blueprint,
    rule: str,
    *methods: str,
    tag: str,
    summary: str,
    body: Model | None = None,
    query: Model | None = None,
    answer: Model | None = None,
    status: int = 200,
    root: bool = False,
    media: tuple[str, ...] = (),
    others: tuple[tuple[int, str], ...] = (),
    aliases: tuple[str, ...] = (),
) -> Callable[[View], View]:
    """Routes and documents a view. `rule` ends with a slash; callers may leave it out. `summary` is marked with N_.

    `aliases` are other rules of the same, which the document leaves out.
    """

    def add(view: View) -> View:
        for prefix in ("",) if root else PREFIXES:
            for path in (rule, *aliases):
                bp.add_url_rule(prefix + path, view.__name__, view, methods=list(methods), strict_slashes=False)
        OPERATIONS.append(
            Operation(rule, methods, view, tag, summary, body, query, answer, status, root, media, others)
        )
        return view

    return add
