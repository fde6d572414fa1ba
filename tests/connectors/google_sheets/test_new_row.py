"""The trigger for new rows of a sheet, poll by poll."""

from __future__ import annotations

from contextlib import nullcontext
from datetime import UTC, datetime
from typing import Any

import pytest

from flowapp.catalog import TRIGGERS, PollContext, Polled, open_integration
from flowapp.connectors.google_sheets import polling
from flowapp.errors import StepError
from flowapp.security.egress import SafeHttp, reading
from tests.actions.conftest import Bench, FreeCalls
from tests.support.servers.google import BOOK, Google
from tests.support.servers.sink import Sink
from tests.support.servers.vendor import reroute


@pytest.fixture
def google(sink: Sink, monkeypatch: pytest.MonkeyPatch) -> Google:
    reroute(monkeypatch, {"https://sheets.googleapis.com": sink.url("")})
    return Google(sink, sheets={"Orders": [["Name", "Total"], ["Ada", 1], ["Bob", 2]]})


@pytest.fixture
def rows(google: Google) -> list[list[Any]]:
    return google.sheets["Orders"]


class Polls:
    """Polls one after the other, each with the cursor of the one before."""

    def __init__(self, **params: Any) -> None:
        self.cursor: object = None
        self.params = {"spreadsheet": BOOK, "sheet": "Orders", **params}
        self.last: Polled | None = None

    def __call__(self) -> list[tuple[str, str]]:
        """The id and the name of each new row."""
        client = {"client_id": "c", "client_secret": "s"}
        handle = open_integration("google_sheets", id="1", name="G", config={}, credentials=client)
        bench, spec = Bench(), TRIGGERS["google_sheets_new_row"]
        context = PollContext(
            http=SafeHttp(("127.0.0.1",)), connect=bench.connect, addresses=bench.addresses, integration=lambda _name: handle,
            integration_used=lambda _id: nullcontext(), access_token=bench.access_token, calls=FreeCalls(),
            now=lambda: datetime.now(UTC), timeout=5, idempotency_key="k",
        )  # fmt: skip
        assert spec.poll is not None
        self.last = spec.poll(context, spec.params.model_validate(self.params), self.cursor)
        self.cursor = self.last.cursor
        return [(item.id, item.data["row"]["Name"]) for item in self.last.items]  # type: ignore[index, call-overload]


def test_from_now_gives_what_is_added_later(rows: list[Any]) -> None:
    poll = Polls()
    assert poll() == poll() == []
    rows.append(["Zoë", 3])
    before = poll.cursor
    assert poll() == [("0.4", "Zoë")]
    assert poll.last.items[0].data == {"row_number": 4, "row": {"row_number": 4, "Name": "Zoë", "Total": 3}}  # type: ignore[union-attr]
    poll.cursor = before  # killed before it was stored: the same id again
    assert poll() == [("0.4", "Zoë")]
    assert poll() == []


