"""The canonical form: what is accepted, what is refused, and with which words at which path."""

from __future__ import annotations

import copy
import json
from typing import Any, Literal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import Field, field_validator, model_validator

from flowapp.catalog import ACTIONS, TRIGGERS, Done, Params, TriggerSpec, action, load, registry, trigger, ui
from flowapp.engine.language.definition import Definition, entity_id, json_schema, parse
from flowapp.errors import InvalidError, StepError

WORKFLOW = "018f3a5e-7c1b-7cc4-9b1a-2f6d3c9a1e11"


class Row(Params):
    to: str
    amount: int = 0


class CallParams(Params):
    url: str = Field(json_schema_extra=ui("URL"))
    method: Literal["GET", "POST"] = "POST"
    tries: int = Field(default=1, ge=1)
    limit: int | str | None = None
    rows: list[Row] = Field(default_factory=list)
    conditions: Any = Field(default=None, json_schema_extra=ui("If", widget="conditions", raw=True))
    json_body: Any = Field(default=None, alias="json")
    form: dict[str, str] | None = None

    @field_validator("method", mode="before")
    @classmethod
    def _known_method(cls, method: Any) -> Any:
        if method == "BREW":
            raise StepError("This is no teapot.")
        return method

    @field_validator("url")
    @classmethod
    def _http(cls, url: str) -> str:
        if not url.startswith("http"):
            raise ValueError("Begin with http:// or https://.")
        return url

    @model_validator(mode="after")
    def _one_body(self) -> CallParams:
        if self.json_body is not None and self.form is not None:
            raise ValueError("Give either json or form, not both.")
        return self


class ClockParams(Params):
    cron: str
    missed: Literal["skip", "all"] = "skip"


def _fires(config: ClockParams) -> None:
    if config.cron == "0 0 30 2 *":
        raise InvalidError.at("cron", "The 30th of February never comes.")


@pytest.fixture(autouse=True, scope="module")
def catalog():
    load()  # now, so that no other test does it while the catalog is a small one
    kept = dict(ACTIONS), dict(TRIGGERS), copy.deepcopy(registry._ALIASES)
    ACTIONS.clear()
    TRIGGERS.clear()
    action(
        "call", label="Call", description="", group="", icon="", effect="once", params=CallParams, aliases=("ring",)
    )(lambda _ctx, _params: Done())
    action("note", label="Note", description="", group="", icon="", effect="pure", params=Params)(lambda _c, _p: Done())
    trigger(TriggerSpec("manual", "Manual", "", "", "", "person", Params))
    trigger(TriggerSpec("clock", "Clock", "", "", "", "clock", ClockParams, aliases=("cron",), check=_fires))
    yield
    for now, before in zip((ACTIONS, TRIGGERS, registry._ALIASES), kept, strict=True):
        now.clear()
        now.update(before)


def step(step_id: str = "a", **more: Any) -> dict[str, Any]:
    return {"step_id": step_id, "action_type": "note", **more}


def flow(*steps: Any, **more: Any) -> dict[str, Any]:
    return {"name": "Flow", "steps": list(steps), **more}


def refused(data: Any) -> dict[str, str]:
    with pytest.raises(InvalidError) as caught:
        parse(data)
    return {problem.path: problem.message for problem in caught.value.problems}


def call(**params: Any) -> dict[str, Any]:
    return flow({"step_id": "a", "action_type": "call", "params": params})


def test_a_whole_number_may_be_written_with_a_point() -> None:
    """JSON knows one kind of number."""
    found = parse(flow(step("a", retry_count=2.0, timeout=60.0), config={"concurrency": 3.0}))
    assert (found.steps[0].retry_count, found.steps[0].timeout, found.config.concurrency) == (2, 60, 3)
    assert type(found.steps[0].timeout) is int


def test_the_smallest_definition_gets_every_default():
    assert parse({"name": "Flow", "steps": [{"step_id": "a", "action_type": "note"}]}).canonical() == {
        "name": "Flow",
        "description": "",
        "variables": {},
        "config": {
            "concurrency": None, "concurrency_key": "", "concurrency_policy": "queue", "debounce_key": "",
            "debounce_seconds": 0, "timeout": None, "reentry": "always", "error_workflow": "", "alert_after": 3,
            "max_visits": 10_000, "business_hours": None, "retention_days": None,
        },
        "triggers": [],
        "steps": [
            {
                "step_id": "a", "name": "a", "action_type": "note", "params": {}, "order": 1, "on_error": "stop",
                "on_exhausted": "stop", "goto_step": None, "retry_count": 3, "retry_delay": 60, "timeout": 30,
            }
        ],
        "edges": [],
    }  # fmt: skip


