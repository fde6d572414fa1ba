"""Lists come page by page, whole, up to their maximum, and go on where an attempt had to wait."""

from __future__ import annotations

import itertools
import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from flowapp.connectors.runner import paging as paging_of_runner
from flowapp.errors import StepError
from tests.actions.conftest import Bench
from tests.connectors.runner.conftest import HEAD, Make
from tests.support.servers.sink import Answer, Received, Sink

ROWS = 1000


def cursor(received: Received) -> Answer:
    query = parse_qs(urlsplit(received.path).query)
    start, size = int(query.get("after", ["0"])[0]), int(query["size"][0])
    rows = [{"n": n} for n in range(start, min(start + size, ROWS))]
    following = str(start + size) if start + size < ROWS else None
    return Answer(200, json.dumps({"data": {"rows": rows, "next": following}}).encode())


def numbered(received: Received) -> Answer:
    query = parse_qs(urlsplit(received.path).query)
    size = int(query["size"][0])
    start = int(query["offset"][0]) if "offset" in query else (int(query.get("page", ["1"])[0]) - 1) * size
    rows = [{"n": n} for n in range(start, min(start + size, ROWS))]
    return Answer(200, json.dumps({"data": {"rows": rows}}).encode())


def linked(received: Received) -> Answer:
    start = int(parse_qs(urlsplit(received.path).query).get("after", ["0"])[0])
    rows = [{"n": n} for n in range(start, start + 100)]
    link = {"Link": f'</v1/x?after={start + 100}>; rel="next"'} if start + 100 < ROWS else {}
    return Answer(200, json.dumps({"data": {"rows": rows}}).encode(), {"Content-Type": "application/json", **link})


KINDS = pytest.mark.parametrize(
    ("paging", "service"),
    [
        ("{kind: cursor, next: data.next, parameter: after, size_parameter: size", cursor),
        ("{kind: page, parameter: page, size_parameter: size", numbered),
        ("{kind: offset, parameter: offset, first: 0, size_parameter: size", numbered),
        ("{kind: link", linked),
    ],
    ids=["cursor", "page", "offset", "link"],
)


def listing(make: Make, paging: str, head: str = HEAD, more: str = "", **config: str) -> Bench:
    result = f"    paging: {paging}, items: data.rows, size: 100, maximum: 5000}}\n"
    result += f"    result: [{{name: rows, label: Rows, sample: [{{n: 1}}]{more}}}]\n"
    return make("{method: GET, path: /x}", result=result, head=head, **config)


@KINDS
def test_a_list_of_1000_rows_in_pages_of_100(
    make: Make, sink: Sink, paging: str, service: Callable[[Received], Answer]
) -> None:
    sink.ask = service
    run = listing(make, paging)
    done: Any = run("probe_act")
    assert [row["n"] for row in done.result["rows"]] == list(range(ROWS))
    assert (done.result["count"], done.result["more"], run.lines) == (ROWS, False, [])
    assert len(sink.requests) in (10, 11)
    stopped: Any = run("probe_act", limit=250)
    assert (stopped.result["count"], stopped.result["more"]) == (250, True)
    assert run.lines[-1][0] == "warning"
    assert "more than 250 entries" in run.lines[-1][1]


@pytest.mark.parametrize("paging", ["{kind: page, parameter: page", "{kind: offset, parameter: offset, first: 0"])
def test_a_maximum_that_is_less_than_a_page_tells_of_more(make: Make, sink: Sink, paging: str) -> None:
    sink.ask = numbered
    run = listing(make, f"{paging}, size_parameter: size")
    done: Any = run("probe_act", limit=10)
    assert (done.result["count"], done.result["more"], len(sink.requests)) == (10, True, 1)
    assert "more than 10 entries" in run.lines[-1][1]


@pytest.mark.parametrize("body", [b"{}", b"[]", b'{"data": {"rows": {}}}', b'{"data": {"rows": null}}', b'"x"'])
def test_an_answer_without_a_list_is_no_empty_list(make: Make, sink: Sink, body: bytes) -> None:
    sink.default = Answer(200, body)
    with pytest.raises(StepError, match=r"another shape than expected .see “data\.rows”"):
        listing(make, "{kind: link")("probe_act")
    sink.default = Answer(200, b'{"data": {}}')
    done: Any = listing(make, "{kind: link", more=", optional: true")("probe_act")
    assert done.result == {"rows": [], "count": 0, "more": False}


def test_a_next_page_elsewhere_is_not_fetched(make: Make, sink: Sink) -> None:
    sink.default = Answer(200, b'{"rows": [1], "next": "https://evil.example/x"}')
    result = "    paging: {kind: link, next: next, items: rows}\n    result: [{name: rows, label: Rows, sample: [1]}]\n"
    with pytest.raises(StepError, match="lies on another host"):
        make("{method: GET, path: /x}", result=result)("probe_act")
    assert len(sink.requests) == 1


def test_pages_that_go_round_in_a_circle_end(make: Make, sink: Sink) -> None:
    sink.default = Answer(200, b'{"rows": [1], "next": "same"}')
    result = "    paging: {kind: cursor, next: next, parameter: c, items: rows}\n"
    result += "    result: [{name: rows, label: Rows, sample: [1]}]\n"
    with pytest.raises(StepError, match="again and again"):
        make("{method: GET, path: /x}", result=result)("probe_act")


