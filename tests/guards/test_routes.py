"""Every route says who may call it, and holds to it: each route with each role, and each route with somebody else's ids."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from flask import g
from werkzeug.routing import Rule

from flowapp.crm import companies, deals, fields, lists, notes, pipelines, tags
from flowapp.crm import tasks as crm_tasks
from flowapp.crm.views import service as views
from flowapp.events import Cause
from flowapp.extensions import db
from flowapp.models import (
    AccessToken,
    CaughtMail,
    Contact,
    DataTable,
    EmailTemplate,
    Execution,
    Form,
    Import,
    Integration,
    Invitation,
    Job,
    Member,
    Notification,
    Replay,
    Schema,
    Submission,
    Version,
    Workflow,
    new_id,
    utcnow,
)
from flowapp.models.tenancy import system_session, tenant_session
from flowapp.security.roles import Role
from tests.support.tenant import Tenant, add_member, make_tenant

DEFINITION = {
    "name": "Theirs",
    "triggers": [{"key": "manual_1", "trigger_type": "manual", "config": {}}],
    "steps": [{"step_id": "log", "name": "Log", "action_type": "log", "params": {"message": "x"}, "order": 1}],
}
METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE")


@pytest.fixture
def mine(app: Any) -> Iterator[Tenant]:
    with app.app_context():
        yield make_tenant(db.engine, "Mine")


def rules(app: Any) -> list[tuple[Rule, str]]:
    """Each rule with each of its methods."""
    return [
        (rule, method)
        for rule in app.url_map.iter_rules()
        for method in METHODS
        if rule.endpoint != "static" and method in (rule.methods or ()) and not rule.websocket
    ]


def access_of(app: Any, rule: Rule) -> Any:
    return getattr(app.view_functions[rule.endpoint], "access", None)


def url(app: Any, rule: Rule, values: dict[str, Any]) -> str:
    with app.test_request_context():
        adapter = app.create_url_adapter(None) or app.url_map.bind("localhost")
        path: str = adapter.build(rule.endpoint, {a: values[a] for a in rule.arguments}, force_external=False)
    return path


def test_every_route_declares_who_may_call_it(app: Any) -> None:
    silent = {r.endpoint for r in app.url_map.iter_rules() if r.endpoint != "static" and access_of(app, r) is None}
    assert not silent


def test_every_public_route_says_why(app: Any) -> None:
    for rule in app.url_map.iter_rules():
        rule_access = access_of(app, rule)
        if rule.endpoint != "static" and rule_access.role is None:
            assert len(rule_access.public) > 10, rule.endpoint


def some_values(rule: Rule) -> dict[str, Any]:
    return {name: new_id() if "id" in name else "1" for name in rule.arguments}


def of_member(app: Any, rule: Rule, tenant: Tenant) -> tuple[Any, dict[str, str]]:
    """A client and its headers: with the member's token, or signed in where a route takes no token."""
    client = app.test_client()
    g.pop("_login_user", None)  # the requests of a test share its context
    if not access_of(app, rule).person:
        return client, tenant.headers
    with client.session_transaction() as session:
        session.update(_user_id=f"{tenant.user_id}:0", _fresh=True, organization_id=tenant.organization_id)
    return client, {}


@pytest.fixture
def _no_csrf(app: Any) -> None:
    """These tests ask who may call; that a session needs the token of a form is shown elsewhere."""
    app.config["WTF_CSRF_METHODS"] = []


@pytest.mark.usefixtures("_no_csrf")
def test_a_lower_role_is_refused_everywhere(app: Any, mine: Tenant) -> None:
    members, wrong = {role: add_member(db.engine, mine, role.label) for role in Role}, []
    for rule, method in rules(app):
        role = access_of(app, rule).role
        for lower in [r for r in Role if role is not None and r < role]:
            client, headers = of_member(app, rule, members[lower])
            answer = client.open(url(app, rule, some_values(rule)), method=method, headers=headers)
            if answer.status_code != 403:
                wrong.append((rule.rule, method, lower.label, answer.status_code))
    assert not wrong


def test_nobody_is_sent_to_sign_in(app: Any, mine: Tenant) -> None:
    client, wrong = app.test_client(), []
    for rule, method in rules(app):
        if access_of(app, rule).role is None:
            continue
        answer = client.open(url(app, rule, some_values(rule)), method=method)
        signed_out = answer.status_code == 401 or (
            answer.status_code == 303 and answer.headers["Location"].startswith("/login")
        )
        if not signed_out:
            wrong.append((rule.rule, method, answer.status_code))
    assert not wrong


ACCOUNTS = ("/settings/profile", "/settings/tokens", "/settings/members")


def test_no_token_opens_a_page_of_accounts(app: Any, mine: Tenant) -> None:
    """Whoever finds an owner's token shall not make tokens, accounts or passwords of it."""
    client, wrong, asked = app.test_client(), [], 0
    for rule, method in rules(app):
        if rule.rule.startswith(ACCOUNTS) or access_of(app, rule).person:
            asked += 1
            answer = client.open(url(app, rule, some_values(rule)), method=method, headers=mine.headers)
            if answer.status_code != 403 or "API tokens cannot be used here" not in answer.text:
                wrong.append((rule.rule, method, answer.status_code))
    assert asked >= 14
    assert not wrong