def test_position_is_kept_only_where_it_was_set():
    steps = parse(flow(step("a", position={"x": 1, "y": -2.5}), step("b"))).canonical()["steps"]
    assert steps[0]["position"] == {"x": 1, "y": -2.5}
    assert "position" not in steps[1]


def test_canonical_form_reads_as_itself():
    data = flow(
        step("a", on_error="retry", on_exhausted="goto", goto_step="b", order=7),
        {"step_id": "b", "action_type": "RING", "params": {"url": "{{ input.url }}", "json": {"a": [1, None, 1.5]}}},
        triggers=[{"trigger_type": "Manual"}, {"trigger_type": "cron", "config": {"cron": "* * * * *"}}],
        edges=[{"source": "a", "target": "b"}, {"source": "b", "target": "a", "branch": "error"}],
        variables={"tva": 20},
        config={"concurrency": 2, "timeout": 60, "reentry": "after_30_days"},
    )
    once = parse(data)
    assert parse(once.canonical()) == once
    assert parse(json.loads(json.dumps(once.canonical()))).fingerprint() == once.fingerprint()
    assert once.steps[1].action_type == "call"
    assert [t.key for t in once.triggers] == ["manual_1", "clock_1"]
    assert Definition.model_validate(once.canonical()) == once


def test_fingerprint_follows_the_meaning_not_the_writing():
    plain = parse(flow(step("a")))
    assert plain.fingerprint() == parse({"steps": [step("a", on_error="stop")], "name": "Flow"}).fingerprint()
    assert plain.fingerprint() != parse(flow(step("a", timeout=31))).fingerprint()
    assert len(plain.fingerprint()) == 64


def test_trigger_keys_are_stable_and_avoid_those_taken():
    manual = {"trigger_type": "manual"}
    triggers = parse(flow(triggers=[manual, {**manual, "key": "manual_1"}, manual])).triggers
    assert [t.key for t in triggers] == ["manual_2", "manual_1", "manual_3"]
    assert [t.is_active for t in triggers] == [True, True, True]


def test_entity_ids_depend_on_workflow_kind_and_key_only():
    assert entity_id(WORKFLOW, "step", "a") == entity_id(WORKFLOW, "step", "a")
    assert (
        len({entity_id(WORKFLOW, "step", "a"), entity_id(WORKFLOW, "edge", "a"), entity_id(WORKFLOW, "step", "b")}) == 3
    )
    edge = parse(flow(step("a"), step("b"), edges=[{"source": "a", "target": "b"}])).edges[0]
    assert edge.key == "a>b>next"


