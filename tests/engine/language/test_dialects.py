"""Every way to write a workflow ends in the same canonical form; what is refused is refused at the sender's own path."""

from __future__ import annotations

import copy
import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import Field

from flowapp.catalog import ACTIONS, TRIGGERS, Done, Params, TriggerSpec, action, load, registry, trigger, ui
from flowapp.engine.language.definition import parse
from flowapp.engine.language.dialects import parse_body, read
from flowapp.errors import InvalidError


class MailParams(Params):
    to: str = ""
    subject: str = ""
    message: str = ""
    template: str = ""
    data: Any = None


class HookParams(Params):
    url: str
    body: Any = None


class LogParams(Params):
    message: str


class WaitParams(Params):
    duration: str


class IfParams(Params):
    conditions: Any = Field(json_schema_extra=ui("If", widget="conditions", raw=True))


class FormParams(Params):
    form: str


class ClockParams(Params):
    cron: str


ACTION_PARAMS = {
    "send_email": MailParams, "send_webhook": HookParams, "log": LogParams, "wait_time": WaitParams, "conditional": IfParams,
}  # fmt: skip


@pytest.fixture(autouse=True, scope="module")
def catalog():
    load()  # now, so that no other test does it while the catalog is a small one
    kept = dict(ACTIONS), dict(TRIGGERS), copy.deepcopy(registry._ALIASES)
    ACTIONS.clear()
    TRIGGERS.clear()
    registry._ALIASES["action"].clear()
    registry._ALIASES["trigger"].clear()
    for name, params in ACTION_PARAMS.items():
        branches = ("yes", "no") if name == "conditional" else ("next",)
        real = kept[0][name]
        more = {"log": ("trace",), "wait_time": ("wait",)}.get(name, ())
        action(
            name, label=name, description="", group="", icon="", effect="pure", params=params, branches=branches,
            aliases=(*real.aliases, *more), param_aliases=real.param_aliases, kinds=real.kinds,
        )(lambda _c, _p: Done())  # fmt: skip
    trigger(TriggerSpec("manual", "", "", "", "", "person", Params))
    trigger(TriggerSpec("api_call", "", "", "", "", "api", Params, aliases=kept[1]["api_call"].aliases))
    trigger(
        TriggerSpec(
            "form_submit",
            "",
            "",
            "",
            "",
            "form",
            FormParams,
            aliases=("form_submitted",),
            param_aliases={"form_id": "form"},
        )
    )
    schedule = kept[1]["schedule"]
    trigger(
        TriggerSpec(
            "schedule", "", "", "", "", "clock", ClockParams, aliases=("cron", *schedule.aliases),
            param_aliases=schedule.param_aliases,
        )
    )  # fmt: skip
    yield
    for now, before in zip((ACTIONS, TRIGGERS, registry._ALIASES), kept, strict=True):
        now.clear()
        now.update(before)


def refused(body: Any) -> dict[str, str]:
    with pytest.raises(InvalidError) as caught:
        parse_body(body)
    return {problem.path: problem.message for problem in caught.value.problems}


def flow(**body: Any) -> dict[str, Any]:
    return {"name": "Flow", **body}


