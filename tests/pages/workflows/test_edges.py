"""The editor of an edge: its conditions and its label."""

from __future__ import annotations

import html
import re
from typing import Any

import pytest

from tests.pages.workflows.test_steps import LOG, Site

STEPS = [{**LOG, "step_id": "first", "name": "First"}, {**LOG, "step_id": "second", "name": "Second"}]
HERE = "/edge?source=first&branch=next&target=second"
RULE = {"c-conditions-mode": "all", "c-conditions-items-0-field": "input.amount", "c-conditions-items-0-operator": ">",
        "c-conditions-items-0-value": "{{ variables.least }}"}  # fmt: skip


@pytest.fixture
def site(app: Any) -> Site:
    return Site(app, steps=STEPS)


def test_conditions_and_a_label_are_given_and_taken_away(site: Site) -> None:
    step = html.unescape(site.get("/steps/first"))
    assert site.url(HERE) in step
    assert "From “First” to “Second”" in site.get(HERE)
    site.post(HERE, **RULE, **{"c-label": "Large ones"})
    (edge,) = site.draft["edges"]
    rules = {"all": [{"field": "input.amount", "operator": ">", "value": "{{ variables.least }}"}]}
    assert edge == {"source": "first", "target": "second", "branch": "next", "label": "Large ones", "conditions": rules}
    step = site.get("/steps/first")
    assert "Only when input.amount &gt;" in step
    assert "Large ones" in step
    assert "After “First” only when input.amount &gt;" in site.get("/steps")
    assert 'value="input.amount"' in site.get(HERE)
    site.post("/steps/second", name="Renamed", **{"p-message": "x"})
    assert site.draft["edges"][0]["conditions"] == rules
    site.post(HERE, **{"c-conditions-mode": "all", "c-label": ""})
    assert not any(edge.get("conditions") or edge.get("label") for edge in site.draft["edges"])


def test_what_is_wrong_stands_at_its_field_and_is_kept(site: Site) -> None:
    answer = site.post(HERE, **{**RULE, "c-conditions-items-0-field": "", "c-label": "x" * 201})
    assert answer.status_code == 422
    assert "{{ variables.least }}" in answer.text
    assert re.search(r'id="c-conditions-items-0-field"[^>]*aria-invalid="true"', answer.text)
    assert re.search(r'id="c-label"[^>]*aria-invalid="true"', answer.text)
    assert not site.draft["edges"]


def test_a_button_of_the_builder_saves_nothing(site: Site) -> None:
    page = site.post(HERE, **RULE, _add="c-conditions-items").text
    assert 'id="c-conditions-items-1-field"' in page
    assert not site.draft["edges"]


def test_an_edge_that_is_not_there(site: Site) -> None:
    for path in ("/edge", "/edge?source=second&branch=next&target=first"):
        assert site.client.get(site.url(path)).status_code == 404


def test_a_change_of_someone_else_is_said(site: Site) -> None:
    answer = site.post(HERE, **RULE, revision="0")
    assert answer.status_code == 422
    assert "Someone else has changed this workflow" in answer.text
    assert 'value="input.amount"' in answer.text
