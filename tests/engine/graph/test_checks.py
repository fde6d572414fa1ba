"""What is wrong in meaning: errors keep a definition from being published, warnings do not."""

from __future__ import annotations

import copy
from typing import Any

import pytest
from pydantic import Field, model_validator

from flowapp.catalog import ACTIONS, TRIGGERS, Done, Params, TriggerSpec, action, load, registry, trigger, ui
from flowapp.catalog.resources import Choice, Choices, is_among
from flowapp.engine.graph.checks import Known, check
from flowapp.engine.language.definition import Definition, parse


class AnyParams(Params):
    text: str = ""
    data: Any = None
    each: Any = Field(default=None, json_schema_extra=ui("Each", raw=True))
    table: str = Field(default="", json_schema_extra=ui("Table", widget="table"))
    schema_: str | dict[str, Any] = Field(default="", alias="schema", json_schema_extra=ui("Schema", widget="schema"))
    integration: str = Field(default="", json_schema_extra=ui("Integration", widget="integration"))
    conditions: Any = Field(default=None, json_schema_extra=ui("If", widget="conditions", raw=True))
    at: str = Field(default="", json_schema_extra=ui("Step", widget="step"))

    @model_validator(mode="after")
    def _one(self) -> AnyParams:
        if self.text and self.data:
            raise ValueError("Give text or data, not both.")
        return self


class SwitchParams(Params):
    cases: list[dict[str, Any]] = Field(default_factory=list, json_schema_extra=ui("Cases", widget="rows", raw=True))


class MergeParams(Params):
    mode: str = "all"
    timeout: str = ""


class CallParams(Params):
    workflow: str = Field("", json_schema_extra=ui("Workflow", widget="workflow"))


class HookParams(Params):
    response: str = "at_once"


class FormParams(Params):
    form: str = Field(json_schema_extra=ui("Form", widget="form"))


@pytest.fixture(autouse=True, scope="module")
def catalog():
    load()  # now, so that no other test does it while the catalog is a small one
    kept = dict(ACTIONS), dict(TRIGGERS), copy.deepcopy(registry._ALIASES)

    def real(name: str) -> dict[str, Any]:
        """What the checks ask of the real type."""
        spec = kept[0].get(name)
        return {"traits": spec.traits, "goal": spec.goal} if spec else {}

    ACTIONS.clear()
    TRIGGERS.clear()
    branches = {
        "note": ("next",),
        "if": ("yes", "no"),
        "loop": ("each", "done"),
        "split": ("*",),
        "wait_time": ("next",),
        "goal": ("next",),
        "respond": ("next",),
        "stop": (),
    }
    for name, ways in branches.items():
        action(
            name, label=name, description="", group="", icon="", params=AnyParams, branches=ways,
            effect="once" if name == "note" else "pure", **real(name),
        )(lambda _c, _p: Done())  # fmt: skip
    action(
        "switch", label="switch", description="", group="", icon="", params=SwitchParams, effect="pure",
        branches=("*", "default"), own_branches=lambda p: [c["name"] for c in p.get("cases") or ()],
    )(lambda _c, _p: Done())  # fmt: skip
    action(
        "merge", label="merge", description="", group="", icon="", params=MergeParams, effect="pure",
        branches=("next", "timeout"), branch_if={"timeout": ("timeout", None)}, **real("merge"),
    )(lambda _c, _p: Done())  # fmt: skip
    action("call", label="", description="", group="", icon="", params=CallParams, effect="pure")(lambda _c, _p: Done())
    awaits_answer = kept[1]["webhook"].awaits_answer
    trigger(TriggerSpec("webhook", "", "", "", "", "hook", HookParams, awaits_answer=awaits_answer))
    trigger(TriggerSpec("manual", "", "", "", "", "person", Params))
    trigger(TriggerSpec("form", "", "", "", "", "form", FormParams, sample={"montant": 5}))
    yield
    for now, before in zip((ACTIONS, TRIGGERS, registry._ALIASES), kept, strict=True):
        now.clear()
        now.update(before)


