"""Google Sheets, each action against a double that keeps cells and takes what Google's descriptions name, and nothing else."""

from __future__ import annotations

from contextlib import nullcontext
from types import SimpleNamespace
from typing import Any

import pytest

from flowapp.catalog import CONNECTORS, open_integration
from flowapp.catalog.resources import OptionsContext
from flowapp.connectors.google_sheets.cells import letters, names_of
from flowapp.errors import StepError
from flowapp.security.egress import SafeHttp
from tests.actions.conftest import Bench
from tests.support.servers.google import BOOK, Google, Refused
from tests.support.servers.sink import Sink
from tests.support.servers.vendor import reroute

HEADER = ["Name", "E-mail", "Total"]


@pytest.fixture
def google(sink: Sink, monkeypatch: pytest.MonkeyPatch) -> Google:
    reroute(monkeypatch, {"https://sheets.googleapis.com": sink.url(""), "https://www.googleapis.com": sink.url("")})
    return Google(
        sink, sheets={"Orders": [list(HEADER), ["Ada", "ada@example.com", 12.5], ["Linus", "l@example.com", 8]]}
    )


@pytest.fixture
def run(google: Google) -> Bench:
    del google  # its calls are rerouted
    client = {"client_id": "c", "client_secret": "s"}
    handle = open_integration("google_sheets", id="1", name="Google", config={}, credentials=client)
    return Bench(integrations={"google_sheets": handle})


def test_a_row_is_added_under_the_names_of_the_columns(run: Bench, google: Google) -> None:
    done: Any = run(
        "google_sheets_append_row", {"name": "Zoë", "total": 3}, spreadsheet=BOOK, sheet="Orders",
        values={"total": "{{ input.total }}", "Name": "{{ input.name }}"},
    )  # fmt: skip
    assert google.sheets["Orders"][3] == ["Zoë", "", 3]
    assert done.result == {"row_number": 4, "range": "Orders!A4:C4"}


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ("=IMPORTXML(A1)", "=IMPORTXML(A1)"), ("00123", "00123"), ("+33 1 23", "+33 1 23"), (42, 42), (12.5, 12.5), (True, True),
        (12345678901234567890, "12345678901234567890"), ({"a": [1]}, '{"a":[1]}'), (None, ""), ("", ""),
    ],
)  # fmt: skip
def test_values_are_written_as_they_are(run: Bench, google: Google, given: Any, kept: Any) -> None:
    run("google_sheets_append_row", given, spreadsheet=BOOK, values={"Name": "{{ input }}", "Total": "end"})
    assert google.sheets["Orders"][3] == [kept, "", "end"]
    assert type(google.sheets["Orders"][3][0]) is type(kept)


def test_values_as_typed_may_be_formulas_where_somebody_asks_for_it(run: Bench, google: Google) -> None:
    run("google_sheets_append_row", spreadsheet=BOOK, values={"Total": "=1+1"}, write_as="user_entered")
    assert google.sheets["Orders"][3][2] == {"formula": "=1+1"}


def test_many_rows_are_added_by_one_call_above_what_stands_below_the_table(run: Bench, google: Google) -> None:
    google.sheets["Orders"] += [[], ["Sum", "", 20.5]]
    rows = [{"Name": "A", "Total": 1}, ["B", "b@example.com"]]
    done: Any = run("google_sheets_append_rows", rows, spreadsheet=BOOK, rows="{{ input }}")
    assert google.sheets["Orders"][3:] == [["A", "", 1], ["B", "b@example.com"], [], ["Sum", "", 20.5]]
    assert done.result == {"count": 2, "first_row": 4, "range": "Orders!A4:C5"}
    before = len(google.sink.requests)
    empty: Any = run("google_sheets_append_rows", [], spreadsheet=BOOK, rows="{{ input }}")
    assert (empty.result["count"], len(google.sink.requests)) == (0, before)


@pytest.mark.parametrize(
    ("rows", "told"),
    [("text", "must be a list"), ([["x"]] * 10_001, "At most 10,000 rows"), ([5], "an object by column names")],
)
def test_rows_of_another_shape_are_refused(run: Bench, rows: Any, told: str) -> None:
    with pytest.raises(StepError, match=told):
        run("google_sheets_append_rows", rows, spreadsheet=BOOK, rows="{{ input }}")


