"""The trigger for new rows of a sheet, poll by poll."""

from __future__ import annotations

from contextlib import nullcontext
from datetime import UTC, datetime
from typing import Any

import pytest

from flowapp.catalog import TRIGGERS, PollContext, Polled, open_integration
from flowapp.connectors.google_sheets import polling
from flowapp.errors import StepError
from flowapp.security.egress import SafeHttp
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


def test_a_sheet_that_is_not_there(rows: list[Any]) -> None:
    with pytest.raises(StepError, match="Unable to parse range"):
        Polls(sheet="Nowhere")()
    rows.clear()
    poll = Polls()
    assert poll() == []
    rows += [["Name"], ["First"]]
    assert [name for _id, name in poll()] == ["First"]