class Things:
    """A project that has one thing of some resources."""

    def __init__(self, named: dict[str, str]) -> None:
        self.named = named

    def choices(self, name: str) -> Choices:
        return [Choice(self.named[name], "")] if name in self.named else ()

    def has(self, name: str, wanted: str) -> bool:
        return is_among(self.choices(name), wanted)


def having(unpublished: frozenset[str] = frozenset(), **named: str) -> Known:
    return Known(resources=Things(named), unpublished=unpublished)


def look(
    steps: str,
    edges: str = "",
    known: Known | None = None,
    triggers: Any = None,
    variables: Any = None,
    config: Any = None,
    **more: Any,
):
    """`look("a:note b:if", "a-b b-yes-a", a={...})` gives ({code: path} of errors, the same of warnings)."""
    definition = parse(
        {
            "name": "Flow",
            "variables": variables or {},
            "config": config or {},
            "triggers": [{"trigger_type": "manual"}] if triggers is None else triggers,
            "steps": [
                {
                    "step_id": s.split(":")[0],
                    "action_type": (s + ":note").split(":")[1],
                    **more.get(s.split(":")[0], {}),
                }
                for s in steps.split()
            ],
            "edges": [
                {"source": e[0], "target": e[-1], **({"branch": e[1]} if len(e) == 3 else {})}
                for e in (text.split("-") for text in edges.split())
            ],
        }
    )
    errors, warnings = check(definition, known)
    assert all(p.message.endswith((".", "?")) for p in errors + warnings)
    assert all(p.step_id for p in errors + warnings if p.path.startswith("steps."))
    return {p.code: p.path for p in errors}, {p.code: p.path for p in warnings}


def with_params(**params: Any) -> dict[str, Any]:
    return {"params": params}


def test_nothing_is_wrong_with_a_plain_flow():
    assert look("a b", "a-b", b=with_params(text="{{ steps.a.id }} {{ input.x }} {{ montant }}"),
                triggers=[{"trigger_type": "form", "config": {"form": "f"}}]) == ({}, {})  # fmt: skip


def test_no_steps_and_no_trigger():
    assert look("", triggers=[]) == ({"no_steps": "steps"}, {"no_trigger": "triggers"})
    off = [{"trigger_type": "manual", "is_active": False}]
    assert look("a", triggers=off) == ({}, {"no_trigger": "triggers"})


def test_unreachable_and_parallel_starts():
    assert look("a b c", "a-b") == ({"unreachable": "steps.2.step_id"}, {})
    assert look("a b c", "a-b c-b") == ({}, {"parallel_start": "steps.2.step_id"})


def test_a_forgotten_chain_is_never_reached():
    assert look("a b c d", "a-b c-d") == ({"unreachable": "steps.3.step_id"}, {})


@pytest.mark.parametrize(
    ("params", "code"),
    [
        ({"text": "{{ steps.nope.id }}"}, "unknown_step"),
        ({"text": "{{ steps.c.id }}"}, "not_before"),
        ({"text": "{{ steps.b.id }}"}, "not_before"),
        ({"conditions": {"all": [{"field": "steps.c.id", "operator": "exists"}]}}, "not_before"),
        ({"conditions": {"all": [{"field": "a", "operator": "==", "value": "{{ steps.nope.x }}"}]}}, "unknown_step"),
        ({"at": "nope"}, "missing_thing"),
    ],
)
def test_references_to_steps(params, code):
    errors, _ = look("a b c", b={"params": params})
    assert errors == {code: f"steps.1.params.{next(iter(params))}"}


def test_in_a_loop_a_later_step_may_have_run_before():
    errors, _ = look("a:wait_time b:if c", "a-b b-yes-a b-no-c", a=with_params(text="{{ steps.b.id }}"))
    assert errors == {}