CANONICAL = {
    "name": "Flow",
    "triggers": [{"trigger_type": "form_submit", "config": {"form": "f"}}],
    "steps": [
        {"step_id": "send_email_1", "action_type": "send_email", "params": {"to": "a@b.c", "message": "Hi"}},
        {"step_id": "log_1", "action_type": "log", "params": {"message": "x"}},
    ],
}
SAME = [
    flow(
        trigger={"type": "form_submit", "form_id": "f"},
        steps=[
            {"id": "send_email_1", "action": "send_email", "params": {"to": "a@b.c", "message": "Hi"}},
            {"id": "log_1", "action": "log", "params": {"message": "x"}},
        ],
    ),
    flow(
        trigger_type="FORM_SUBMITTED",
        trigger_config={"form_id": "f"},
        actions=[
            {"type": "send_email", "config": {"to": "a@b.c", "body": "Hi"}},
            {"type": "LOG", "config": {"message": "x"}},
        ],
    ),
    flow(
        triggers=[{"trigger_type": "form_submit", "configuration": {"form_id": "f"}, "is_active": True}],
        nodes=[
            {"node_id": "send_email_1", "node_type": "SEND_EMAIL", "configuration": {"to": "a@b.c", "body": "Hi"}},
            {"node_id": "log_1", "node_type": "trace", "label": None, "configuration": {"message": "x"}},
        ],
        edges=[],
    ),
    flow(
        trigger={"trigger_type": "form_submit", "config": {}, "form_id": "f"},
        steps=[
            {"id": "send_email_1", "action_type": "send_email", "configuration": {"to": "a@b.c", "message": "Hi"}},
            {"node_id": "log_1", "type": "log", "config": {"message": "x"}},
        ],
    ),
]


def defaults_of(body: dict[str, Any], canonical: dict[str, Any]) -> dict[str, Any]:
    """The canonical form of a body: steps that were written as `actions` go on where they fail."""
    if "actions" not in body:
        return canonical
    return {**canonical, "steps": [{**step, "on_error": "continue"} for step in canonical["steps"]]}


@pytest.mark.parametrize("body", SAME)
def test_every_dialect_means_the_same(body):
    before = copy.deepcopy(body)
    definition, rest = parse_body(body)
    assert definition.fingerprint() == parse(defaults_of(body, CANONICAL)).fingerprint()
    assert rest == {}
    assert body == before


def test_the_canonical_form_is_read_as_itself():
    whole = parse(CANONICAL).canonical()
    definition, rest, _ = read(whole)
    assert definition == whole
    assert rest == {}


def test_the_rest_is_left_to_the_api_and_absent_keys_stay_absent():
    body = {"status": "DRAFT", "organization": 1, "canvas_data": {"zoom": 2}, "description": "x", "trigger": None}
    assert read(body)[:2] == ({"description": "x"}, {"status": "DRAFT", "organization": 1, "canvas_data": {"zoom": 2}})


def test_a_canvas():
    definition, _ = parse_body(
        flow(
            nodes=[
                {"id": "u1", "node_id": "ask", "node_type": "condition", "label": "Ask", "position_x": 100, "position_y": 5.5,
                 "configuration": {"conditions": {"all": [{"field": "a", "operator": "==", "value": 1}]}}},
                {"id": "u2", "node_id": "wait", "node_type": "wait_time",
                 "configuration": {"wait_type": "time", "wait_duration_hours": 48}},
                {"id": "u3", "node_id": "mail", "node_type": "send_email", "configuration": {"template_id": 123, "subject": "Welcome!"}},
            ],
            edges=[
                {"id": "e1", "source_node": "ask", "target_node": "u2", "condition_type": "YES", "label": "Sure", "condition_config": {}},
                {"source_node": "u1", "target_node": "mail", "condition_type": "no"},
                {"source_node": "wait", "target_node": "mail", "condition_type": ""},
                {"source_node": "mail", "target_node": "wait", "condition_type": "Variant B"},
            ],
        )
    )  # fmt: skip
    ask, wait, mail = definition.canonical()["steps"]
    assert (ask["name"], ask["action_type"], ask["position"]) == ("Ask", "conditional", {"x": 100, "y": 5.5})
    assert wait["params"] == {"duration": "48 hours"}
    assert mail["params"] == {"template": "123", "subject": "Welcome!"}
    assert [e.label for e in definition.edges] == ["Sure", "", "", ""]
    assert [(e.source, e.branch, e.target) for e in definition.edges] == [
        ("ask", "yes", "wait"), ("ask", "no", "mail"), ("wait", "next", "mail"), ("mail", "Variant B", "wait"),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("written", "params", "found"),
    [
        ("wait", {"wait_type": "time", "wait_duration_hours": 1}, ("wait_time", {"duration": "1 hour"})),
        ("delay", {"wait_duration_days": 1.5}, ("wait_time", {"duration": "1.5 days"})),
        ("wait", {"wait_duration_hours": "{{ input.h }}"}, ("wait_time", {"duration": "{{ input.h }} hours"})),
        ("WAIT", {"wait_type": "UNTIL", "until": "x"}, ("wait_until", {"until": "x"})),
        ("call_webhook", {"body": "kept"}, ("send_webhook", {"body": "kept"})),
        ("webhook", {}, ("send_webhook", {})),
        ("create_task", {"activity_type": "task", "due_date": "+3 days"}, ("create_task", {"activity_type": "task", "due_date": "+3 days"})),
    ],
)  # fmt: skip
def test_types_and_params(written, params, found):
    [step] = read({"actions": [{"type": written, "config": params}]})[0]["steps"]
    assert (step["action_type"], step["params"]) == found


