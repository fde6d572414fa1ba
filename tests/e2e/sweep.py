"""An installation in which every page has something to show, and the addresses of all its pages."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from html import unescape
from typing import Any

from flask import Flask
from sqlalchemy import select
from sqlalchemy.orm import Session
from werkzeug.routing import Rule

from flowapp import tasks, workflows
from flowapp.accounts import invitations, members, password_resets
from flowapp.catalog import ACTIONS, CONNECTORS, TRIGGERS
from flowapp.crm import companies, contacts, deals, fields, lists, notes, tags
from flowapp.crm import tasks as tasks_of_crm
from flowapp.crm.imports import service as imports
from flowapp.crm.views import service as views
from flowapp.data import records
from flowapp.engine.store.start import start
from flowapp.events import SYSTEM, Cause
from flowapp.executions import replays
from flowapp.extensions import db
from flowapp.integrations import service as integrations
from flowapp.marketing import email_templates
from flowapp.models import (
    CaughtMail,
    DataTable,
    Execution,
    Form,
    Integration,
    Member,
    Organization,
    Project,
    Schema,
    Submission,
    User,
    Workflow,
    utcnow,
)
from flowapp.models.tenancy import system_session, tenant_session
from flowapp.records.jobs import Batch, Failure, claims, create, service
from flowapp.security.links import sign
from flowapp.security.roles import Role
from tests.support.browser import Browser
from tests.support.processes import wait_until

Values = dict[str, str]

# Names as long as they may be: of one word, of many, from right to left with emoji.
WORD = "W" * 200
WORDS = ("Nightly report to the accounting department " * 5)[:200].strip()
MIXED = ("طلبات العملاء 🧾👩‍👩‍👧 " * 20)[:200].strip()
ADDRESS = f"{'a' * 64}@{'b' * 60}.{'c' * 60}.{'d' * 55}.example"

REPORT: dict[str, Any] = {
    "name": WORD,
    "description": "Fetches the day's invoices, adds them up, and tells the team. It waits a day between two tries.",
    "triggers": [
        {"trigger_type": "schedule", "config": {"every": "daily", "at": "02:30", "timezone": "Europe/Paris"}},
        {"trigger_type": "webhook", "config": {}},
    ],
    "steps": [
        {"step_id": "large", "name": WORDS, "action_type": "conditional", "order": 1,
         "params": {"conditions": {"all": [{"field": "input.amount", "operator": ">", "value": 1000}]}}},
        {"step_id": "pause", "name": MIXED, "action_type": "wait_time", "order": 2,
         "params": {"duration": "1 day"}},
        {"step_id": "tell", "name": WORD, "action_type": "log", "order": 3,
         "params": {"message": "Invoice {{ input.number }} over {{ input.amount }}", "level": "warning"}},
    ],
    "edges": [
        {"source": "large", "target": "tell", "branch": "yes"},
        {"source": "large", "target": "pause", "branch": "no"},
    ],
}  # fmt: skip
EVERYTHING: dict[str, Any] = {
    "name": MIXED,
    "steps": [
        {"step_id": "size", "name": WORD, "action_type": "switch",
         "params": {"value": "{{ input.size }}", "cases": [{"name": "small", "equals": "S"}, {"name": "large", "equals": "L"}]}},
        {"step_id": "lines", "name": MIXED, "action_type": "loop", "params": {"items": "{{ input.lines }}"}},
        {"step_id": "note", "name": "Note the line", "action_type": "log", "params": {"message": "{{ index }}: {{ item }}"}},
        {"step_id": "tell", "name": "Tell the team", "action_type": "log", "params": {"message": "A small one"}},
        {"step_id": "both", "name": "Both came", "action_type": "merge", "params": {}},
        {"step_id": "ask", "name": WORDS, "action_type": "wait_event",
         "params": {"kind": "approval", "role": "owner", "title": WORD, "message": "Order {{ input.number }}"}},
        {"step_id": "ship", "name": "Ship", "action_type": "log", "params": {"message": "Shipped"}},
    ],
    "edges": [
        {"source": "size", "target": "tell", "branch": "small"},
        {"source": "size", "target": "lines", "branch": "large"},
        {"source": "size", "target": "tell", "branch": "large"},
        {"source": "lines", "target": "note", "branch": "each"},
        {"source": "lines", "target": "both", "branch": "done"},
        {"source": "tell", "target": "both"},
        {"source": "both", "target": "ask"},
        {"source": "ask", "target": "ship", "branch": "approved"},
    ],
    "triggers": [{"trigger_type": "webhook", "config": {"response": "respond"}}],
}  # fmt: skip
# What the address of a page asks for beside its route; pages of a workflow that has no such thing are left out.
QUERIES: dict[str, Values] = {
    "edges.change": {"source": "large", "branch": "yes", "target": "tell"},
    "workflow_values.show": {"path": "now"},
    "field_options.show": {"prefix": "p-"},
    **{
        name: {} for name in ("companies.view", "contacts.view", "deals.view", "tasks.view")
    },  # each has views of its own
}
# HTML that is no page.
NOT_PAGES = {
    "mail.html": "the text of an e-mail, as somebody sent it",
    "email_templates.html": "the text of an e-mail, as somebody wrote it",
    **dict.fromkeys(("companies.known", "contacts.known", "deals.known"), "what a field suggests"),
    **dict.fromkeys(
        ("companies.cell", "contacts.cell", "deals.cell", "tasks.cell"), "a cell of a list, while it is changed"
    ),
}


@dataclass
class Furnished:
    """What was made: one set of route arguments for each thing; the cookies of the owner who made it."""

    cookies: Values
    sets: list[Values] = field(default_factory=list)


@dataclass(frozen=True)
class Page:
    endpoint: str
    path: str
    signed_in: bool
    static_heading: str
    """In English; empty where it is about what the address names."""


def furnish(app: Flask) -> Furnished:
    """Sets Flowapp up with its demo, and adds what the demo lacks. The workers of `app`'s data folder must run."""
    browser = Browser(app).set_up(demo="y")
    cookie = browser.client.get_cookie("flowapp_session")
    place = Furnished({"flowapp_session": cookie.value})
    with app.app_context():
        with system_session(db.engine) as system:
            organization, owner = system.scalars(select(Organization)).one(), system.scalars(select(User)).one()
            organization.name, owner.name = MIXED, WORD
            system.commit()
        with tenant_session(db.engine, organization.id) as session:
            _run(session, place)
            _fill(session, place, owner)
            session.commit()
        forgotten = password_resets.begin(db.engine, owner.email)
        place.sets += [{"token": forgotten[1] if forgotten else ""}]
    return place


