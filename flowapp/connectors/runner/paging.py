"""Fetches a list page by page, up to its maximum."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from urllib.parse import urljoin

from flowapp.catalog import HttpResponse, StepContext
from flowapp.catalog.manifests import Paging
from flowapp.connectors.runner.answers import at
from flowapp.connectors.runner.filling import is_empty
from flowapp.errors import StepError
from flowapp.security.addresses import origin_of
from flowapp.texts import say

Values = dict[str, object]


@dataclass(slots=True)
class Entries:
    """What was fetched, and whether there is more."""

    entries: list[object] = field(default_factory=list)
    more: bool = False


# Fetches a page: given what is sent besides the fields, or the whole address of the page.
Fetch = Callable[[Values, str], HttpResponse]


def fetch_all(paging: Paging, fetch: Fetch, base: str, limit: int) -> Entries:
    """The entries of all pages, at most `limit`."""
    found, sent, link = Entries(), _first(paging, limit), ""
    seen: set[str] = set()
    while True:
        answer = fetch(sent, link)
        page = at(answer.json, paging.items)
        entries = page if isinstance(page, list) else []
        found.entries += entries
        following = _next(paging, answer, len(found.entries), len(entries), sent)
        if len(found.entries) >= limit:
            found.more = len(found.entries) > limit or following is not None
            del found.entries[limit:]
            return found
        if following is None:
            return found
        sent, link = following[0], urljoin(base, following[1]) if following[1] else ""
        mark = f"{sent} {link}"
        if mark in seen:
            raise StepError(say("The service gives the same page again and again."), permanent=True)
        seen.add(mark)
        if link and origin_of(link) != origin_of(base):
            raise StepError(say("The next page lies on another host: it is not fetched."), permanent=True)


def _first(paging: Paging, limit: int) -> Values:
    size: Values = {paging.size_parameter: min(paging.size, limit)} if paging.size_parameter else {}
    if paging.kind in ("page", "offset") and paging.first is not None:
        return {**size, paging.parameter: paging.first}
    return size


def _next(paging: Paging, answer: HttpResponse, so_far: int, on_page: int, sent: Values) -> tuple[Values, str] | None:
    """What to send for the next page, or its address; None where this was the last one."""
    if paging.kind == "link":
        link = _link(paging, answer)
        return ({}, link) if link else None
    if paging.kind == "cursor":
        cursor = at(answer.json, paging.next)
        return None if is_empty(cursor) else ({**sent, paging.parameter: cursor}, "")
    if (
        on_page == 0
        or (paging.next and not at(answer.json, paging.next))
        or (not paging.next and on_page < paging.size)
    ):
        return None
    if paging.kind == "offset":
        return {**sent, paging.parameter: (paging.first or 0) + so_far}, ""
    page = sent.get(paging.parameter, 1)
    return {**sent, paging.parameter: (page if isinstance(page, int) else 1) + 1}, ""


def tell_of_more(ctx: StepContext, count: int) -> None:
    """Warns that a list ended at its maximum."""
    message = "There are more than %(most)s entries; the rest was not fetched. Raise “Maximum” to fetch more."
    ctx.log(say(message, most=count), "warning")


def _link(paging: Paging, answer: HttpResponse) -> str:
    if paging.next:
        return str(at(answer.json, paging.next) or "")
    given = next((value for name, value in answer.headers.items() if name.lower() == "link"), "")
    return _next_in(given if isinstance(given, str) else ", ".join(given))


def _next_in(header: str) -> str:
    """The address that a header Link calls the next one: `<https://…>; rel="next"` (RFC 8288)."""
    for part in header.split("<")[1:]:
        address, _, parameters = part.partition(">")
        named = {one.strip(" ,").replace('"', "").lower() for one in parameters.split(";")}
        if "rel=next" in named:
            return address
    return ""