@pytest.mark.parametrize(
    ("data", "path", "words"),
    [
        ("abc", "", "object"),
        ({"steps": []}, "name", "required"),
        ({"name": ""}, "name", "empty"),
        ({"name": "   "}, "name", "empty"),
        ({"name": "x" * 201}, "name", "at most 200"),
        ({"name": 3}, "name", "text"),
        ({"name": "F", "steps": "abc"}, "steps", "list"),
        ({"name": "F", "stepz": []}, "stepz", "Did you mean “steps”"),
        ({"name": "F", "config": {"concurency": 1}}, "config.concurency", "Did you mean “concurrency”"),
        ({"name": "F", "config": {"reentry": "sometimes"}}, "config.reentry", "after_30_days"),
        ({"name": "F", "config": {"concurrency_key": "{{ input.email "}}, "config.concurrency_key", "not closed"),
        ({"name": "F", "config": {"debounce_key": "{{ open('x') }}"}}, "config.debounce_key", "cannot be called"),
        ({"name": "F", "config": {"concurrency": 0}}, "config.concurrency", "1 or more"),
        ({"name": "F", "variables": []}, "variables", "object"),
        (flow("abc"), "steps.0", "object"),
        (flow(step("a", retry_count="three")), "steps.0.retry_count", "whole number"),
        (flow(step("a", retry_count=True)), "steps.0.retry_count", "whole number"),
        (flow(step("a", retry_count=21)), "steps.0.retry_count", "20 or less"),
        (flow(step("a", retry_delay=86_401)), "steps.0.retry_delay", "86400 or less"),
        (flow(step("a", timeout=0)), "steps.0.timeout", "1 or more"),
        (flow(step("a", on_error="explode")), "steps.0.on_error", "'stop', 'continue', 'retry' or 'goto'"),
        (flow(step("a", retries=2)), "steps.0.retries", "There is no field “retries”"),
        (flow(step("a", position={"x": 1})), "steps.0.position.y", "required"),
        (flow(step("1a")), "steps.0.step_id", "Start with a letter"),
        (flow(step("a" * 65)), "steps.0.step_id", "64"),
        (flow(step("é")), "steps.0.step_id", "letter"),
        (flow({"action_type": "note"}), "steps.0.step_id", "required"),
        (flow({"step_id": "a"}), "steps.0.action_type", "required"),
        (flow(step("a"), step("a")), "steps.1.step_id", "used twice"),
        (flow(*[step(f"s{n}") for n in range(501)]), "steps", "At most 500"),
        (flow(step("a", on_error="goto")), "steps.0.goto_step", "Choose the step"),
        (flow(step("a", on_error="retry", on_exhausted="goto")), "steps.0.goto_step", "Choose the step"),
        (flow(step("save"), step("b", goto_step="sav")), "steps.1.goto_step", "Did you mean “save”"),
        (flow(step("a"), edges=[{"source": "a", "target": "b"}]), "edges.0.target", "There is no step “b”"),
        (flow(step("a"), edges=[{"source": "x", "target": "a"}]), "edges.0.source", "There is no step “x”"),
        (flow(step("a"), edges=[{"source": "a"}]), "edges.0.target", "required"),
        (flow(step("a"), edges=[{"source": "a", "target": "a"}] * 2), "edges.1", "edge already exists"),
        (flow(step("a"), edges=[{"source": "a", "target": "a", "branch": ""}]), "edges.0.branch", "empty"),
        (flow({"step_id": "a", "action_type": "cal"}), "steps.0.action_type", "Did you mean “call”? Available: call, note"),
        (flow(triggers=[{"trigger_type": "clok"}]), "triggers.0.trigger_type", "Did you mean “clock”"),
        (flow(triggers=[{"config": {}}]), "triggers.0.trigger_type", "required"),
        (flow(triggers=[{"trigger_type": "manual", "key": "k"}] * 2), "triggers.1.key", "used twice"),
        (flow(triggers=[{"trigger_type": "manual", "is_active": "yes"}]), "triggers.0.is_active", "yes or no"),
        (flow(triggers=[{"trigger_type": "clock"}]), "triggers.0.config.cron", "required"),
        (flow(triggers=[{"trigger_type": "clock", "config": {"crom": "x"}}]), "triggers.0.config.crom", "“cron”"),
        (flow(triggers=[{"trigger_type": "clock", "config": {"cron": "0 0 30 2 *"}}]), "triggers.0.config.cron", "never"),
        (call(), "steps.0.params.url", "required"),
        (call(url="ftp://x"), "steps.0.params.url", "Begin with http"),
        (call(url="{{ input. }}"), "steps.0.params.url", ""),
        (call(url="http://x", urll=1), "steps.0.params.urll", "Did you mean “url”"),
        (call(url="http://x", urll="{{ input.a }}"), "steps.0.params.urll", "There is no field"),
        (call(url="http://x", method="BREW"), "steps.0.params", "teapot"),
        ({"name": "F", "steps.0": 1, "steps.x": 2, "steps": [step()]}, "steps.x", "no field"),
        (call(url="http://x", method="PUT"), "steps.0.params.method", "'GET' or 'POST'"),
        (call(url="http://x", tries="many"), "steps.0.params.tries", "whole number"),
        (call(url="http://x", limit=[]), "steps.0.params.limit", " Or: "),
        (call(url="http://x", rows=[{"to": "a"}, {"amount": 2}]), "steps.0.params.rows.1.to", "required"),
        (call(url="http://x", rows=[{"to": "{{ input.a }}", "n": 1}]), "steps.0.params.rows.0.n", "Available: amount, to."),
        (call(url="http://x", json=1, form={}), "steps.0.params", "not both"),
        (call(url="http://x", conditions={"field": "a", "operator": "=~", "value": 1}), None, ""),
        (call(url="http://x", json="x" * (1 << 20)), "steps.0.params", "1 MiB"),
        (call(url="http://x", json=float("nan")), "steps.0.params.json", "finite"),
        (call(url="http://x", json="a\0b"), "steps.0.params.json", "cannot be stored"),
        (call(url="http://x", json="\ud800"), "steps.0.params.json", "cannot be stored"),
        (call(url="http://x", json=10**400), "steps.0.params.json", "too large"),
        (call(url="http://x", json=(1, 2)), "steps.0.params.json", "Only text"),
        (call(url="http://x", json={1: 2}), "steps.0.params.json", "Every name must be text"),
    ],
)  # fmt: skip
def test_refused_with_the_path_of_the_field(data, path, words):
    found = refused(data)
    if path is None:
        assert any(at.startswith("steps.0.params.conditions") for at in found)
    else:
        assert words in found[path]