def test_an_unknown_column_names_those_there_are(run: Bench, google: Google) -> None:
    with pytest.raises(StepError, match=r"no column “Phone”\. Its columns are: Name, E-mail, Total") as caught:
        run("google_sheets_append_row", spreadsheet=BOOK, values={"Phone": "1"})
    assert caught.value.permanent
    google.sheets["Orders"][0] = ["", "Name"]
    with pytest.raises(StepError, match="Column A has no name in row 1"):
        run("google_sheets_append_row", spreadsheet=BOOK, values={"Name": "x"})
    google.sheets["Orders"] = []
    with pytest.raises(StepError, match="Row 1 of the sheet is empty"):
        run("google_sheets_append_row", spreadsheet=BOOK, values={"Name": "x"})
    assert google.sheets["Orders"] == []


def test_rows_are_read_as_objects(run: Bench, google: Google) -> None:
    google.sheets["Orders"][2:2] = [[], ["Bob"]]
    done: Any = run("google_sheets_read_rows", spreadsheet=BOOK)
    assert done.result["rows"] == [
        {"row_number": 2, "Name": "Ada", "E-mail": "ada@example.com", "Total": 12.5},
        {"row_number": 4, "Name": "Bob", "E-mail": "", "Total": ""},
        {"row_number": 5, "Name": "Linus", "E-mail": "l@example.com", "Total": 8},
    ]
    assert (done.result["columns"], done.result["count"], done.result["more"]) == (HEADER, 3, False)


def test_a_range_and_a_maximum(run: Bench, google: Google) -> None:
    done: Any = run("google_sheets_read_rows", spreadsheet=BOOK, sheet="Orders", range="B2:C3", header=False)
    assert done.result["rows"] == [["ada@example.com", 12.5], ["l@example.com", 8]]
    done = run("google_sheets_read_rows", spreadsheet=BOOK, range="Orders!B1:C3")
    assert done.result["rows"][1] == {"row_number": 3, "E-mail": "l@example.com", "Total": 8}
    done = run("google_sheets_read_rows", spreadsheet=BOOK, most=1)
    assert (done.result["count"], done.result["more"]) == (1, True)
    assert run.lines[-1][0] == "warning"
    google.sheets["Orders"] = []
    done = run("google_sheets_read_rows", spreadsheet=BOOK)
    assert done.result == {"rows": [], "columns": [], "count": 0, "more": False}


@pytest.mark.parametrize("title", ["Orders of Zoë", "It's", "A!B", "a/b?c#d%20e", "100%", "Ünïcode ✓"])
def test_any_name_of_a_sheet(run: Bench, google: Google, title: str) -> None:
    google.sheets[title] = [["Name"]]
    done: Any = run("google_sheets_append_row", spreadsheet=BOOK, sheet=title, values={"Name": "x"})
    assert (google.sheets[title], done.result["row_number"]) == ([["Name"], ["x"]], 2)
    assert google.sheets["Orders"][3:] == []


@pytest.mark.parametrize(
    ("column", "wanted", "row"),
    [
        ("E-mail", "l@example.com", 3), ("name", "Ada", 2), ("Total", "{{ 8 }}", 3), ("Total", "12.5", 2), ("Name", "ada", None),
        ("Total", "5", 4), ("Total", "00123", 5), ("Total", "123", None), ("Total", "true", 6),
    ],
)  # fmt: skip
def test_a_row_is_found_by_a_column(run: Bench, google: Google, column: str, wanted: str, row: int | None) -> None:
    google.sheets["Orders"] += [["", "", 5.0], ["", "", "00123"], ["", "", True]]
    done: Any = run("google_sheets_find_row", spreadsheet=BOOK, column=column, equals=wanted)
    assert (done.result["row_number"], done.result["found"]) == (row, row is not None)
    assert done.result["row"].get("row_number") == row


