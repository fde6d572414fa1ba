"""Fetches a list page by page, up to its maximum."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from math import inf
from time import monotonic

from flowapp.catalog import HttpResponse, StepContext
from flowapp.catalog.manifests import Paging
from flowapp.connectors.runner.answers import at
from flowapp.connectors.runner.filling import is_empty
from flowapp.errors import StepError
from flowapp.security.addresses import absolute, origin_of
from flowapp.texts import say

Values = dict[str, object]


MAX_SIZE = 50 * 2**20  # bytes of the answers of one list
MAX_PAGES = 10_000  # of one list: pages may be empty, and have another cursor each
# Fetches a page and its entries: given what is sent besides the fields, or the whole address of the page.
Fetch = Callable[[Values, str], tuple[HttpResponse, list[object]]]


@dataclass(slots=True)
class Listing:
    """A list on its way: what was fetched, where it goes on, and whether there is more than was asked for.

    It is plain JSON (`asdict`), so that the next attempt of a step can go on at the page that this one did not get.
    """

    sent: Values
    link: str = ""
    entries: list[object] = field(default_factory=list)
    seen: list[str] = field(default_factory=list)  # pages that were asked for
    more: bool = False
    size: int = 0  # bytes of the answers
    asked: str = ""  # by which one list is told from another

    @classmethod
    def begun(cls, paging: Paging, limit: int, kept: object, asked: str = "") -> Listing:
        """A new one, or what an earlier attempt kept of it; what it kept of another list does not count."""
        if isinstance(kept, dict) and kept.get("asked", "") == asked:
            with suppress(TypeError):  # of another release
                return cls(**kept)
        return cls(_first(paging, limit), asked=asked)

    def fetch_all(self, paging: Paging, fetch: Fetch, base: str, limit: int, seconds: float = inf) -> None:
        """Fetches the pages that are left, up to `limit` entries. StepError (busy) where that takes longer than `seconds`:
        no service keeps a worker for as long as it likes."""
        until = monotonic() + seconds
        while not self._fetch_page(paging, fetch, base, limit):
            if monotonic() > until:
                message = say("The list takes longer than %(seconds)s seconds.", seconds=f"{seconds:g}")
                raise StepError(message, details={"busy": True})

    def _fetch_page(self, paging: Paging, fetch: Fetch, base: str, limit: int) -> bool:
        """Fetches one. True where it was the last one."""
        answer, entries = fetch(self.sent, self.link)
        self.entries += entries
        self.size += answer.size
        if self.size > MAX_SIZE:
            message = say("The list is larger than %(most)s MiB. Lower “Maximum”.", most=MAX_SIZE // 2**20)
            raise StepError(message, permanent=True)
        following = _next(paging, answer, len(self.entries), len(entries), self.sent)
        if len(self.entries) >= limit:
            self.more = len(self.entries) > limit or following is not None
            del self.entries[limit:]
            return True
        if following is None:
            return True
        self._go_on(*following, base)
        return False

    def _go_on(self, sent: Values, link: str, base: str) -> None:
        self.sent, self.link = sent, absolute(base, link) if link else ""
        mark = f"{sent} {self.link}"
        if mark in self.seen or len(self.seen) >= MAX_PAGES:
            raise StepError(say("The service gives the same page again and again."), permanent=True)
        self.seen.append(mark)
        if self.link and origin_of(self.link) != origin_of(base):
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
        or (not paging.next and on_page < _size(paging, sent))
    ):
        return None
    if paging.kind == "offset":
        return {**sent, paging.parameter: (paging.first or 0) + so_far}, ""
    page = sent.get(paging.parameter, 1)
    return {**sent, paging.parameter: (page if isinstance(page, int) else 1) + 1}, ""


def _size(paging: Paging, sent: Values) -> int:
    """How many entries a full page has: as many as were asked for."""
    asked = sent.get(paging.size_parameter) if paging.size_parameter else None
    return asked if isinstance(asked, int) else paging.size


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