@pytest.mark.parametrize(
    ("written", "found"), [("Scheduled", "schedule"), ("api", "api_call"), ("Deal_Created", "deal_created")]
)
def test_trigger_types(written, found):
    assert read({"trigger": {"type": written}})[0]["triggers"][0]["trigger_type"] == found


def test_actions_are_named_after_their_type_and_avoid_names_taken():
    actions = [{"type": "log"}, {"type": "log", "id": "log_1"}, {"type": "send mail!"}, {"type": "log"}]
    assert [s["step_id"] for s in read({"actions": actions})[0]["steps"]] == ["log_2", "log_1", "send_mail__1", "log_3"]


def test_integration_is_a_param():
    body = {"steps": [{"id": "a", "action": "integration_call", "integration": "slack", "params": {"channel": "#x"}}]}
    assert read(body)[0]["steps"][0]["params"] == {"channel": "#x", "integration": "slack"}


def test_conditions_of_the_body_hold_for_every_trigger():
    own, all_ = ({"all": [{"field": name, "operator": "exists"}]} for name in "ab")
    body = {"triggers": [{"type": "manual"}, {"type": "manual", "conditions": own}], "conditions": all_}
    first, second = read(body)[0]["triggers"]
    assert first["conditions"] == all_
    assert second["conditions"] == {"all": [own, all_]}


def test_triggers_of_every_spelling_add_up():
    body = flow(
        triggers=[{"type": "manual"}],
        trigger={"type": "scheduled", "cron_expression": "* * * * *"},
        trigger_type="manual",
    )
    assert [t.key for t in parse_body(body)[0].triggers] == ["manual_1", "schedule_1", "manual_2"]


def test_the_condition_of_a_yes_edge_moves_into_its_step():
    rule = {"field": "a", "operator": "==", "value": 1}
    body = flow(
        nodes=[
            {"node_id": "a", "node_type": "condition"},
            {"node_id": "b", "node_type": "log", "configuration": {"message": "x"}},
        ],
        edges=[{"source_node": "a", "target_node": "b", "condition_type": "yes", "condition_config": rule}],
    )
    assert parse_body(body)[0].steps[0].params == {"conditions": rule}
    body["edges"][0]["condition_config"] = {"field": "a", "operator": "≈", "value": 1}
    assert all(path.startswith("edges.0.condition_config") for path in refused(body))


def test_conditions_of_any_other_edge_stay_with_it():
    rule = {"all": [{"field": "input.a", "operator": "==", "value": 1}]}
    steps = [{"id": s, "action": "log", "params": {"message": "x"}} for s in "ab"]
    edge = {"source_node": "a", "target_node": "b", "label": "Only one", "condition_config": rule}
    definition, _ = parse_body(flow(steps=steps, edges=[edge]))
    (kept,) = definition.canonical()["edges"]
    assert kept == {"source": "a", "target": "b", "branch": "next", "label": "Only one", "conditions": rule}
    assert parse_body(definition.canonical())[0] == definition
    wrong = {**edge, "condition_config": {"field": "input.a", "operator": "≈", "value": 1}}
    assert all(path.startswith("edges.0.condition_config") for path in refused(flow(steps=steps, edges=[wrong])))


