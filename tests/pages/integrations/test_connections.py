"""Integrations: forms made of the connectors' models, secrets kept, services tried out."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import pytest
from sqlalchemy import select

from flowapp import tasks
from flowapp.catalog import CONNECTORS
from flowapp.extensions import db
from flowapp.integrations import service as integrations
from flowapp.integrations import usage
from flowapp.models import AuditEntry, Integration, new_id, utcnow
from flowapp.models.tenancy import system_session
from tests.support.browser import Browser
from tests.support.tenant import add_organization

SECRET = "s3cr3t-token-of-the-service"
BASE = "/integrations"


@pytest.fixture
def ada(app: Any) -> Browser:
    return Browser(app).set_up()


def stored(app: Any) -> list[Integration]:
    with app.app_context(), system_session(db.engine) as system:
        return list(system.scalars(select(Integration)))


def opened(row: Integration) -> Any:
    with system_session(db.engine) as system:
        return integrations.opened(tasks.runtime().vault, system.merge(row))


def service(sink: Any, **changes: str) -> dict[str, str]:
    return {
        "name": "My service",
        "config-base_url": sink.url("/"),
        "config-auth": "bearer",
        "secret-secret": SECRET,
        **changes,
    }


def test_a_service_is_connected_tried_and_deleted(app: Any, ada: Browser, sink: Any) -> None:
    ada.get(BASE)
    assert "Nothing connected yet" in ada.text
    ada.get(f"{BASE}/new")
    assert f"{BASE}/new/webhook" in ada.text
    ada.get(f"{BASE}/new/webhook")
    path = ada.post(f"{BASE}/new/webhook", service(sink)).location
    (row,) = stored(app)
    assert (row.name, row.integration_type, row.provider) == ("My service", "webhook", "http")
    assert SECRET.encode() not in row.credentials
    with app.app_context():
        assert opened(row) == {"secret": SECRET}
    ada.post(f"{path}/test")
    assert sink.requests[0].headers["Authorization"] == f"Bearer {SECRET}"
    ada.get(path)
    assert "returned 200" in ada.text
    assert SECRET not in ada.text
    ada.post(f"{path}/delete")
    assert stored(app) == []
    with app.app_context(), system_session(db.engine) as system:
        actions = system.scalars(select(AuditEntry.action).order_by(AuditEntry.id)).all()
        assert SECRET not in str(system.execute(select(AuditEntry.__table__)).all())
    assert actions[-3:] == ["integration.created", "integration.tested", "integration.deleted"]


def test_a_secret_that_is_not_typed_again_stays(app: Any, ada: Browser, sink: Any) -> None:
    path = ada.post(f"{BASE}/new/webhook", service(sink)).location
    ada.post(path, service(sink, **{"name": "Renamed", "secret-secret": ""}))
    (row,) = stored(app)
    with app.app_context():
        assert (row.name, opened(row)) == ("Renamed", {"secret": SECRET})
    ada.post(path, service(sink, **{"secret-secret": "", "secret-secret-forget": "y"}))
    with app.app_context():
        assert opened(stored(app)[0]) == {}


def used(app: Any, at: datetime) -> None:
    with app.app_context(), system_session(db.engine) as system:
        usage.add(system, new_id(), {}, {row.id: usage.LastUse(at) for row in system.scalars(select(Integration))})
        system.commit()


def test_what_was_used_before_a_change_says_nothing_of_how_it_is_now(app: Any, ada: Browser, sink: Any) -> None:
    path = ada.post(f"{BASE}/new/webhook", service(sink)).location
    for change in ({"secret-secret": "another-token"}, {"config-auth": "header", "secret-secret": ""}):
        used(app, utcnow())
        ada.post(path, service(sink, name="Renamed", **{"secret-secret": ""}))
        ada.get(BASE)
        assert "Works" in ada.text
        ada.post(path, service(sink, name="Renamed", **change))
        ada.get(BASE)
        assert "Works" not in ada.text
        assert "Not tested yet" in ada.text


def test_what_the_service_answers_is_told(ada: Browser, sink: Any) -> None:
    from tests.support.servers.sink import Answer

    path = ada.post(f"{BASE}/new/webhook", service(sink)).location
    sink.default = Answer(status=401)
    ada.post(f"{path}/test")
    ada.get(path)
    assert "refused the credentials" in ada.text
    ada.get(BASE)
    assert "Failed" in ada.text


def test_a_mail_server_is_tried_without_sending(ada: Browser, smtp: Any) -> None:
    data = {
        "name": "Post",
        "config-provider": "smtp",
        "config-host": "127.0.0.1",
        "config-port": str(smtp.port),
        "config-security": "none",
    }
    path = ada.post(f"{BASE}/new/email", data).location
    ada.post(f"{path}/test")
    ada.get(path)
    assert "Connected to 127.0.0.1" in ada.text
    assert smtp.inbox == []


@pytest.mark.parametrize(
    ("changes", "field", "words"),
    [
        ({"name": ""}, "name", "Enter a name"),
        ({"name": "a\0b"}, "name", "Enter a name"),
        ({"config-base_url": ""}, "config-base_url", ""),
        ({"config-base_url": "file:///etc"}, "config-base_url", "must start with http:// or https://"),
        ({"config-auth": "magic"}, "config-auth", ""),
    ],
)
def test_what_is_wrong_stands_beside_its_field(
    app: Any, ada: Browser, sink: Any, changes: dict[str, str], field: str, words: str
) -> None:
    ada.post(f"{BASE}/new/webhook", service(sink, **changes), 422)
    at = ada.text.index(f'id="{field}-error"')
    assert words in ada.text[at : at + 300]
    assert SECRET not in ada.text or field != "name" or stored(app) == []
    assert stored(app) == []


def test_a_mail_server_without_a_host_is_refused_at_the_host(app: Any, ada: Browser) -> None:
    data = {
        "name": "Post",
        "config-provider": "smtp",
        "config-host": "",
        "config-port": "25",
        "config-security": "none",
    }
    ada.post(f"{BASE}/new/email", data, 422)
    at = ada.text.index('id="config-host-error"')
    assert "Enter the mail server&#39;s host" in ada.text[at : at + 300]
    assert stored(app) == []


def test_a_name_is_there_once(ada: Browser, sink: Any) -> None:
    ada.post(f"{BASE}/new/webhook", service(sink))
    ada.post(f"{BASE}/new/webhook", service(sink), 422)
    assert "Another integration already has this name" in ada.text


def test_another_choice_redraws_the_form_and_saves_nothing(app: Any, ada: Browser, sink: Any) -> None:
    ada.post(f"{BASE}/new/webhook", service(sink, **{"config-auth": "basic", "_refresh": "1"}), 200)
    assert 'name="config-username"' in ada.text
    assert stored(app) == []


def test_unknown_ones_are_not_found(ada: Browser) -> None:
    ada.get(f"{BASE}/new/carrier-pigeon", 404)
    ada.get(f"{BASE}/{new_id()}", 404)
    ada.post(f"{BASE}/{new_id()}/test", {}, 404)


def test_credentials_of_lost_keys_are_asked_for_again(app: Any, ada: Browser, sink: Any) -> None:
    from cryptography.fernet import Fernet

    path = ada.post(f"{BASE}/new/webhook", service(sink)).location
    with app.app_context(), system_session(db.engine) as system:
        system.scalars(select(Integration)).one().credentials = Fernet(Fernet.generate_key()).encrypt(b"{}")
        system.commit()
    ada.get(path)
    assert "cannot be decrypted with this" in ada.text
    ada.post(f"{path}/test")
    ada.get(path)
    assert "FLOWAPP_ENCRYPTION_KEYS" in ada.text
    ada.post(path, service(sink))
    ada.get(path)
    assert "cannot be decrypted with this" not in ada.text


def test_the_secret_stays_only_while_its_address_does(app: Any, ada: Browser, sink: Any) -> None:
    path = ada.post(f"{BASE}/new/webhook", service(sink, **{"config-base_url": "https://api.example/v1"})).location
    for moved in ("https://evil.example/v1", "http://api.example/v1", "https://api.example:8443/v1"):
        ada.post(path, service(sink, **{"config-base_url": moved, "secret-secret": ""}), 422)
        at = ada.text.index('id="secret-secret-error"')
        assert "The address has changed. Enter this again" in ada.text[at : at + 300]
    (row,) = stored(app)
    assert row.config["base_url"] == "https://api.example/v1"
    ada.post(path, service(sink, **{"config-base_url": "https://api.example/v2", "secret-secret": ""}))
    ada.post(path, service(sink, **{"config-base_url": "https://other.example", "secret-secret": "typed-again"}))
    forget = {"config-base_url": "https://third.example", "secret-secret": "", "secret-secret-forget": "y"}
    ada.post(path, service(sink, **forget))
    with app.app_context():
        assert opened(stored(app)[0]) == {}


def test_a_password_stays_with_its_mail_server(app: Any, ada: Browser) -> None:
    data = {
        "name": "Post", "config-provider": "smtp", "config-host": "mail.example", "config-port": "587",
        "config-security": "starttls", "config-username": "ann", "secret-password": SECRET, "secret-api_key": "",
    }  # fmt: skip
    path = ada.post(f"{BASE}/new/email", data).location
    moves = (
        {"config-host": "evil.example"},
        {"config-port": "2525"},
        {"config-security": "none"},
    )
    for change in moves:
        ada.post(path, {**data, "secret-password": "", **change}, 422)
        at = ada.text.index('id="secret-password-error"')
        assert "The address has changed" in ada.text[at : at + 300]
    ada.post(path, {**data, "secret-password": "", "config-provider": "sendgrid"}, 422)
    assert "Enter this." in ada.text[ada.text.index('id="secret-api_key-error"') :][:300]
    ada.post(path, {**data, "secret-password": "", "config-from_name": "Acme", "config-host": "MAIL.example"})
    with app.app_context():
        assert opened(stored(app)[0])["password"] == SECRET


SHOWN = {
    "smtp": {"config-host", "config-port", "config-security", "config-username", "secret-password"},
    "sendgrid": {"config-data_region", "secret-api_key"},
    "mailgun": {"config-domain", "config-data_region", "secret-api_key"},
    "ses": {"config-aws_region", "config-username", "secret-password"},
}


@pytest.mark.parametrize("provider", SHOWN)
def test_the_form_asks_for_what_the_provider_needs(ada: Browser, provider: str) -> None:
    ada.get(f"{BASE}/new/email", 200)
    ada.post(f"{BASE}/new/email", {"name": "Post", "config-provider": provider, "_refresh": "1"}, 200)
    shown = {name for name in set().union(*SHOWN.values()) if f'name="{name}"' in ada.text}
    assert shown == SHOWN[provider]


def test_another_provider_gets_no_password_of_the_one_before(app: Any, ada: Browser) -> None:
    data = {"name": "Post", "config-provider": "smtp", "config-host": "mail.example", "secret-password": SECRET}
    path = ada.post(f"{BASE}/new/email", data).location
    ada.post(path, {"name": "Post", "config-provider": "sendgrid", "secret-api_key": "SG.x"})
    with app.app_context():
        (row,) = stored(app)
        assert (row.provider, row.credential_type, opened(row)) == ("sendgrid", "api_key", {"api_key": "SG.x"})


def test_a_base_address_is_a_place(ada: Browser, sink: Any) -> None:
    for wrong in ("https://", "https://ann:pw@api.example", "https:///x"):
        ada.post(f"{BASE}/new/webhook", service(sink, **{"config-base_url": wrong}), 422)
        at = ada.text.index('id="config-base_url-error"')
        assert "Enter a host" in ada.text[at : at + 300]


def test_the_form_of_every_connector_opens(ada: Browser) -> None:
    for integration_type in CONNECTORS:
        ada.get(f"/integrations/new/{integration_type}", 200)
        ada.post(f"/integrations/new/{integration_type}", {"name": ""}, 422)


def test_the_pages_of_another_organization_s_connection_are_not_there(app: Any, ada: Browser, sink: Any) -> None:
    with app.app_context(), system_session(db.engine) as system:
        elsewhere = add_organization(system, "Other")[0]
        row = Integration(
            organization_id=elsewhere, integration_type="webhook", name="Theirs", config={"base_url": sink.url("/")}
        )
        system.add(row)
        system.commit()
        one = f"{BASE}/{row.id}"
    ada.get(BASE)
    assert "Theirs" not in ada.text
    for path in (one, f"{one}/connect"):
        ada.get(path, 404)
    for path in (one, f"{one}/test", f"{one}/delete"):
        ada.post(path, service(sink), 404)
    assert [kept.name for kept in stored(app)] == ["Theirs"]
    assert sink.requests == []


@pytest.mark.parametrize(
    "odd", ["https://[", "http://ann:pw@h/", "ftp://h", "x" * 20_000, "\0", "{{ [1] }}", "é\r\nX: 1"]
)
def test_a_form_with_what_is_no_address_names_the_field(app: Any, ada: Browser, odd: str) -> None:
    for kind, field in (("api", "base_url"), ("webhook", "base_url"), ("llm", "base_url"), ("aws_s3", "endpoint")):
        answer = ada.client.post(
            f"{BASE}/new/{kind}", data={"csrf_token": ada.token(), "name": "N", f"config-{field}": odd}
        )
        assert answer.status_code in (400, 422), (kind, answer.text[:500])
    assert stored(app) == []