def test_with_what_is_there_page_by_page(rows: list[Any], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(polling, "PAGE", 2)
    rows += [["C", 3], [], ["D", 4], ["E", 5]]
    poll, found = Polls(start="with_existing"), []
    for _ in range(5):
        found += poll()
        assert poll.last is not None
        if not poll.last.more:
            break
    assert [name for _id, name in found] == ["Ada", "Bob", "C", "D", "E"]
    assert poll() == []


def test_rows_that_come_and_go_above_are_not_new(rows: list[Any]) -> None:
    poll = Polls()
    poll()
    rows.insert(1, ["Above", 0])
    assert poll() == []
    rows.append(["New", 3])
    assert poll() == [("0.5", "New")]
    del rows[1]
    rows.append(["Newer", 4])
    assert poll() == [("1.5", "Newer")], "the number was there before, and is another row"
    rows[-1][1] = 5  # somebody corrects the last one
    assert poll() == []


def test_rows_that_are_deleted_and_written_anew(google: Google, rows: list[Any]) -> None:
    poll = Polls()
    poll()
    del rows[1:]
    assert poll() == []
    rows += [["Ada", 1], ["Ada", 1]]
    assert poll() == [("1.2", "Ada"), ("1.3", "Ada")]
    rows += [["x", 1]] * 200
    poll()
    del rows[1:]
    google.rows = 10  # its grid is shorter now than where the last row was
    assert poll() == []
    rows.append(["Last", 1])
    assert [name for _id, name in poll()] == ["Last"]


@pytest.mark.parametrize("count", [60, 150, 1000])
@pytest.mark.parametrize("order", ["reversed", "shuffled"])
def test_sorting_starts_nothing(google: Google, rows: list[Any], count: int, order: str) -> None:
    google.rows = 2000
    rows[1:] = [[f"r{number:04}", number] for number in range(count)]
    poll = Polls()
    poll()
    keys = {"reversed": lambda row: -row[1], "shuffled": lambda row: row[1] * 7919 % 1009}
    rows[1:] = sorted(rows[1:], key=keys[order])
    assert poll() == poll() == []
    rows.append(["New", count])
    assert poll() == [(f"0.{count + 2}", "New")]


def test_a_row_that_is_added_and_sorted_in(rows: list[Any]) -> None:
    rows[1:] = [[f"r{number:02}", number] for number in range(60, 0, -2)]
    poll = Polls()
    poll()
    rows[1:] = sorted([*rows[1:], ["r07", 7]])
    assert poll() == [("1.5", "r07")]
    rows.insert(3, ["r03", 3])
    assert poll() == [], "inserted between others"


def test_rows_that_are_deleted_once_they_were_handled(rows: list[Any]) -> None:
    del rows[1:]
    poll = Polls()
    assert poll() == []
    started = []
    for waiting in (
        ["order 1"],
        ["order 2", "order 3"],
        ["order 4"],
        [],
        ["order 5", "order 6", "order 7"],
        ["order 8"],
    ):
        rows[1:] = [[name, "new"] for name in waiting]
        started += poll()
        assert poll() == []
    assert [name for _id, name in started] == [f"order {number}" for number in range(1, 9)]
    assert len({one for one, _name in started}) == 8


def test_the_last_row_is_deleted_and_another_one_written_in_its_place(rows: list[Any]) -> None:
    rows[1:] = [[f"r{number}", number] for number in range(300)]
    poll = Polls()
    poll()
    rows[-1] = ["New", 300]
    assert poll() == [("1.301", "New")]
    assert poll() == []


def test_what_a_workflow_writes_into_the_rows_starts_nothing(rows: list[Any]) -> None:
    poll = Polls()
    poll()
    rows += [[f"New {number}", "open", number] for number in range(4)]
    assert len(poll()) == 4
    for row in rows[3:]:
        row[1] = "done"
        row.append("2026-01-31")
    assert poll() == []
    rows.append(["Half"])
    assert [name for _id, name in poll()] == ["Half"]
    rows[-1] += ["open", 9]  # typed further
    assert poll() == []


def test_rows_far_below_the_last_one(google: Google, rows: list[Any]) -> None:
    google.rows = 20_000
    poll = Polls()
    poll()
    rows += [[] for _ in range(9000)] + [["Far", 3]]
    assert poll() == [("0.9004", "Far")]
    assert poll() == []
    rows.append(["Further", 4])
    assert poll() == [("0.9005", "Further")]


@pytest.mark.parametrize("left", [800, 200, 3])
def test_many_rows_are_deleted(google: Google, rows: list[Any], left: int) -> None:
    google.rows = 5000
    rows[1:] = [[f"r{number}", number] for number in range(1000)]
    poll = Polls()
    poll()
    del rows[1 : 1001 - left]
    rows.append(["New", 0])
    assert [name for _id, name in poll()] == (["New"] if left >= 100 else []), "of fewer nothing else is known"
    rows.append(["Newer", 0])
    assert [name for _id, name in poll()] == ["Newer"]


def test_a_sheet_larger_than_one_answer(google: Google, rows: list[Any], monkeypatch: pytest.MonkeyPatch) -> None:
    google.rows = 20_000
    rows[1:] = [[f"r{number}", number, "x" * 100] for number in range(3000)]
    monkeypatch.setattr(reading, "MAX_READ", 100_000)
    poll = Polls()
    assert poll() == []
    assert len(google.called) <= 20
    rows.append(["New", 1])
    assert poll() == [("0.3002", "New")]
    rows += [[] for _ in range(600)] + [[f"s{number}", number, "x" * 100] for number in range(2000)]
    found = []
    while more := poll():
        found += more
    assert [name for _id, name in found] == [f"s{number}" for number in range(2000)]
    rows[-1] = ["Much", 1, "x" * 200_000]
    with pytest.raises(StepError, match="Request less data"):
        poll()


def test_the_cursor_is_small(rows: list[Any]) -> None:
    rows[1:] = [[f"r{number}", *range(30)] for number in range(900)]
    poll = Polls()
    poll()
    assert len(str(poll.cursor)) < 4000


def test_a_sheet_that_is_not_there(rows: list[Any]) -> None:
    with pytest.raises(StepError, match="Unable to parse range"):
        Polls(sheet="Nowhere")()
    rows.clear()
    poll = Polls()
    assert poll() == []
    rows += [["Name"], ["First"]]
    assert [name for _id, name in poll()] == ["First"]