def test_trigger_conditions_cannot_use_steps():
    conditions = {"all": [{"field": "steps.a.id", "operator": "exists"}]}
    errors, _ = look("a", triggers=[{"trigger_type": "manual", "conditions": conditions}])
    assert errors == {"not_before": "triggers.0.conditions"}


@pytest.mark.parametrize(
    ("params", "wrong"),
    [
        ({"table": "contact"}, True), ({"table": "Contacts"}, False), ({"table": "{{ input.t }}"}, False), ({"table": ""}, False),
        ({"schema": {"rules": []}}, False), ({"integration": "slack"}, False), ({"integration": "stripe"}, True),
        ({"schema": "nowhere"}, True), ({"schema_": "nowhere"}, True), ({"schema": "Order"}, False),
    ],
)  # fmt: skip
def test_things_of_the_project(params, wrong):
    known = having(table="contacts", integration="Slack", schema="order")
    errors, _ = look("a", known=known, a={"params": params})
    assert errors == ({"missing_thing": f"steps.0.params.{next(iter(params))}"} if wrong else {})
    assert look("a", a={"params": params})[0] == {}


def test_the_form_of_a_trigger():
    triggers = [{"trigger_type": "form", "config": {"form": "gone"}}]
    assert look("a", known=having(), triggers=triggers)[0] == {"missing_thing": "triggers.0.config.form"}


def test_edges_on_branches_the_step_never_takes():
    assert look("a:if b", "a-yes-b a-no-b a-b")[0] == {"unknown_branch": "edges.2.branch"}
    assert look("a b", "a-b a-error-b")[0] == {}
    assert look("a:split b", "a-B-b")[0] == {}


def test_branches_without_an_edge_are_shown():
    assert look("a:if b", "a-yes-b") == ({}, {"open_branch": "steps.0.step_id"})
    assert look("a:if b") == ({}, {})


def test_a_timeout_that_leads_nowhere_is_shown_where_one_is_set():
    lonely = {"lonely_merge": "steps.1.step_id"}
    assert look("a m:merge c", "a-m m-c") == ({}, lonely)
    timed = with_params(timeout="3 days")
    assert look("a m:merge c", "a-m m-c", m=timed) == ({}, {**lonely, "open_branch": "steps.1.step_id"})
    assert look("a m:merge c", "a-m m-c m-timeout-c", m=timed) == ({}, lonely)


@pytest.mark.parametrize(
    ("steps", "edges", "errors", "warnings"),
    [
        ("a b", "a-b b-a", {"endless_loop"}, set()),
        ("a b", "a-a a-b", {"endless_loop"}, set()),
        ("a:wait_time b", "a-b b-a", set(), {"odd_loop"}),
        ("a b:if", "a-b b-no-a", set(), {"odd_loop", "open_branch"}),
        ("a:wait_time b:if c", "a-b b-no-a b-yes-c", set(), set()),
        ("a:loop b c", "a-each-b b-a a-done-c", set(), set()),
        ("a:loop b", "a-each-b b-a a-done-b", {"endless_loop"}, {"inside_and_after"}),
    ],
)
def test_loops(steps, edges, errors, warnings):
    found = look(steps, edges)
    assert (set(found[0]), set(found[1])) == (errors, warnings)


@pytest.mark.parametrize(
    ("settings", "edges", "path"),
    [
        ({"on_error": "retry", "retry_count": 0}, "", "retry_count"),
        ({"on_error": "retry", "action_type": "wait_time"}, "", "on_error"),
        ({"on_exhausted": "continue"}, "", "on_exhausted"),
        ({"goto_step": "b"}, "", "goto_step"),
        ({"on_error": "continue"}, "a-error-b a-b", "on_error"),
    ],
)
def test_settings_without_effect_are_shown(settings, edges, path):
    assert look("a b", edges, a=settings) == ({}, {"idle": f"steps.0.{path}"})


def test_goto_itself_is_an_error():
    errors, _ = look("a b", a={"on_error": "goto", "goto_step": "a"})
    assert errors == {"goto_self": "steps.0.goto_step"}