def test_too_deep_is_refused():
    deep: Any = 1
    for _ in range(2000):
        deep = [deep]
    [message] = refused(call(url="http://x", json=deep)).values()
    assert "32 levels" in message
    flat: Any = 1
    for _ in range(31):
        flat = [flat]
    assert parse(call(url="http://x", json=flat)).steps[0].params["json"] == flat


def test_an_expression_stands_for_any_type():
    params = {
        "url": "{{ input.url }}", "method": "{{ input.m }}", "tries": "{{ input.n }}", "rows": "{{ input.rows }}",
        "json": {"a": "{{ input.a }}"}, "form": {"b": "{{ input.b }}"},
    }  # fmt: skip
    assert parse(call(**params)).steps[0].params == params


def test_all_problems_come_at_once_each_with_its_step():
    data = flow(
        step("a", retry_count="three"),
        {"step_id": "b", "action_type": "call", "params": {"tries": 0}},
        edges=[{"source": "a", "target": "c"}],
        triggers=[{"trigger_type": "nope"}],
    )
    with pytest.raises(InvalidError) as caught:
        parse(data)
    assert {(p.path, p.step_id) for p in caught.value.problems} == {
        ("steps.0.retry_count", "a"),
        ("steps.1.params.url", "b"),
        ("steps.1.params.tries", "b"),
        ("edges.0.target", None),
        ("triggers.0.trigger_type", None),
    }


def test_trigger_conditions_are_checked_and_normalized():
    rule = {"field": "amount", "operator": ">", "value": 3}
    written = {"operator": "AND", "conditions": [rule]}
    [found] = parse(flow(triggers=[{"trigger_type": "manual", "conditions": written}])).triggers
    assert (
        found.conditions
        == parse(flow(triggers=[{"trigger_type": "manual", "conditions": {"all": [rule]}}])).triggers[0].conditions
    )
    bad = flow(
        triggers=[{"trigger_type": "manual", "conditions": {"all": [{"field": "a", "operator": "≈", "value": 1}]}}]
    )
    assert any(path.startswith("triggers.0.conditions") for path in refused(bad))


def test_a_hundred_problems_of_a_kind_are_enough():
    edges = [{"source": f"step_numbre_{n}", "target": f"stpe_number_{n}"} for n in range(500)]
    found = refused(flow(*[step(f"step_number_{n}") for n in range(500)], edges=edges))
    assert len(found) == 100
    assert all("There is no step" in message for message in found.values())


def test_json_schema_names_every_field_and_refuses_others():
    schema = json_schema()
    assert set(schema["properties"]) == {
        "language", "name", "description", "variables", "config", "triggers", "steps", "edges"
    }  # fmt: skip
    assert schema["additionalProperties"] is False
    assert schema["required"] == ["name"]
    assert schema["$defs"]["StepDef"]["properties"]["step_id"]["pattern"].startswith("^[A-Za-z_]")


def test_what_is_parsed_is_not_changed():
    data = flow(step("a"), triggers=[{"trigger_type": "manual"}])
    before = copy.deepcopy(data)
    parse(data)
    assert data == before


JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=8)
    | st.sampled_from(["a", "b", "{{ x }}"]),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=6), inner, max_size=4),
    max_leaves=12,
)


