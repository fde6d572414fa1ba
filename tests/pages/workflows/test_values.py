"""What the picker of values asks the server: the filters for a value, with what they make of it."""

from __future__ import annotations

import html
import re
from typing import Any

import pytest
from sqlalchemy import update

from flowapp import workflows
from flowapp.engine.language.filters import FILTERS
from flowapp.engine.store.start import start
from flowapp.extensions import db
from flowapp.models import Execution
from flowapp.models.tenancy import tenant_session
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


def step(action_type: str, **params: Any) -> dict[str, Any]:
    return {"step_id": "a", "name": "A", "action_type": action_type, "params": params}


def values_after(app: Any, made: dict[str, Any], *more: dict[str, Any]) -> dict[str, str]:
    """What the last step is offered, with the samples, before anything has run."""
    page = Site(app, steps=[made, *more, LOG]).get("/steps/note")
    items = re.findall(r'<li data-value-path="([^"]*)"[^>]*>(.*?)</li>', page, re.DOTALL)
    samples = ((path, re.search(r'value-sample">([^<]*)<', inside)) for path, inside in items)
    return {html.unescape(path): html.unescape(found[1]) if found else "" for path, found in samples}


def test_records_that_were_not_looked_for_yet_have_the_columns_of_the_table(app: Any) -> None:
    found = values_after(app, step("database_query", table="contacts", where={"name": "Ann"}))
    assert found["steps.a.results[0].name"] == found["steps.a.first.name"] == "Ann"
    assert "steps.a.first.created_at" in found


def test_a_query_has_the_columns_that_it_names(app: Any) -> None:
    query = "SELECT name AS who, count(*) AS n FROM contacts WHERE name = {{ input.x }} GROUP BY name"
    found = values_after(app, step("database_query", mode="sql", query=query))
    assert {path for path in found if path.startswith("steps.a.first.")} == {"steps.a.first.who", "steps.a.first.n"}


def test_a_query_that_cannot_run_offers_what_every_query_gives(app: Any) -> None:
    found = values_after(app, step("database_query", mode="sql", query="SELECT nothing FROM nowhere"))
    assert [path for path in found if path.startswith("steps.a.")] == [
        f"steps.a.{name}" for name in ("results", "count", "truncated", "first")
    ]


def test_a_saved_record_has_its_columns_and_what_the_step_says(app: Any) -> None:
    found = values_after(app, step("database_save", table="contacts", data={"name": "Ann {{ 1 + 1 }}"}))
    assert found["steps.a.name"] == "Ann 2"
    assert found["steps.a.created"] == "1"
    assert "steps.a.updated_at" in found


def test_inside_a_loop_over_records_the_item_has_their_columns(app: Any) -> None:
    loop = {"step_id": "each", "name": "Each", "action_type": "loop", "params": {"items": "{{ steps.a.results }}"}}
    edges = [{"source": "a", "target": "each"}, {"source": "each", "target": "note", "branch": "each"}]
    page = Site(app, steps=[step("database_query", table="contacts"), loop, LOG], edges=edges).get("/steps/note")
    assert 'data-value-path="item.name"' in page


def test_checked_data_has_the_fields_that_it_had(app: Any) -> None:
    found = values_after(
        app, SAVE, step("validate_data", data="{{ steps.make.result }}", rules=[{"field": "city", "rule": "required"}])
    )
    assert found["steps.a.data.city"] == "Lyon"


def test_another_workflow_gives_what_it_gave_last(app: Any) -> None:
    site = Site(app, steps=[step("run_workflow", workflow="Child"), LOG])
    assert "steps.a.output.total" not in site.get("/steps/note")
    with app.app_context(), tenant_session(db.engine, site.organization_id) as session:
        child = workflows.create(session, {"name": "Child", "steps": [LOG]}, actor_id=None)
        version = workflows.version_to_run(session, child, actor_id=None)
        for status, output in (("completed", {"total": 7}), ("failed", {"mistaken": 1})):
            execution, _ = start(session, child, version, input_data={})
            session.flush()
            session.execute(
                update(Execution).where(Execution.id == execution.id).values(status=status, output_data=output)
            )
        session.commit()
    page = site.get("/steps/note")
    assert 'data-value-path="steps.a.output.total"' in page
    assert "mistaken" not in page
