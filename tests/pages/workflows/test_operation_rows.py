"""Operations of Transform data in the editor: what each does, its example, and what it makes of the sample."""

from __future__ import annotations

import html
import re
from typing import Any

from tests.pages.workflows.test_steps import LOG, Site

ORDERS = {
    "step_id": "orders", "name": "Orders", "action_type": "transform_data",
    "params": {"set": {"total": 1234.5, "password": "hunter2", "lines": [{"what": "pen"}, {"what": "ink"}]}},
}  # fmt: skip


def clean(*operations: dict[str, Any], **params: Any) -> dict[str, Any]:
    given = {"data": "{{ steps.orders.result }}", "operations": list(operations), **params}
    return {"step_id": "clean", "name": "Clean", "action_type": "transform_data", "params": given}


def beside(page: str, at: int, part: str) -> str:
    found = re.search(rf'id="p-operations-{at}-{part}">(.*?)</div>', page, re.DOTALL)
    return " ".join(html.unescape(re.sub(r"<[^>]*>", "", found[1])).split()) if found else ""


def test_each_row_says_what_it_does_and_what_it_makes_of_the_sample(app: Any) -> None:
    steps = [
        {"op": "number", "number": "format", "field": "total", "currency": "EUR"},
        {"op": "pick", "fields": ["total", "password"]},
    ]
    page = Site(app, steps=[ORDERS, clean(*steps)]).get("/steps/clean")
    assert beside(page, 0, "help") == (
        "Writes a number for people, also with a currency. "
        'Example (Field: total · Currency: EUR): {"total": 1234.5} → {"total": "€1,234.50"}'
    )
    assert beside(page, 0, "made").startswith('On the sample: {"total": "€1,234.50"')
    assert beside(page, 1, "made") == 'On the sample: {"total": "€1,234.50", "password": "••••••"}'
    assert "hunter2" not in beside(page, 0, "made")


def test_a_row_that_cannot_be_done_says_why_and_those_after_it_nothing(app: Any) -> None:
    site = Site(
        app, steps=[ORDERS, clean({"op": "pick", "fields": ["total"]}, {"op": "sort"}, {"op": "json"}, {"op": "hash"})]
    )
    page = site.get("/steps/clean")
    assert beside(page, 0, "made")
    assert "Operation 3 (json): Only text can be parsed as JSON" in beside(page, 2, "made")
    assert beside(page, 3, "made") == ""
    assert beside(page, 3, "help").startswith("Makes a fingerprint of text")


def test_a_row_that_is_being_filled_in_is_explained_as_it_is_chosen(app: Any) -> None:
    site = Site(app, steps=[ORDERS, LOG])
    posted = {"name": "New", "p__data": "{{ steps.orders.lines }}", "p__operations__rows": "1", "_refresh": "1"}
    row = {"p__operations__0__op": "text", "p__operations__0__text": "slug", "p__operations__0__field": "what"}
    page = site.post("/new-step/transform_data?after=orders", **posted, **row).text
    assert beside(page, 0, "help").startswith("Makes text fit for a web address")
    assert beside(page, 0, "made") == 'On the sample: [{"what": "pen"}, {"what": "ink"}]'
    page = site.post("/new-step/transform_data?after=orders", **posted, p__operations__0__op="pick").text
    assert beside(page, 0, "help").startswith("Keeps only the fields that are listed.")
    assert beside(page, 0, "made") == "", "nothing is known of a row that is not complete"