def _run(session: Session, place: Furnished) -> None:
    """The demo's executions, and one that waits, one that failed, one whose workflow nobody has filled yet."""
    demo = session.scalars(select(Workflow).filter_by(status="active")).one()
    report = workflows.create(session, REPORT, actor_id=None)
    workflows.activate(session, report, actor_id=None)
    empty = workflows.create(session, {"name": "Not begun"}, actor_id=None)
    session.commit()
    ends = [
        (demo, {}, "completed"),
        (report, {"number": "2026-118", "amount": 250}, "waiting"),
        (report, {"amount": 4200}, "failed"),
    ]
    for workflow, given, status in ends:
        execution = _start(session, workflow, given)
        wait_until(lambda e=execution, s=status: _reached(session, e, s), message=f"no execution is {status}")
        place.sets += [{"execution_id": execution.id}, {"workflow_id": workflow.id, "execution_id": execution.id}]
    orders = _wait_for_approval(session, place)
    for workflow in (demo, report, empty, orders):
        _name_all(place, workflow)
    place.sets += [{"number": 1}]  # the first of each noun that has numbers
    place.sets += [{"workflow_id": report.id, "number": 1}]  # its published version
    place.sets += [{"workflow_id": report.id, "action_type": kind} for kind in ACTIONS]
    place.sets += [{"workflow_id": report.id, "trigger_type": kind} for kind in TRIGGERS]
    place.sets += [{"step_type": "slack_send_message", "field": "channel"}]


def _wait_for_approval(session: Session, place: Furnished) -> Workflow:
    """A workflow with switch, loop and merge whose execution asks the owner; the links of its e-mail."""
    workflow = workflows.create(session, EVERYTHING, actor_id=None)
    session.commit()
    execution = _start(session, workflow, {"size": "L", "number": 7, "lines": ["Chairs", "Tables", "Lamps"]})
    wait_until(lambda: _reached(session, execution, "waiting"), message="nobody was asked")
    key, owner = tasks.runtime().settings.secret_key, session.scalars(select(Member)).one()
    place.sets += [
        {"execution_id": execution.id},
        {"token": sign(key, "approval", [execution.id, "ask", owner.user_id, 0])},
        {"token": sign(key, "resume", execution.id)},
    ]
    return workflow