def test_unknown_names_are_only_shown():
    text = "{{ variables.tva }} {{ tva }} {{ contact.email }} {{ resume_url }}"
    assert look("a", a=with_params(text=text), variables={"tva": 20}) == ({}, {})
    assert look("a", a=with_params(text="{{ variables.tvq }}"), variables={"tva": 20})[1] == {
        "unknown_name": "steps.0.params.text"
    }
    assert look("a", a=with_params(text="{{ contcat.email }}"))[1] == {"unknown_name": "steps.0.params.text"}
    assert look("a", a=with_params(each="{{ row.email }}"))[1] == {}


def test_a_model_that_objects_to_an_expression_is_shown():
    assert look("a", a=with_params(text="{{ input.a }}", data=1)) == ({}, {"doubtful": "steps.0.params"})


def test_types_and_params_that_changed_since_the_draft_was_stored():
    steps = [{"step_id": "a", "action_type": "gone"}, {"step_id": "b", "action_type": "note", "params": {"texd": "x"}}]
    errors, warnings = check(
        Definition.model_validate({"name": "Flow", "steps": steps, "triggers": [{"trigger_type": "manual"}]})
    )
    assert [(p.path, p.code, p.step_id) for p in errors] == [
        ("steps.0.action_type", "unknown_type", "a"), ("steps.1.params.texd", "unknown_field", "b"),
    ]  # fmt: skip
    assert warnings == []


CASES = [{"name": "x", "equals": 1}, {"name": "y", "conditions": [{"field": "steps.a.n", "operator": ">", "value": 3}]}]


def test_edges_on_cases_that_are_not_there():
    switch = with_params(cases=CASES)
    assert look("a s:switch b", "a-s s-x-b s-y-b s-default-b", s=switch) == ({}, {})
    assert look("a s:switch b", "a-s s-x-b s-z-b s-y-b s-default-b", s=switch)[0] == {
        "unknown_branch": "edges.2.branch"
    }
    assert look("a s:switch b", "a-s s-x-b s-y-b", s=switch) == ({}, {"open_branch": "steps.1.step_id"})
    assert look("a s:switch b", "a-s s-x-b")[0] == {}, "a switch without cases says so itself"


def test_conditions_of_cases():
    wrong = [{"name": "x", "conditions": [{"field": "a", "operator": "resembles", "value": 1}]}]
    assert look("s:switch", s=with_params(cases=wrong))[0] == {
        "condition": "steps.0.params.cases.0.conditions.0.operator"
    }
    assert look("s:switch a", "s-y-a s-x-a s-default-a", s=with_params(cases=CASES))[0] == {
        "not_before": "steps.0.params.cases.1.conditions"
    }


def test_nothing_follows_a_step_that_ends_the_flow():
    assert look("a:stop b c") == ({"unreachable": "steps.2.step_id"}, {})
    assert look("a:stop b", "a-b")[0] == {"unknown_branch": "edges.0.branch"}
    assert look("a:stop b", "a-error-b")[0] == {}
    assert look("a:stop b", a={"on_error": "continue"})[0] == {}


@pytest.mark.parametrize(
    ("steps", "edges", "errors", "warnings"),
    [
        ("a:loop b c", "a-each-b a-done-c", {}, {}),
        ("a:loop b", "a-each-b", {}, {}),
        ("a:loop b", "", {"no_body": "steps.0.step_id"}, {}),
        ("a:loop b", "a-done-b", {"no_body": "steps.0.step_id"}, {}),
        ("a:loop b c", "a-each-b b-c a-done-c", {}, {"inside_and_after": "steps.2.step_id"}),
        ("a:loop b:loop c d", "a-each-b b-each-c b-done-d", {}, {}),
        ("a b c m:merge", "a-b a-c b-m c-m", {}, {}),
        ("a m:merge", "a-m", {}, {"lonely_merge": "steps.1.step_id"}),
        ("a m:merge", "", {}, {"lonely_merge": "steps.1.step_id"}),
        (
            "a b m:merge c",
            "a-b m-c c-m",
            {"unreachable": "steps.3.step_id", "endless_loop": "steps.2.step_id"},
            {},
        ),
    ],
)
def test_bodies_and_merges(steps, edges, errors, warnings):
    assert look(steps, edges) == (errors, warnings)


