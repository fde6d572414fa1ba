"""What the picker of values asks the server: the filters for a value, with what they make of it."""

from __future__ import annotations

import html
import re
from typing import Any

import pytest

from flowapp.engine.language.filters import FILTERS
from tests.pages.workflows.test_steps import LOG, Site

SAVE = {
    "step_id": "make", "name": "Make", "action_type": "transform_data",
    "params": {"set": {"city": "Lyon", "tags": ["b", "a"]}},
}  # fmt: skip
HTMX = {"HX-Request": "true", "HX-Request-Type": "partial"}


@pytest.fixture
def site(app: Any) -> Site:
    return Site(app, steps=[SAVE, LOG])


def offered(site: Site, query: str) -> dict[str, str]:
    """What can be inserted, and the result that stands beside it."""
    answer = site.client.get(f"/workflows/{site.id}/values?{query}", headers=HTMX)
    assert answer.status_code == 200
    items = re.findall(r'<button[^>]*data-path="([^"]*)">(.*?)</button>', answer.text, re.DOTALL)
    results = (re.search(r'filter-result">([^<]*)<', inside) for _path, inside in items)
    return {
        html.unescape(path): html.unescape(found[1]) if found else ""
        for (path, _), found in zip(items, results, strict=True)
    }


def test_filters_of_a_step_that_has_not_run_show_what_they_make_of_its_example(site: Site) -> None:
    found = offered(site, "step=note&path=steps.make.city")
    assert next(iter(found)) == "steps.make.city", "as it is comes first"
    assert found["steps.make.city | upper"] == "LYON"
    assert found["steps.make.city | default('x')"] == "Lyon"
    assert "steps.make.city | round(2)" not in found


def test_the_page_says_where_to_ask_also_for_a_step_that_is_not_saved_yet(site: Site) -> None:
    asked = re.search(r'data-filters="([^"]*)"', site.get("/steps/note"))
    assert asked
    assert asked[1].endswith("/values?step=note")
    page = site.get("/new-step/log?after=make&branch=next")
    asked = re.search(r'data-filters="[^"]*\?([^"]*)"', page)
    assert asked
    assert offered(site, f"{html.unescape(asked[1])}&path=steps.make.tags")["steps.make.tags | join(', ')"] == "b, a"


def test_a_whole_list_in_a_text_is_shown_as_what_comes_out(site: Site) -> None:
    page = site.get("/steps/note")
    assert re.search(r'<textarea[^>]*id="p-message"[^>]*data-text=""', page)
    assert re.search(r'data-value-path="steps.make.result" data-value-whole', page)
    assert 'data-text=""' not in site.get("/new-step/transform_data").split('id="p-data"')[1].split(">")[0]
    url = f"/workflows/{site.id}/values?step=note&path=steps.make.tags"
    text = html.unescape(site.client.get(f"{url}&text=1", headers=HTMX).text)
    assert "This is a list. In text it becomes the JSON shown here" in text
    assert '["b", "a"]' in text
    assert "In text it becomes" not in site.client.get(url, headers=HTMX).text


def test_without_script_the_page_lists_every_filter_with_its_example(site: Site) -> None:
    text = html.unescape(site.client.get(f"/workflows/{site.id}/values").text)
    for known in FILTERS.values():
        assert known.help in text
        assert known.example.expression in text
    assert "<h1" in text
    assert "data-path=" not in text


def test_what_is_not_there_is_no_fault(site: Site) -> None:
    assert "steps.gone.x" in offered(site, "step=note&path=steps.gone.x")
    assert offered(site, "path=%00(")
    assert offered(site, "path=now")["now | date('dd/MM/yyyy')"]
    for query in ("step=nothing&path=now", "new=nothing&path=now"):
        assert site.client.get(f"/workflows/{site.id}/values?{query}").status_code == 404