def loosely(fields: dict[str, st.SearchStrategy[Any]]) -> st.SearchStrategy[Any]:
    """Objects that are nearly right: each field has its own kind of value or any other."""
    return st.fixed_dictionaries({}, optional={k: v | JSON for k, v in fields.items()}) | JSON


IDS = st.sampled_from(["a", "b", "c", "1x", ""])
STEPS = loosely(
    {
        "step_id": IDS, "action_type": st.sampled_from(["note", "call", "RING", "nope"]), "goto_step": IDS, "order": JSON,
        "on_error": st.sampled_from(["stop", "retry", "goto"]), "params": loosely({"url": JSON, "rows": JSON, "form": JSON, "conditions": JSON}),
    }
)  # fmt: skip
TRIGGER_LIKE = loosely(
    {
        "key": IDS,
        "trigger_type": st.sampled_from(["manual", "clock"]),
        "config": loosely({"cron": JSON}),
        "conditions": JSON,
    }
)
EDGES = loosely({"source": IDS, "target": IDS, "branch": st.sampled_from(["next", "yes"])})
BODIES = loosely(
    {
        "name": st.just("Flow"), "variables": JSON, "config": JSON, "steps": st.lists(STEPS, max_size=4),
        "edges": st.lists(EDGES, max_size=4), "triggers": st.lists(TRIGGER_LIKE, max_size=3),
    }
)  # fmt: skip


@settings(max_examples=150, deadline=None)
@given(BODIES)
def test_anything_json_like_is_parsed_or_refused(data):
    try:
        definition = parse(data)
    except InvalidError as error:
        assert error.problems
        assert all(problem.message for problem in error.problems)
        json.dumps([problem.as_json() for problem in error.problems])
    else:
        assert parse(definition.canonical()) == definition


VALUES = st.none() | st.booleans() | st.integers(-5, 10**20) | st.floats(allow_nan=False, allow_infinity=False)
PLAIN = st.recursive(
    VALUES | st.sampled_from(["é", "x" * 9, "{{ input.a }} b"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from("xyz"), inner, max_size=3),
    max_leaves=6,
)


@st.composite
def right(draw: st.DrawFn) -> dict[str, Any]:
    """Definitions that are right in every way."""
    ids = draw(
        st.lists(st.from_regex(r"[A-Za-z_][A-Za-z0-9_-]{0,5}", fullmatch=True), unique=True, min_size=1, max_size=5)
    )
    optional = {
        "name": st.text("abé {}", max_size=9), "order": st.integers(0, 9), "retry_count": st.integers(0, 20), "on_error": st.just("retry"),
        "timeout": st.integers(1, 3600), "position": st.fixed_dictionaries({"x": st.integers(-9, 9), "y": st.floats(-9, 9)}),
        "goto_step": st.sampled_from([None, *ids]),
    }  # fmt: skip
    steps = [
        {"step_id": s, "action_type": "Ring", "params": {"url": "http://x", "json": draw(PLAIN)}, **draw(st.fixed_dictionaries({}, optional=optional))}
        for s in ids
    ]  # fmt: skip
    ends = st.tuples(st.sampled_from(ids), st.sampled_from(ids), st.sampled_from(["next", "yes", "Variant A"]))
    edges = [
        dict(zip(("source", "target", "branch"), e, strict=True)) for e in draw(st.lists(ends, unique=True, max_size=6))
    ]
    rule = {"field": "a.b", "operator": "==", "value": draw(VALUES)}
    conditions = st.sampled_from(
        [None, rule, {"any": [rule, {"not": [rule]}]}, {"operator": "or", "conditions": [rule, rule]}]
    )
    triggers = [{"trigger_type": "manual", "conditions": c} for c in draw(st.lists(conditions, max_size=3))]
    return flow(
        *steps,
        edges=edges,
        triggers=triggers,
        variables=draw(st.dictionaries(st.text("ab", max_size=2), PLAIN, max_size=2)),
    )


@settings(max_examples=80, deadline=None)
@given(right())
def test_what_is_right_comes_back_the_same_through_json(data):
    definition = parse(data)
    again = parse(json.loads(json.dumps(definition.canonical())))
    assert again == definition
    assert again.fingerprint() == definition.fingerprint()
    assert Definition.model_validate(definition.canonical()) == definition