def test_actions_go_on_where_they_fail_unless_they_say_otherwise():
    actions = [
        {"type": "log", "config": {"message": "x"}},
        {"type": "log", "config": {"message": "x"}, "on_error": "STOP"},
    ]
    assert [step.on_error for step in parse_body(flow(actions=actions))[0].steps] == ["continue", "stop"]
    assert parse_body(flow(steps=[{"id": "a", **actions[0]}]))[0].steps[0].on_error == "stop"


def test_the_language_of_a_definition():
    assert parse_body(flow(language=2))[0].canonical()["language"] == 2
    assert "language" not in parse_body(flow())[0].canonical()  # as those of before: their fingerprint stays
    assert parse_body(flow(language=3))[0].canonical()["language"] == 3
    assert refused(flow(language=4)).keys() == {"language"}


MAIL = {"type": "send_email", "config": {"to": 1, "body": []}}


@pytest.mark.parametrize(
    ("body", "path", "words"),
    [
        ([], "", "JSON object"),
        ({}, "name", "required"),
        (flow(actions="abc"), "actions", "list"),
        (flow(nodes=["x"]), "nodes.0", "object"),
        (flow(actions=[MAIL]), "actions.0.config.to", "text"),
        (flow(actions=[MAIL]), "actions.0.config.body", "text"),
        (flow(actions=[{"config": {}}]), "actions.0.type", "required"),
        (flow(actions=[{"type": "log"}, {"type": "lgo"}]), "actions.1.type", "Did you mean “log”"),
        (flow(actions=[{"type": "log"}]), "actions.0.config.message", "required"),
        (flow(actions=[{"type": "log", "integration": "x", "config": {"message": "m"}}]), "actions.0.integration", "no field"),
        (flow(steps=[{"action": "log", "params": {"message": "m"}}]), "steps.0.step_id", "required"),
        (flow(steps=[{"id": "a", "action": "log", "params": {"message": "{{ input. }}"}}]), "steps.0.params.message", ""),
        (flow(steps=[{"id": "a", "action": "create_task"}]), "steps.0.action", "There is no step type “create_task”"),
        (flow(steps=[{"id": "a", "action": "log", "type": "send_email"}]), "steps.0.type", "say the same thing differently"),
        (flow(nodes=[{"node_id": "a", "node_type": "send_webhook", "configuration": {"url": 5}}]), "nodes.0.configuration.url", "text"),
        (flow(nodes=[{"node_id": "é", "node_type": "log"}]), "nodes.0.node_id", "letter"),
        (flow(nodes=[{"node_id": "a", "node_type": "log", "position_x": 1}]), "nodes.0.position_y", "required"),
        (flow(nodes=[{"node_id": "a", "node_type": "log", "colour": 1}]), "nodes.0.colour", "no field"),
        (flow(nodes=[{"node_id": "a", "node_type": "wait_time", "configuration": {"wait_type": "until"}}]), "nodes.0.configuration.wait_type", "not what"),
        (flow(nodes=[{"node_id": "a", "node_type": "wait", "configuration": {"wait_type": 3}}]), "nodes.0.configuration.wait_type", "time, until"),
        (flow(nodes=[{"node_id": "a", "node_type": "wait", "configuration": {"duration": "1 day", "wait_duration_hours": 5}}]), "nodes.0.configuration.wait_duration_hours", "already"),
        (flow(edges=[{"source_node": "a", "target_node": "b"}]), "edges.0.source_node", "There is no step “a”"),
        (flow(edges=[{"source_node": "a"}]), "edges.0.target", "required"),
        (flow(edges=[{"source_node": "a", "source": "b", "target": "c"}]), "edges.0.source_node", "differently"),
        (flow(edges=[{"source": "a", "target": "b", "condition_config": {"field": "x"}}]), "edges.0.condition_config.value", "needs a value"),
        (flow(edges={"a": "b"}), "edges", "list"),
        (flow(trigger={"type": "schedule"}), "trigger.config.cron", "required"),
        (flow(trigger={"type": "schedule", "cron_expression": 5}), "trigger.cron_expression", "text"),
        (flow(trigger={"type": "schedule", "corn": "x"}), "trigger.corn", "no field"),
        (flow(trigger={"type": "form_submit", "config": {"form": "a"}, "form": "b"}), "trigger.form", "another value"),
        (flow(trigger={"form_id": "x"}), "trigger.trigger_type", "required"),
        (flow(trigger="manual"), "trigger", "object"),
        (flow(triggers={"type": "manual"}), "triggers", "list"),
        (flow(trigger_type="nope"), "trigger_type", "There is no trigger type"),
        (flow(trigger_type="form_submit", trigger_config={"form_id": []}), "trigger_config.form_id", "text"),
        (flow(trigger_config={"form_id": "x"}), "trigger_type", "required"),
        (flow(conditions={"all": []}), "conditions", "belong to a trigger"),
        (flow(steps=[{"id": "a", "action": "log"}], actions=[{"type": "log"}]), "actions", "say with “edges”"),
        (flow(steps=[{"id": "a", "action": "log"}], actions="x", edges=[1]), "actions", "list"),
        (flow(config={"reentry": "NEVER"}), "config.reentry", "Use always"),
        (flow(rest={"a": float("inf")}), "rest.a", "finite"),
    ],
)  # fmt: skip
def test_refused_at_the_senders_own_path(body, path, words):
    assert words in refused(body)[path]