def _start(session: Session, workflow: Workflow, given: dict[str, Any]) -> Execution:
    version = workflows.version_to_run(session, workflow, actor_id=None)
    execution, _ = start(session, workflow, version, input_data=given)
    tasks.commit_and_start(session, execution)
    session.add(execution)
    return execution


def _reached(session: Session, execution: Execution, status: str) -> bool:
    session.refresh(execution)
    session.commit()
    return execution.status == status


def _name_all(place: Furnished, workflow: Workflow) -> None:
    """The workflow, with each of its steps and each of its triggers."""
    own, definition = {"workflow_id": workflow.id}, workflows.definition_of(workflow)
    place.sets += [own]
    place.sets += [own | {"step_id": step.step_id} for step in definition.steps]
    place.sets += [own | {"key": trigger.key} for trigger in definition.triggers]


def _fill(session: Session, place: Furnished, owner: User) -> None:
    """Records, a token, an invitation, an integration; and the names of what the demo made."""
    table, form, schema = (session.scalars(select(kind)).one() for kind in (DataTable, Form, Schema))
    _lengthen(session)
    for number in range(30):
        name = (WORD, MIXED, f"Person {number}")[number % 3]
        row = {"name": name, "email": f"person.{number}@example.com", "message": "Hello. " * number}
        record = records.create(session, table, row)
    token, _ = members.create_token(session, owner.id, WORD, Role.EDITOR, by=Role.OWNER)
    invited, invitation = invitations.invite(session, ADDRESS, Role.EDITOR, by=Role.OWNER, actor_id=owner.id)
    service = Integration(integration_type="webhook")
    config, credentials = {"base_url": "https://api.example.com", "auth": "bearer"}, {"secret": "s"}
    integrations.save(
        session, tasks.runtime().vault, service, name=WORD, config=config, credentials=credentials, cause=SYSTEM
    )
    mail = wait_until(lambda: session.scalars(select(CaughtMail)).first(), message="the demo's e-mail was not caught")
    place.sets += [
        {"table_id": table.id},
        {"table_id": table.id, "record_id": record["id"]},
        {"form_id": form.id},
        {"schema_id": schema.id},
        {"key": form.key},
        {"token": invitation},
        {"invitation_id": invited.id},
        {"token_id": token.id},
        {"integration_id": service.id},
        {"mail_id": mail.id},
        *_records(session, owner),
        {"template_id": _template(session)},
        {"replay_id": _replay(session, owner)},
        {"job_id": _job(session, owner)},
        {"object_name": "contact"},
        {"import_id": _import(session, owner)},
        *({"integration_type": kind} for kind in CONNECTORS),
    ]


def _lengthen(session: Session) -> None:
    """What the demo made gets names as long as they may be."""
    session.scalars(select(Project)).one().name = WORD
    for kind, name in ((DataTable, WORD), (Form, MIXED), (Schema, WORDS)):
        session.scalars(select(kind)).one().name = name
    table, form = session.scalars(select(DataTable)).one(), session.scalars(select(Form)).one()
    form.title = WORD
    form.fields = [{**field, "label": label} for field, label in zip(form.fields, (WORD, MIXED, WORDS), strict=False)]
    answers = {field["key"]: WORD for field in form.fields}
    session.add(Submission(form_id=form.id, data=answers))
    table.columns = [
        {**column, "label": label} for column, label in zip(table.columns, (WORD, MIXED, WORDS), strict=False)
    ]


def _records(session: Session, owner: User) -> list[Values]:
    """A contact, a company, a deal with a note and a task, and a deal that is lost."""
    cause = Cause(owner.id)
    company = companies.create(session, {"name": WORD, "domain": "engines.example"}, cause=cause)
    given = {"company": company.id, "owner": owner.id}
    contact = contacts.create(
        session, {"email": "ada@engines.example", "first_name": MIXED, "last_name": WORD, **given}, cause=cause
    )
    deal = deals.create(session, {"title": WORD, "value": "15000", "contact": contact.id, **given}, cause=cause)
    deals.update(session, deal, {"stage": "QUALIFICATION", "value": "17500"}, cause=cause)
    lost = deals.create(session, {"title": MIXED, "stage": "PERDU", "lost_reason": WORDS}, cause=cause)
    about = {"deal": deal.id, "contact": contact.id}
    notes.create(session, {"text": "She wants a demo.", **about}, cause=cause)
    task = tasks_of_crm.create(
        session, {"title": WORD, "due_date": "2026-01-01", "assignee": owner.id, **about}, cause=cause
    )
    tags.add(session, deal, ["R&D", WORD[:100]], cause=cause)
    lists.add(session, lists.create(session, {"name": WORDS}), contact, cause=cause)
    choices = {"object": "deal", "label": WORDS, "type": "choice", "options": [WORD, MIXED]}
    field = fields.create(session, choices)
    return [
        {"pipeline_id": deal.pipeline_id},
        {"field_id": field.id},
        {"contact_id": contact.id},
        {"company_id": company.id},
        {"deal_id": deal.id},
        {"deal_id": lost.id},
        {"task_id": task.id},
        *_views(session, owner),
    ]


