"""The commands."""

from __future__ import annotations

import dataclasses
from typing import Any
from urllib.parse import urlsplit

import pytest
from cryptography.fernet import Fernet
from sqlalchemy import select

from flowapp import workflows
from flowapp.config import Settings
from flowapp.extensions import db
from flowapp.integrations import service as integrations
from flowapp.models import AccessToken, Integration, Member, Trigger, User, Version, Workflow
from flowapp.models.tenancy import system_session, tenant_session
from flowapp.security import installation_keys
from flowapp.tasks import runtime
from tests.support.applications import running
from tests.support.browser import PASSWORD, Browser
from tests.support.fleet import whole_fleet


def run(app: Any, *words: str, code: int = 0, **options: Any) -> str:
    result = app.test_cli_runner().invoke(args=list(words), **options)
    assert result.exit_code == code, (result.output, result.exception)
    return result.output


def superuser(app: Any, email: str = "ada@example.com", **options: Any) -> str:
    return run(app, "create-superuser", "--email", email, "--name", "Ada", "--password", PASSWORD, **options)


def rows(app: Any, model: Any) -> list[Any]:
    with app.app_context(), system_session(db.engine) as system:
        return list(system.scalars(select(model).order_by(model.id)))


def test_create_superuser_makes_organization_and_owner(app: Any) -> None:
    assert "ada@example.com was made" in superuser(app)
    assert [m.role for m in rows(app, Member)] == ["owner"]
    assert "bob@example.com was made" in superuser(app, "Bob@example.com")
    assert len({m.organization_id for m in rows(app, Member)}) == 1


def test_create_superuser_asks_for_what_is_missing(app: Any) -> None:
    run(app, "create-superuser", input=f"ada@example.com\n{PASSWORD}\n{PASSWORD}\n")
    assert [u.email for u in rows(app, User)] == ["ada@example.com"]


def test_create_superuser_resets_a_forgotten_password(app: Any) -> None:
    superuser(app)
    (before,) = rows(app, User)
    assert "has a new password" in superuser(app)
    (after,) = rows(app, User)
    assert (after.id, after.session_epoch) == (before.id, before.session_epoch + 1)
    assert after.password_hash != before.password_hash


def test_create_superuser_says_what_is_wrong(app: Any) -> None:
    output = run(app, "create-superuser", "--email", "x", "--password", "short", code=1)
    assert "email: Enter an e-mail address" in output
    assert "password: The password needs at least 10 characters" in output
    assert rows(app, User) == []


def test_create_token_prints_it_alone_on_the_last_line(app: Any) -> None:
    superuser(app)
    token = run(app, "create-token", "--email", "ADA@example.com", "--role", "viewer").splitlines()[-1]
    assert token.startswith("fla_")
    assert [t.role for t in rows(app, AccessToken)] == ["viewer"]
    answer = app.test_client().get("/api/v1/automation/workflows/", headers={"Authorization": f"Bearer {token}"})
    assert answer.status_code == 200
    assert "no member" in run(app, "create-token", "--email", "eve@example.com", code=1)


def test_reset_password_prints_a_link_alone_on_the_last_line(app: Any) -> None:
    superuser(app)
    link = run(app, "reset-password", "--email", " ADA@example.com").splitlines()[-1]
    browser = Browser(app)
    browser.get(urlsplit(link).path)
    assert "ada@example.com" in browser.text and "New password" in browser.text
    assert "no account" in run(app, "reset-password", "--email", "eve@example.com", code=1)


def test_create_token_makes_the_owner_of_the_environment_first(settings: Settings) -> None:
    with running(dataclasses.replace(settings, admin_email="root@example.com", admin_password=PASSWORD)) as app:
        run(app, "create-token", "--email", "root@example.com")
        assert [t.role for t in rows(app, AccessToken)] == ["owner"]


def test_seed_demo_can_be_repeated(app: Any) -> None:
    assert "create-superuser first" in run(app, "seed-demo", code=1)
    superuser(app)
    for _time in range(2):
        assert "“Welcome a new contact” is ready" in run(app, "seed-demo", "--contacts", "0")
    assert [w.name for w in rows(app, Workflow)] == ["Hello, Flowapp", "Welcome a new contact"]


def test_doctor_finds_nothing_wrong_and_shows_no_secret(app: Any, settings: Settings) -> None:
    whole_fleet()
    output = run(app, "doctor")
    assert "WRONG" not in output
    for secret in (settings.secret_key, *settings.encryption_keys):
        assert secret not in output


def test_doctor_fails_where_something_is_wrong(settings: Settings, tmp_path: Any) -> None:
    broken = dataclasses.replace(
        settings,
        redis_url=f"unix://{tmp_path}/no.sock",
        smtp_url="smtp://somebody:hunter2@127.0.0.1:1",
        admin_email="root@example.com",
        admin_password="short",
    )
    with running(broken) as app:
        whole_fleet()
        output = run(app, "doctor", code=1)
    wrong = [line.split()[1] for line in output.splitlines() if line.split()[0] == "WRONG"]
    assert wrong == ["redis", "mail", "people"]
    assert "hunter2" not in output