def test_a_row_is_changed_in_the_cells_that_are_named(run: Bench, google: Google) -> None:
    done: Any = run(
        "google_sheets_update_row", spreadsheet=BOOK, column="Name", equals="Linus", values={"Total": 9, "E-mail": ""}
    )
    assert google.sheets["Orders"][2] == ["Linus", "", 9]
    assert done.result["row_number"] == 3
    run("google_sheets_update_row", spreadsheet=BOOK, by="row_number", row_number=2, values={"Name": "=1"})
    assert google.sheets["Orders"][1] == ["=1", "ada@example.com", 12.5]
    with pytest.raises(StepError, match="No row has “Nobody” in the column “Name”"):
        run("google_sheets_update_row", spreadsheet=BOOK, column="Name", equals="Nobody", values={"Total": 9})
    with pytest.raises(StepError, match="Enter the number of the row"):
        run("google_sheets_update_row", spreadsheet=BOOK, by="row_number", values={"Total": 9})
    with pytest.raises(StepError, match="Enter the column and the value"):
        run("google_sheets_update_row", spreadsheet=BOOK, column="Name", values={"Total": 9})


def test_clearing(run: Bench, google: Google) -> None:
    run("google_sheets_clear", spreadsheet=BOOK, row_number=3)
    assert google.sheets["Orders"][2] == ["", "", ""]
    run("google_sheets_clear", spreadsheet=BOOK, what="range", range="B2:C2")
    assert google.sheets["Orders"][1] == ["Ada", "", ""]
    run("google_sheets_clear", spreadsheet=BOOK, what="all")
    assert google.sheets["Orders"][0] == HEADER
    assert google.sheets["Orders"][1] == ["", "", ""]
    before = len(google.sink.requests)
    for what in ("row", "range"):
        with pytest.raises(StepError, match="Enter what is to be cleared"):
            run("google_sheets_clear", spreadsheet=BOOK, what=what)
    assert len(google.sink.requests) == before


def test_sheets_and_spreadsheets_are_listed_and_created(run: Bench, google: Google) -> None:
    done: Any = run("google_sheets_create_sheet", spreadsheet=BOOK, title="It's new", columns=["Name", "=x"])
    assert done.result["title"] == "It's new"
    assert google.sheets["It's new"] == [["Name", "=x"]]
    listed: Any = run("google_sheets_list_sheets", spreadsheet=BOOK)
    assert [one["title"] for one in listed.result["sheets"]] == ["Orders", "It's new"]
    with pytest.raises(StepError, match="already exists"):
        run("google_sheets_create_sheet", spreadsheet=BOOK, title="Orders", columns=["Name"])
    made: Any = run("google_sheets_create_spreadsheet", title="Year", sheet_title="January", columns=["Name"])
    url = f"https://docs.google.com/spreadsheets/d/{BOOK}/edit"
    assert made.result == {"spreadsheet_id": BOOK, "url": url, "sheet": "January"}
    assert google.sheets == {"January": [["Name"]]}
    made = run("google_sheets_create_spreadsheet", title="Plain")
    assert (made.result["sheet"], google.made[-1]) == ("Sheet1", {"properties": {"title": "Plain"}})


def test_spreadsheets_are_listed_by_drive_with_the_same_token(run: Bench, google: Google) -> None:
    google.files = [{"id": str(number), "name": f"File {number}"} for number in range(5)]
    done: Any = run("google_sheets_list_spreadsheets")
    assert done.result == {"spreadsheets": google.files, "count": 5, "more": False}
    assert google.called == ["GET /drive/v3/files"] * 3
    assert {one.headers["Authorization"] for one in google.sink.requests} == {"Bearer access-token"}


def test_an_address_is_as_good_as_an_id(run: Bench, google: Google) -> None:
    url = f"https://docs.google.com/spreadsheets/d/{BOOK}/edit#gid=0"
    run("google_sheets_read_rows", spreadsheet=url)
    assert google.called[0].startswith(f"GET /v4/spreadsheets/{BOOK}/values/")
    for wrong in ("a/../b", "my table", "https://example.com/x"):
        with pytest.raises(StepError, match="is no spreadsheet"):
            run("google_sheets_read_rows", spreadsheet=wrong)