def test_faults_of_conditions_are_shown_where_they_were_written():
    bad = {"all": [{"field": "a", "operator": "≈", "value": 1}]}
    assert all(p.startswith("conditions.") for p in refused(flow(trigger_type="manual", conditions=bad)))
    good = {"all": [{"field": "a", "operator": "exists"}]}
    found = refused(flow(trigger={"type": "manual", "conditions": bad}, conditions=good))
    assert all(p.startswith("trigger.conditions.") for p in found)


def test_contradictions_and_faults_are_told_together():
    found = refused({"steps": [{"id": "a", "action": "log", "type": "send_email"}], "trigger": {"type": "nope"}})
    assert {"name", "steps.0.type", "trigger.type"} <= set(found)


# The examples of the five documents: type names that have no code here yet are refused by name, and nothing else is.
CONTACT = {
    "id": "contact_form_workflow",
    "name": "Formulaire de Contact",
    "trigger": {"type": "form_submit", "form_id": "contact_form_1"},
    "steps": [
        {"id": "validate", "action": "validate_data", "params": {"schema": "contact_schema"}},
        {"id": "save_db", "action": "database_save", "params": {"table": "contacts", "data": "{{form_data}}"}},
        {"id": "send_email", "action": "integration_call", "integration": "sendgrid", "params": {"to": "admin@example.com", "data": "{{form_data}}"}},
        {"id": "send_slack", "action": "integration_call", "integration": "slack", "params": {"message": "Nouveau contact: {{form_data.name}}"}},
    ],
}  # fmt: skip
PAYMENT = {
    "id": "payment_workflow",
    "name": "Traitement de Paiement",
    "trigger": {"type": "event", "event_type": "payment.created"},
    "steps": [
        {"id": "create_stripe_customer", "action": "integration_call", "integration": "stripe", "params": {"action": "create_customer", "email": "{{input.customer_email}}"}},
        {"id": "create_subscription", "action": "integration_call", "integration": "stripe", "params": {"customer_id": "{{steps.create_stripe_customer.customer_id}}"}},
        {"id": "send_confirmation", "action": "send_email", "params": {"to": "{{input.customer_email}}", "subject": "Abonnement confirmé", "template": "subscription_confirmed"}},
    ],
}  # fmt: skip
BACKUP = {
    "id": "daily_backup_workflow",
    "name": "Sauvegarde Quotidienne",
    "trigger": {"type": "schedule", "cron_expression": "0 2 * * *"},
    "steps": [
        {"id": "export_data", "action": "database_query", "params": {"query": "SELECT 1"}},
        {"id": "upload_to_s3", "action": "integration_call", "integration": "aws_s3", "params": {"key": "backup_{{timestamp}}.json", "data": "{{steps.export_data.results}}"}},
        {"id": "notify_admin", "action": "send_email", "params": {"to": "admin@example.com", "message": "{{steps.export_data.count}} enregistrements"}},
    ],
}  # fmt: skip
CREATED = {
    "name": "New Contact Workflow",
    "description": "Traite les nouveaux contacts",
    "organization": 1,
    "status": "DRAFT",
    "steps": [
        {"step_id": "validate", "name": "Valider les données", "action_type": "validate_data", "order": 1, "params": {"schema": "contact_schema"}},
        {"step_id": "save", "name": "Sauvegarder en base", "action_type": "database_save", "order": 2, "params": {"table": "contacts", "data": "{{input.form_data}}"}},
        {"step_id": "call_external_api", "action": "integration_call", "on_error": "retry", "retry_count": 3, "retry_delay": 60, "params": {}},
    ],
    "triggers": [{"trigger_type": "form_submit", "config": {"form_id": "contact_form_1"}}],
}  # fmt: skip
CRM = {
    "name": "Mon workflow",
    "description": "Description",
    "trigger_type": "organisation_created",
    "actions": [
        {"type": "send_email", "config": {"to": "admin@example.com", "subject": "Nouvelle organisation: {{organisation.nom}}", "body": "Créée."}},
        {"type": "create_task", "config": {"title": "Follow up with {{deal_title}}", "due_date": "+3 days", "activity_type": "task"}},
        {"type": "update_field", "config": {"object": "deal", "field": "description", "value": "Created"}},
        {"type": "create_deal", "config": {"title": "New opportunity from {{contact.name}}", "value": 5000, "stage": "qualification"}},
    ],
}  # fmt: skip