@pytest.mark.usefixtures("_no_csrf")
def test_the_role_that_is_asked_for_is_let_in(app: Any, mine: Tenant) -> None:
    members, wrong = {role: add_member(db.engine, mine, role.label) for role in Role}, []
    for rule, method in rules(app):
        role = access_of(app, rule).role
        if role is not None:
            caller = mine if access_of(app, rule).installation else members[role]  # an owner of the first organization
            client, headers = of_member(app, rule, caller)
            answer = client.open(url(app, rule, some_values(rule)), method=method, headers=headers)
            sent_away = (answer.location or "").startswith("/login?")
            if sent_away or answer.status_code in (401, 403) or answer.status_code >= 500:
                wrong.append((rule.rule, method, role.label, answer.status_code))
    assert not wrong


def theirs(tenant: Tenant) -> dict[str, Any]:
    """One of everything in another organization: the name of a route's argument to the id."""
    own: dict[str, Any] = {"organization_id": tenant.organization_id}
    project = {**own, "project_id": tenant.project_id}
    with system_session(db.engine) as session:
        workflow = Workflow(**project, name="Theirs", status="active", draft=DEFINITION)
        session.add(workflow)
        session.flush()
        version = Version(**own, workflow_id=workflow.id, number=1, definition=DEFINITION, fingerprint="f")
        session.add(version)
        session.flush()
        execution = Execution(**own, workflow_id=workflow.id, version_id=version.id)
        table = DataTable(**project, name="Theirs", slug="theirs", physical_name="ud_theirs", columns=[])
        schema = Schema(**project, name="Theirs", slug="theirs", rules=[])
        form = Form(**project, name="Theirs", slug="theirs", key="theirs-key", fields=[])
        integration = Integration(**own, name="Theirs", integration_type="webhook")
        mail = CaughtMail(**own, message_id="<1@theirs>")
        invitation = Invitation(
            **own, email="a@b.example", role="viewer", token_hash="h", invited_by=tenant.user_id, expires_at=utcnow()
        )
        replay = Replay(**own)
        job = Job(**own, kind="bulk", title="Theirs")
        sent = Import(**own, noun="contact", file_name="Theirs", content=b"E-mail\na@b.example\n")
        contact = Contact(**own, email="a@b.example")
        notification = Notification(**own, user_id=tenant.user_id, title="Theirs")
        template = EmailTemplate(**project, name="Theirs", slug="theirs", subject="Theirs")
        session.add_all(
            [
                replay,
                job,
                sent,
                execution,
                table,
                schema,
                form,
                integration,
                mail,
                invitation,
                contact,
                notification,
                template,
            ]
        )
        session.flush()
        submission = Submission(**own, form_id=form.id, data={})
        session.add(submission)
        session.commit()
        crm = of_crm(tenant)
        member = session.query(Member).filter_by(organization_id=tenant.organization_id).one()
        token = session.query(AccessToken).filter_by(organization_id=tenant.organization_id).one()
        return {
            "workflow_id": workflow.id, "execution_id": execution.id, "exec_id": execution.id, "table_id": table.id,
            "schema_id": schema.id, "form_id": form.id, "template_id": template.id, "template_key": workflow.id, "integration_id": integration.id, "mail_id": mail.id,
            "invitation_id": invitation.id, "submission_id": submission.id, "member_id": member.id,
            **crm, "contact_id": contact.id, "notification_id": notification.id,
            "token_id": token.id, "version_id": version.id, "replay_id": replay.id, "job_id": job.id, "import_id": sent.id, "record_id": new_id(), "step_id": "log",
            "trigger_key": "manual_1", "key": "manual_1", "seq": 1, "number": 1, "integration_type": "webhook", "action_type": "log", "trigger_type": "manual", "name": "input",
        }  # fmt: skip


def of_crm(tenant: Tenant) -> dict[str, str]:
    """One of everything of the CRM."""
    cause = Cause(tenant.user_id)
    with tenant_session(db.engine, tenant.organization_id) as session:
        deal = deals.create(session, {"title": "Theirs"}, cause=cause)
        made: dict[str, Any] = {
            "deal_id": deal,
            "pipeline_id": pipelines.default(session),
            "company_id": companies.create(session, {"name": "Theirs"}, cause=cause),
            "note_id": notes.create(session, {"text": "Theirs", "deal": deal.id}, cause=cause),
            "task_id": crm_tasks.create(session, {"title": "Theirs"}, cause=cause),
            "tag_id": tags.create(session, "Theirs"),
            "list_id": lists.create(session, {"name": "Theirs"}),
            "field_id": fields.create(session, {"object": "deal", "label": "Theirs"}),
            "view_id": views.create(
                session,
                views.ViewMember(tenant.user_id, may_share=True),
                {"object": "deal", "name": "Theirs", "shared": True},
            ),
        }
        session.commit()
        return {name: row.id for name, row in made.items()}


# Routes whose argument is no id of a tenant's object: a choice from the catalog.
NO_IDS = {
    "integrations.new", "integration_dialog.connect", "field_options.show", "crm_imports.new", "crm_imports.create", "crm_exports.save",
}  # fmt: skip


@pytest.mark.usefixtures("_no_csrf")
def test_somebody_elses_ids_are_not_found_anywhere(app: Any, mine: Tenant) -> None:
    values, wrong = theirs(make_tenant(db.engine, "Theirs")), []
    for rule, method in rules(app):
        if not rule.arguments or access_of(app, rule).role is None or rule.endpoint in NO_IDS:
            continue
        unknown = rule.arguments - set(values)
        assert not unknown, f"{rule.rule}: tell this guard what {unknown} is"
        client, headers = of_member(app, rule, mine)
        answer = client.open(
            url(app, rule, values), method=method, headers=headers, json={} if "/api" in rule.rule else None
        )
        if answer.status_code != 404:
            wrong.append((rule.rule, method, answer.status_code))
    assert not wrong