@KINDS
def test_a_service_that_has_no_time_in_the_middle_is_asked_again_for_that_page(
    make: Make, sink: Sink, paging: str, service: Callable[[Received], Answer]
) -> None:
    busy = Answer(429, b"{}", {"Content-Type": "application/json", "Retry-After": "9"})
    run = listing(make, paging)
    for refused in (4, 9):  # of all requests
        sink.ask = lambda received, at=refused: busy if len(sink.requests) == at else service(received)
        with pytest.raises(StepError) as caught:
            run("probe_act")
        assert {"busy": True, "advanced": True, "retry_after": 9.0}.items() <= caught.value.details.items()
        run.attempt += 1
    done: Any = run("probe_act")
    assert [row["n"] for row in done.result["rows"]] == list(range(ROWS))
    assert len(sink.requests) in (12, 13), "ten pages, and two refusals"
    assert run.calls.progress == {"key-of-this-visit": None}, "nothing is left of it"


def test_a_slow_list_goes_on_in_another_attempt(make: Make, sink: Sink, monkeypatch: pytest.MonkeyPatch) -> None:
    """No service keeps a worker for as long as it likes."""
    sink.ask = linked
    run = listing(make, "{kind: link")
    seconds = itertools.count(0, 11)
    monkeypatch.setattr(paging_of_runner, "monotonic", lambda: next(seconds))
    with pytest.raises(StepError, match="longer than 30 seconds") as caught:
        run("probe_act")
    assert (caught.value.permanent, caught.value.details) == (False, {"busy": True, "advanced": True})
    assert len(sink.requests) == 3
    monkeypatch.undo()
    run.attempt = 2
    done: Any = run("probe_act")
    assert (done.result["count"], len(sink.requests)) == (ROWS, 10)


def test_a_list_of_huge_pages_ends(make: Make, sink: Sink, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(paging_of_runner, "MAX_SIZE", 5000)
    sink.ask = linked
    with pytest.raises(StepError, match="Lower “Maximum”") as caught:
        listing(make, "{kind: link")("probe_act")
    assert caught.value.permanent
    assert 1 < len(sink.requests) < 10


def test_a_service_without_time_for_the_page_it_is_asked_for_brings_nobody_further(make: Make, sink: Sink) -> None:
    run = listing(make, "{kind: link")
    sink.ask = lambda received: linked(received) if len(sink.requests) < 3 else Answer(429, b"{}")
    for attempt, advanced in ((1, True), (2, None), (3, None)):
        run.attempt = attempt
        with pytest.raises(StepError) as caught:
            run("probe_act")
        assert caught.value.details.get("advanced") is advanced
    assert len(sink.requests) == 5


def test_a_cursor_that_ended_meanwhile_is_not_kept(make: Make, sink: Sink) -> None:
    run = listing(make, "{kind: link")
    sink.ask = lambda received: linked(received) if len(sink.requests) < 3 else Answer(503, b"{}")
    with pytest.raises(StepError):
        run("probe_act")
    sink.ask, run.attempt = lambda _received: Answer(400, b'{"message": "This cursor has expired."}'), 2
    with pytest.raises(StepError, match="has expired"):
        run("probe_act")
    sink.ask, run.attempt = linked, 3
    done: Any = run("probe_act")
    assert done.result["count"] == ROWS


@pytest.mark.parametrize("other", ["values", "integration", "moment"])
def test_pages_of_another_list_are_not_gone_on_with(make: Make, sink: Sink, other: str) -> None:
    run = listing(make, "{kind: link")
    sink.ask = lambda received: linked(received) if len(sink.requests) < 4 else Answer(429, b"{}")
    with pytest.raises(StepError) as caught:
        run("probe_act", who="2026-11-30T20:00:01+00:00")
    assert caught.value.details["advanced"]
    if other == "integration":
        run.integrations["probe"] = replace(run.integrations["probe"], id="2")
    run.attempt, sink.ask = 2, lambda received: linked(received) if len(sink.requests) < 7 else Answer(429, b"{}")
    with pytest.raises(StepError) as caught:
        run("probe_act", who="Bob" if other == "values" else "2026-11-30T20:00:02+00:00")
    asked = [urlsplit(one.path).query.rpartition("=")[2] for one in sink.requests if "after" in one.path]
    goes_on = other == "moment"
    assert asked == ["100", "200", "300", *(["300", "400", "500"] if goes_on else ["100", "200"])]
    assert caught.value.details.get("advanced") is (True if goes_on else None), "it came no further than before"


def test_each_page_counts_against_the_limit_and_once(make: Make, sink: Sink) -> None:
    sink.ask = linked
    run = listing(make, "{kind: link", HEAD.replace("actions:\n", "limit: {calls: 2, seconds: 1}\nactions:\n"))
    turns = iter([0, 0, 3.5])
    run.calls.turn = lambda *asked: (run.calls.asked.append(asked), next(turns, 0))[1]
    with pytest.raises(StepError, match="120 times a minute") as caught:
        run("probe_act")
    assert caught.value.details == {"busy": True, "advanced": True, "retry_after": 3.5}
    run.attempt = 2
    done: Any = run("probe_act")
    assert (done.result["count"], len(sink.requests)) == (ROWS, 10)
    pages = ["key-of-this-visit", *(f"key-of-this-visit:{page}" for page in (1, 2, 2, 3, 4, 5, 6, 7, 8, 9))]
    assert run.calls.asked == [("1", 120, ticket) for ticket in pages]