def _views(session: Session, owner: User) -> list[Values]:
    """A view of each list."""
    me = views.ViewMember(owner.id)
    nouns = ("contact", "company", "deal", "task")
    made = (views.create(session, me, {"object": noun, "name": WORD[:100]}) for noun in nouns)
    return [{"view_id": view.id} for view in made]


def _template(session: Session) -> str:
    """An e-mail template whose names are as long as they may be."""
    body = {"name": WORD, "subject": MIXED, "html": f"<p>{WORDS}</p><p>{{{{ contact.first_name }}}} {WORD}</p>"}
    return email_templates.create(session, body).id


def _replay(session: Session, owner: User) -> str:
    """A replay that was cancelled before it began."""
    replay = replays.create(session, replays.Choice(), "start", "same", created_by=owner.id)
    replays.cancel(session, replay)
    return replay.id


def _import(session: Session, owner: User) -> str:
    """A file that was sent, with long names and values."""
    content = f"{WORD};E-mail;{MIXED}\n{MIXED};{ADDRESS};{WORD}\n".encode()
    return imports.create(session, "contact", f"{WORD}.csv", content, created_by=owner.id).id


def _job(session: Session, owner: User) -> str:
    """A job with something that failed, cancelled before its end."""
    job = create(session, "bulk", WORD, created_by=owner.id, total=3)
    failed = [Failure("1", MIXED, name=WORD), Failure("2", WORDS, name=MIXED)]
    claims.write(session, job, Batch(cursor=2, done=2, failures=failed), utcnow())
    service.cancel(session, job)
    return job.id


def pages(app: Flask, place: Furnished) -> list[Page]:
    """Every page: the GET routes that answer HTML, with every set of arguments that fits. AssertionError for a route
    whose arguments nothing fits, or that answers an error."""
    return [page for rule in app.url_map.iter_rules() if _may_be_page(rule) for page in _pages_of(app, rule, place)]


def _may_be_page(rule: Rule) -> bool:
    is_read = "GET" in (rule.methods or ()) and not rule.websocket
    is_data = "." in rule.rule.rpartition("/")[2] or (rule.rule.startswith("/api/") and rule.arguments)
    return is_read and not is_data and rule.endpoint != "static" and rule.endpoint not in NOT_PAGES


def _pages_of(app: Flask, rule: Rule, place: Furnished) -> Iterator[Page]:
    fitting = [values for values in [{}, *place.sets] if rule.arguments == set(values)]
    assert fitting, f"{rule.rule}: tell tests/e2e/sweep.py what {sorted(rule.arguments)} may be"
    signed_in = app.view_functions[rule.endpoint].access.role is not None
    client = app.test_client()
    if signed_in:
        for name, value in place.cookies.items():
            client.set_cookie(name, value)
    found = 0
    for values in fitting:
        with app.test_request_context():
            path = str(app.url_map.bind("localhost").build(rule.endpoint, values | QUERIES.get(rule.endpoint, {})))
        answer = client.get(path, headers={"Accept": "text/html"})
        if answer.status_code == 404 and ("token" in values or rule.endpoint in QUERIES):
            continue  # the token of another page, a thing of another workflow
        if answer.mimetype == "text/html" and answer.status_code not in (301, 302, 303, 308):
            assert answer.status_code == 200, f"{path}: {answer.status}"
            yield Page(rule.endpoint, path, signed_in, "" if rule.arguments else _heading(answer.text))
        found += 1
    assert found, f"{rule.rule}: no token of tests/e2e/sweep.py opens it"


def _heading(text: str) -> str:
    found = re.search(r"<h1\b.*?</h1>", text, re.DOTALL)
    assert found, "a page without a heading"
    return " ".join(unescape(re.sub(r"<[^>]*>", "", found[0])).split())