def test_what_is_inside_a_loop_is_not_there_after_it():
    outside = look("a:loop b c", "a-each-b a-done-c", c=with_params(text="{{ steps.b.id }}"))
    assert outside == ({}, {"inside_loop": "steps.2.params.text"})
    inside = look("a:loop b c", "a-each-b b-c", c=with_params(text="{{ steps.b.id }} {{ steps.a.count }} {{ item }}"))
    assert inside == ({}, {})
    around = look("a:loop b:loop c d", "a-each-b b-each-c b-done-d", d=with_params(text="{{ steps.c.id }}"))
    assert around == ({}, {"inside_loop": "steps.3.params.text"})
    deep = look("a:loop b:loop c e", "a-each-b b-each-c a-done-e", e=with_params(text="{{ steps.c.id }}"))
    assert deep == ({}, {"inside_loop": "steps.3.params.text"})
    assert look("a:loop b:if c", "a-each-b b-yes-c") == ({}, {}), "an item may end at a condition"
    assert look("a", a=with_params(text="{{ item.id }}"))[1] == {"unknown_name": "steps.0.params.text"}


def test_a_goal_with_conditions_is_reached_without_edges():
    paid = with_params(conditions=[{"field": "contact.paid", "operator": "exists"}])
    assert look("a b g:goal", "a-b", g=paid)[0] == {}
    assert look("a b g:goal", "a-b")[0] == {"unreachable": "steps.2.step_id"}


@pytest.mark.parametrize(
    ("config", "errors"),
    [
        ({"concurrency_key": "{{ input.email }}", "debounce_key": "{{ contact.id }}"}, {}),
        ({"debounce_key": "{{ steps.a.id }}"}, {"not_before": "config.debounce_key"}),
        ({"error_workflow": "On errors"}, {"missing_thing": "config.error_workflow"}),
        ({"error_workflow": "alarm"}, {}),
    ],
)
def test_the_config(config, errors):
    assert look("a", config=config, known=having(workflow="Alarm"))[0] == errors


def test_a_workflow_that_is_run_must_be_there():
    known = having(workflow="Invoice")
    assert look("a:call", known=known, a=with_params(workflow="invoice"))[0] == {}
    assert look("a:call", known=known, a=with_params(workflow="Invoise"))[0] == {
        "missing_thing": "steps.0.params.workflow"
    }


def test_a_workflow_that_is_run_must_be_published():
    known = having(unpublished=frozenset({"Invoice"}), workflow="Invoice")
    assert look("a:call", known=known, a=with_params(workflow="invoice"))[0] == {
        "unpublished": "steps.0.params.workflow"
    }


def test_a_webhook_whose_answer_no_step_gives():
    hook = [{"trigger_type": "webhook", "config": {"response": "respond"}}]
    assert look("a", triggers=hook) == ({}, {"unanswered": "triggers.0.config.response"})
    assert look("a r:respond", triggers=hook) == ({}, {})


def test_an_answer_that_nobody_waits_for():
    assert look("a r:respond", triggers=[{"trigger_type": "webhook"}]) == ({}, {"nobody_waits": "steps.1.action_type"})


def test_without_edges_an_error_may_go_behind_the_end():
    steps = [
        {"step_id": "a", "action_type": "stop", "on_error": "goto", "goto_step": "z"},
        {"step_id": "b", "action_type": "note"},
        {"step_id": "z", "action_type": "note"},
    ]
    errors, _ = check(parse({"name": "F", "steps": steps}))
    assert [(e.step_id, e.code) for e in errors] == [("b", "unreachable")]