def test_doctor_notices_missing_migrations(settings: Settings, tmp_path: Any) -> None:
    with running(dataclasses.replace(settings, database_url=f"sqlite:///{tmp_path}/empty.db")) as app:
        assert "alembic -c migrations/alembic.ini upgrade head" in run(app, "doctor", code=1)


def _with_secrets(app: Any) -> None:
    """An integration, and a workflow whose webhook has a secret, published and with a draft that equals it."""
    superuser(app)
    (member,) = rows(app, Member)
    with app.test_request_context(), tenant_session(db.engine, member.organization_id) as session:
        credentials = runtime().vault.encrypt({"secret": "of the service"})
        session.add(Integration(name="Service", integration_type="webhook", credentials=credentials))
        body = {
            "name": "Hook",
            "triggers": [{"trigger_type": "webhook", "config": {"auth": "header", "secret": "of the hook"}}],
            "steps": [{"step_id": "a", "action_type": "log", "params": {"message": "x"}}],
        }
        workflow = workflows.create(session, body, actor_id=member.user_id)
        workflows.update(session, workflow, {"description": "Changed"}, actor_id=member.user_id)
        workflows.activate(session, workflow, actor_id=member.user_id)
        session.commit()


def test_make_keys_prints_two_settings_that_can_be_used(app: Any, tmp_path: Any) -> None:
    first, second = (run(app, "make-keys").splitlines() for _ in range(2))
    assert not set(first) & set(second)
    made = dict(line.split("=", 1) for line in first)
    assert list(made) == ["FLOWAPP_SECRET_KEY", "FLOWAPP_ENCRYPTION_KEYS"]
    read = Settings.from_env({**made, "FLOWAPP_DATA_DIR": str(tmp_path / "fresh")})
    assert read.secret_key == made["FLOWAPP_SECRET_KEY"]
    assert read.encryption_keys == (made["FLOWAPP_ENCRYPTION_KEYS"],)
    assert list((tmp_path / "fresh").iterdir()) == [], "they are used as they are"


def test_rotate_keys_leaves_nothing_under_the_old_key(settings: Settings) -> None:
    fresh = Fernet.generate_key().decode()
    with running(settings) as app:
        _with_secrets(app)
    with running(dataclasses.replace(settings, encryption_keys=(fresh, *settings.encryption_keys))) as app:
        assert "2 secrets" in run(app, "rotate-keys")
    with running(dataclasses.replace(settings, encryption_keys=(fresh,))) as app, app.app_context():
        vault = runtime().vault
        (row,), (trigger,) = rows(app, Integration), rows(app, Trigger)
        workflow, version = rows(app, Workflow)[-1], rows(app, Version)[-1]
        with system_session(db.engine) as system:
            assert integrations.opened(vault, system.merge(row)) == {"secret": "of the service"}
            earlier = system.merge(workflow).earlier_drafts
        for config in (
            trigger.config,
            workflow.draft["triggers"][0]["config"],
            version.definition["triggers"][0]["config"],
            earlier[-1]["triggers"][0]["config"],
        ):
            assert vault.open(config)["secret"] == "of the hook"
        assert workflow.draft_fingerprint == version.fingerprint
        assert workflow.draft == version.definition
        whole_fleet()
        assert "WRONG" not in run(app, "doctor")


def test_rotate_keys_changes_nothing_where_a_key_is_missing(settings: Settings) -> None:
    with running(settings) as app:
        _with_secrets(app)
        before = [row.credentials for row in rows(app, Integration)]
    with running(dataclasses.replace(settings, encryption_keys=(Fernet.generate_key().decode(),))) as app:
        assert "Nothing was changed" in run(app, "rotate-keys", code=1)
        assert [row.credentials for row in rows(app, Integration)] == before
        assert "keys" in [line.split()[1] for line in run(app, "doctor", code=1).splitlines() if "WRONG" in line]


def test_rotate_keys_gives_up_what_is_lost_where_somebody_says_so(settings: Settings) -> None:
    fresh = Fernet.generate_key().decode()
    with running(settings) as app:
        _with_secrets(app)
        whole_fleet()
        assert "WRONG" not in run(app, "doctor")
    with running(dataclasses.replace(settings, encryption_keys=(fresh,))) as app:
        said = run(app, "rotate-keys", "--accept-lost")
        assert "0 secrets" in said and "The integration “Service”; The workflow “Hook”" in said
        with app.app_context():
            assert installation_keys.check(db.engine, [fresh]) == [installation_keys.fingerprint(fresh)]


@pytest.mark.parametrize(
    "command", ["create-superuser", "create-token", "reset-password", "seed-demo", "doctor", "make-keys", "rotate-keys"]
)
def test_every_command_explains_itself(app: Any, command: str) -> None:
    assert len(run(app, command, "--help").splitlines()) > 3


def test_a_database_that_is_not_set_up_is_said_in_a_sentence(tmp_path: Any, settings: Settings) -> None:
    nothing = dataclasses.replace(settings, database_url=f"sqlite:///{tmp_path}/empty.db")
    with running(nothing) as app:
        said = run(app, "simulate", "x", code=1)
        assert "alembic -c migrations/alembic.ini upgrade head" in said
        assert "Traceback" not in said
