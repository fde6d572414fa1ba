"""Which name leads where."""

import json

import pytest

from flowapp.catalog import load
from flowapp.engine.language.expression import render
from flowapp.engine.language.scope import Scope
from flowapp.errors import MissingFieldError


@pytest.fixture(autouse=True, scope="module")
def _catalog() -> None:
    load()


def test_every_name_of_the_language():
    scope = Scope(
        input={
            "form_data": {"name": "Ann"},
            "montant": 5,
            "contact": {"email": "a@b.c"},
            "organisation": {"nom": "ACME"},
            "deal": {"montant": 7},
            "now": "mine",
        },
        variables={"region": "EU"},
        steps={"save": {"result": {"id": 1, "status": "paid"}, "status": "completed"}, "list": {"result": [4, 5]}},
        context={"user_id": 9, "locale": "fr"},
        now="2025-10-18T10:30:00.123456+00:00",
        extra={"item": {"n": 3}, "index": 2},
    )
    cases = {
        "input.montant": 5,
        "montant": 5,
        "variables.region": "EU",
        "region": "EU",
        "form_data.name": "Ann",
        "input.form_data.name": "Ann",
        "context.user_id": 9,
        "locale": "fr",
        "contact.email": "a@b.c",
        "organisation.nom": "ACME",
        "company.nom": "ACME",
        "deal.montant": 7,
        "item.n": 3,
        "index": 2,
        "now": "2025-10-18T10:30:00.123456+00:00",
        "timestamp": "20251018T103000Z",
        "steps.save.id": 1,
        "steps.save.status": "completed",
        "steps.save.result.status": "paid",
        "steps.list.result[1]": 5,
        "steps['save'].id": 1,
        "steps[form_data.name|lower|replace('ann', 'save')].id": 1,
    }
    assert {text: render(f"{{{{ {text} }}}}", scope) for text in cases} == cases


def test_extra_wins_then_input_context_variables():
    scope = Scope(
        input={"a": 1, "item": 0}, context={"a": 2, "b": 2}, variables={"a": 3, "b": 3, "c": 3}, extra={"item": 9}
    )
    assert render(["{{ a }}", "{{ b }}", "{{ c }}", "{{ item }}"], scope) == [1, 2, 3, 9]


def test_a_company_is_an_organisation_too():
    assert render("{{ organisation.name }}", Scope(context={"company": {"name": "X"}})) == "X"


def test_an_input_that_is_no_object_has_no_names():
    scope = Scope(input=[1, 2])
    assert render("{{ input[1] }}", scope) == 2
    with pytest.raises(MissingFieldError):
        render("{{ montant }}", scope)


def test_a_step_with_a_plain_result_has_only_its_own_keys():
    scope = Scope(steps={"a": {"result": "text", "status": "failed", "error": "no"}})
    assert render("{{ steps.a.error }}", scope) == "no"
    with pytest.raises(MissingFieldError, match=r"steps\.a\.id does not exist"):
        render("{{ steps.a.id }}", scope)


def test_steps_are_json_as_a_whole():
    steps = {"a": {"result": {"id": 1}, "status": "completed"}}
    assert json.loads(render("x{{ steps }}", Scope(steps=steps))[1:]) == steps
    assert render("{{ steps.a }}", Scope(steps=steps)) == steps["a"]


def test_names_lists_what_can_be_used():
    scope = Scope(input={"montant": 1, "company": {}}, variables={"v": 1}, context={"c": 1}, extra={"item": 1})
    names = scope.names()
    assert {
        "input",
        "variables",
        "steps",
        "context",
        "now",
        "timestamp",
        "item",
        "montant",
        "organisation",
        "v",
        "c",
    } <= set(names)
    assert len(names) == len(set(names))


def test_timestamp_without_a_clock_is_empty_and_fits_file_names():
    assert render("{{ timestamp }}", Scope()) == ""
    assert render("backup_{{timestamp}}.json", Scope(now="2025-01-02T03:04:05Z")) == "backup_20250102T030405Z.json"