@pytest.mark.parametrize(
    ("refused", "told", "permanent"),
    [
        (Refused(403, "The caller does not have permission"), "share the spreadsheet with it as an editor", True),
        (Refused(403, "Sheets API has not been used", "SERVICE_DISABLED"), "Enable the Google Sheets API", True),
        (Refused(403, "insufficient scopes", "ACCESS_TOKEN_SCOPE_INSUFFICIENT"), "tick every permission", True),
        (Refused(404, "Requested entity was not found."), "no spreadsheet with this ID", True),
    ],
)
def test_errors_say_what_to_do(run: Bench, google: Google, refused: Refused, told: str, permanent: bool) -> None:
    google.fail = refused
    with pytest.raises(StepError, match=told) as caught:
        run("google_sheets_append_row", spreadsheet=BOOK, values={"Name": "x"})
    assert caught.value.permanent is permanent


def test_a_sheet_that_is_not_there_and_a_wrong_field_are_refused_by_the_double(run: Bench) -> None:
    with pytest.raises(StepError, match=r"check the name of the sheet and the range .*Unable to parse range"):
        run("google_sheets_read_rows", spreadsheet=BOOK, sheet="Nowhere")
    with pytest.raises(StepError, match='Unknown name "valeus"'):
        path = f"/spreadsheets/{BOOK}/values/A1:append?valueInputOption=RAW"
        run("google_sheets_custom_call", method="POST", path=path, json={"valeus": [["x"]]})
    with pytest.raises(StepError, match="Unknown name"):
        run("google_sheets_custom_call", path=f"/spreadsheets/{BOOK}/values/A1?valueRenderOption=RAW")
    with pytest.raises(StepError, match=r"may be used at https://sheets\.googleapis\.com"):
        run("google_sheets_custom_call", path="https://example.com/x")


def test_an_answer_of_something_in_between_is_no_success(run: Bench, google: Google) -> None:
    google.fail = Refused(404, "")
    google.fail.answer.status, google.fail.answer.body = 200, b"<html>"
    google.fail.answer.headers = {"Content-Type": "text/html"}
    with pytest.raises(StepError, match="cannot be read"):
        run("google_sheets_append_row", spreadsheet=BOOK, values={"Name": "x"})


def test_a_token_that_ended_early_is_renewed_once(run: Bench, google: Google) -> None:
    google.token = "renewed-token"
    run("google_sheets_append_row", spreadsheet=BOOK, values={"Name": "x"})
    assert google.sheets["Orders"][3] == ["x"]


def test_the_test_says_who_is_connected(google: Google) -> None:
    spec = CONNECTORS["google_sheets"]
    config, secrets = spec.read({}, {"client_id": "c", "client_secret": "s"})
    context = SimpleNamespace(http=SafeHttp(("127.0.0.1",)), access_token=lambda _handle, refused="": "access-token")
    assert spec.test(config, secrets, context) == "Connected as ada@example.com."
    asked = spec.oauth2(config)
    assert asked is not None
    assert asked.authorize_url == "https://accounts.google.com/o/oauth2/v2/auth"
    assert asked.extra == {"access_type": "offline", "prompt": "consent"}
    assert len(asked.scopes) == 2


def test_names_of_columns() -> None:
    assert names_of(["Name", "", "Name", 2026, "Name", "B"]) == ["Name", "B", "Name (2)", "2026", "Name (3)", "B (2)"]
    assert [letters(at) for at in (0, 25, 26, 51, 52, 701, 702)] == ["A", "Z", "AA", "AZ", "BA", "ZZ", "AAA"]


def test_spreadsheets_and_sheets_to_choose_from(google: Google) -> None:
    google.files = [{"id": str(number), "name": f"File {number}"} for number in range(3)]
    fields = CONNECTORS["google_sheets"].options["google_sheets_append_row"]
    handle = open_integration(
        "google_sheets", id="1", name="G", config={}, credentials={"client_id": "c", "client_secret": "s"}
    )
    tokens: Any = lambda _handle, refused="": google.token  # noqa: E731
    ctx = OptionsContext(SafeHttp(("127.0.0.1",)), lambda _id: nullcontext(), tokens, 5.0)
    files = fields["spreadsheet"].load(ctx, handle, {}).choices
    assert [(one.value, one.label) for one in files] == [("0", "File 0"), ("1", "File 1"), ("2", "File 2")]
    sheets = fields["sheet"].load(ctx, handle, {"spreadsheet": BOOK}).choices
    assert [(one.value, one.label) for one in sheets] == [("Orders", "Orders")]
    assert fields["sheet"].needs == {"spreadsheet": "Spreadsheet"}