@pytest.mark.parametrize(
    ("body", "ids", "unknown"),
    [
        (CONTACT, ["validate", "save_db", "send_email", "send_slack"], [f"steps.{n}.action" for n in range(4)]),
        (PAYMENT, ["create_stripe_customer", "create_subscription", "send_confirmation"], ["trigger.type", "steps.0.action", "steps.1.action"]),
        (BACKUP, ["export_data", "upload_to_s3", "notify_admin"], ["steps.0.action", "steps.1.action"]),
        (CREATED, ["validate", "save", "call_external_api"], ["steps.0.action_type", "steps.1.action_type", "steps.2.action"]),
        (CRM, ["send_email_1", "create_task_1", "update_field_1", "create_deal_1"], ["trigger_type", "actions.1.type", "actions.2.type", "actions.3.type"]),
    ],
)  # fmt: skip
def test_the_examples_of_the_documents(body, ids, unknown):
    assert [step["step_id"] for step in read(body)[0]["steps"]] == ids
    found = refused(body)
    assert sorted(found) == sorted(unknown)
    assert all("There is no" in message for message in found.values())


JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=6)
    | st.sampled_from(["a", "log", "{{ x }}"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)


def loosely(*keys: str, **fields: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return (
        st.fixed_dictionaries({}, optional={**dict.fromkeys(keys, JSON), **{k: v | JSON for k, v in fields.items()}})
        | JSON
    )


TYPES = st.sampled_from(["log", "TRACE", "send_email", "wait", "wait_time", "condition", "nope"])
IDS = st.sampled_from(["a", "b", "c"])
PARAMS = loosely("to", "body", "message", "wait_type", "template_id", wait_duration_hours=st.integers(0, 5))
ENTRIES = loosely(
    "name", "label", "position_x", "integration", id=IDS, step_id=IDS, node_id=IDS, action=TYPES, type=TYPES, node_type=TYPES,
    params=PARAMS, config=PARAMS, configuration=PARAMS, on_error=st.sampled_from(["STOP", "retry"]),
)  # fmt: skip
EDGES = loosely(
    "label",
    "condition_config",
    source=IDS,
    source_node=IDS,
    target=IDS,
    target_node=IDS,
    condition_type=st.sampled_from(["", "YES", "B"]),
)
STARTS = loosely(
    "form_id",
    "conditions",
    type=st.sampled_from(["manual", "SCHEDULED", "form_submitted"]),
    config=loosely("cron_expression", "form_id"),
)
BODIES = loosely(
    "conditions", "status", "config", "trigger_config", name=st.just("Flow"), trigger=STARTS, triggers=st.lists(STARTS, max_size=2),
    trigger_type=st.just("manual"), steps=st.lists(ENTRIES, max_size=3), nodes=st.lists(ENTRIES, max_size=2),
    actions=st.lists(ENTRIES, max_size=2), edges=st.lists(EDGES, max_size=3),
)  # fmt: skip


@settings(max_examples=150, deadline=None)
@given(BODIES)
def test_anything_json_like_is_read_or_refused(body):
    try:
        before = json.dumps(body)
        definition, _ = parse_body(body)
    except InvalidError as error:
        assert all(problem.message for problem in error.problems)
    else:
        assert read(definition.canonical())[0] == definition.canonical()
        assert parse_body(definition.canonical())[0] == definition
    assert json.dumps(body) == before


@st.composite
def mixed(draw: st.DrawFn) -> tuple[dict[str, Any], dict[str, Any]]:
    """A workflow, and the same with each key in any of its spellings."""
    ids = draw(st.lists(st.sampled_from("abcdef"), unique=True, min_size=1, max_size=4))
    steps = [
        {
            "step_id": s,
            "action_type": "log",
            "params": {"message": draw(st.text("xé", max_size=3))},
            "name": f"Step {s}",
        }
        for s in ids
    ]
    pairs = draw(
        st.lists(
            st.tuples(st.sampled_from(ids), st.sampled_from(ids), st.sampled_from(["yes", "next", "B"])),
            unique=True,
            max_size=4,
        )
    )
    edges = [{"source": s, "target": t, "branch": b} for s, t, b in pairs]
    start = {"trigger_type": "form_submit", "config": {"form": draw(st.text("fg", max_size=3))}}

    def spelled(entry: dict[str, Any], **spellings: list[str]) -> dict[str, Any]:
        return {draw(st.sampled_from(spellings.get(key, [key]))): value for key, value in entry.items()}

    said = (
        ["step_id", "id", "node_id"],
        ["action_type", "action", "type", "node_type"],
        ["params", "config", "configuration"],
    )
    entries = [spelled(s, step_id=said[0], action_type=said[1], params=said[2], name=["name", "label"]) for s in steps]
    links = [
        spelled(
            e, source=["source", "source_node"], target=["target", "target_node"], branch=["branch", "condition_type"]
        )
        for e in edges
    ]
    starts: list[dict[str, Any]] = [
        {"triggers": [spelled(start, trigger_type=["trigger_type", "type"], config=["config", "configuration"])]},
        {"trigger": {"type": "FORM_SUBMITTED", "form_id": start["config"]["form"]}},
        {"trigger_type": "form_submit", "trigger_config": start["config"]},
    ]
    container = draw(st.sampled_from(["steps", "nodes", "actions"]))
    body = flow(**{container: entries}, edges=links, **draw(st.sampled_from(starts)))
    return flow(steps=steps, edges=edges, triggers=[start]), body


@settings(max_examples=80, deadline=None)
@given(mixed())
def test_dialects_mixed_key_by_key_mean_the_same(pair):
    canonical, body = pair
    definition, rest = parse_body(body)
    assert definition == parse(defaults_of(body, canonical))
    assert rest == {}
    assert parse_body(definition.canonical()) == (definition, {})
