"""What is entered for an integration: refused in words at its field, or stored as it was meant."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import select

from flowapp.catalog import CONNECTORS
from flowapp.engine.language.validation_messages import plain_problems
from flowapp.extensions import db
from flowapp.integrations import service
from flowapp.models import Integration
from flowapp.models.tenancy import system_session
from flowapp.texts import localized
from tests.api.conftest import Api
from tests.api.integrations.test_integrations import opened

HOST = "Enter one name or address of a server, without scheme and path, for example "
HEADER = "is not a valid header name."
MYSQL = {"kind": "mysql", "host": "db.example.com", "database": "shop", "username": "u"}
WEB = {"base_url": "https://api.example.com"}
MAILS = {"host": "imap.example.com", "username": "ann"}


def patterns() -> list[tuple[str, str, str]]:
    """Each field of a connection that has a pattern: type, part, name."""
    return [
        (kind, part, name)
        for kind, spec in sorted(CONNECTORS.items())
        for part, model in (("config", spec.config), ("credentials", spec.credentials))
        for name, field in model.model_fields.items()
        if any(getattr(one, "pattern", None) for one in field.metadata)
    ]


@pytest.mark.usefixtures("app")
def test_people_read_words_where_a_text_does_not_fit() -> None:
    fields = patterns()
    assert {("api", "config", "base_url"), ("stripe", "credentials", "api_key")} <= set(fields)
    for kind, part, name in fields:
        problems = service.check(getattr(CONNECTORS[kind], part), {name: "\0/"})
        told = next(one.message for one in problems if one.path == name)
        assert (kind, name, told[:6], "^" in told) == (kind, name, "Enter ", False)
        assert localized(told, "fr").startswith("Saisissez ")


def test_a_pattern_without_words_is_not_shown_either() -> None:
    from pydantic import Field, ValidationError, create_model

    model: Any = create_model("Made", code=(str, Field(pattern="^[A-Z]{3}$")))
    with pytest.raises(ValidationError) as caught:
        model(code="x")
    assert [one.message for one in plain_problems(caught.value, {"code": "x"}, model)] == [
        "Correct this: it is not of the expected form."
    ]


@pytest.mark.parametrize(
    ("kind", "config", "path", "told"),
    [
        ("api", {"base_url": "127.0.0.1:8130"}, "config.base_url", "begins with http:// or https://"),
        ("api", {**WEB, "auth": "header", "header_name": "X Bad: y"}, "config.header_name", HEADER),
        ("api", {**WEB, "auth": "header", "header_name": "X-Bad\r\nX-More"}, "config.header_name", HEADER),
        ("webhook", {**WEB, "auth": "header", "header_name": "X Bad"}, "config.header_name", HEADER),
        ("database", {**MYSQL, "host": "mysql://db"}, "config.host", f"{HOST}db.example.com."),
        ("database", {**MYSQL, "timeout": 0}, "config.timeout", "Enter 1 or more."),
        ("database", {**MYSQL, "timeout": 999_999}, "config.timeout", "Enter 3600 or less."),
        ("database", {**MYSQL, "row_limit": -5}, "config.row_limit", "Enter 1 or more."),
        ("database", {**MYSQL, "port": 65536}, "config.port", "Enter 65535 or less."),
        ("imap", {**MAILS, "host": "imap://x/"}, "config.host", f"{HOST}imap.example.com."),
        ("imap", {**MAILS, "port": -1}, "config.port", "Enter 0 or more."),
        ("email", {"host": "smtp://127.0.0.1:25/"}, "config.host", "Enter the mail server's host"),
        ("email", {"host": "mail.example.com:25"}, "config.host", "Enter the mail server's host"),
        ("slack", {}, "credentials.token", "Enter at least one of these: Bot token, Webhook URL."),
    ],
)
def test_what_cannot_be_meant_is_refused(api: Api, kind: str, config: dict[str, Any], path: str, told: str) -> None:
    body = {"name": "Mine", "integration_type": kind, "config": config, "credentials": {}}
    (problem,) = api.post("/integrations/configure/", body, 422)["errors"]
    assert problem["path"] == path
    assert told in problem["message"]


def test_a_name_is_one_line(api: Api) -> None:
    body = {"name": "One\r\nTwo", "integration_type": "api", "config": WEB}
    assert api.post("/integrations/configure/", body, 422)["errors"][0]["path"] == "name"
    assert api.post("/integrations/configure/", {**body, "name": "Équipe à Genève"}, 201)


@pytest.mark.parametrize("host", ["smtp.example.com", "localhost", "127.0.0.1", "::1", "smtp.example.com.", " mail_1 "])
def test_hosts_of_mail_servers(api: Api, host: str) -> None:
    body = {"name": "Mail", "integration_type": "email", "config": {"host": host}}
    assert api.post("/integrations/configure/", body, 201)


@pytest.mark.parametrize(
    ("kind", "config", "given", "kept"),
    [
        ("api", WEB, {"secret": " s3cret-token\t"}, {"secret": "s3cret-token"}),
        ("api", {**WEB, "auth": "basic"}, {"secret": " a password \r\n"}, {"secret": " a password "}),
        ("webhook", WEB, {"secret": "\ttoken \n"}, {"secret": "token"}),
        ("stripe", {}, {"api_key": " sk_test_1\n"}, {"api_key": "sk_test_1"}),
        ("database", MYSQL, {"password": " a password \n"}, {"password": " a password "}),
        ("email", {"provider": "sendgrid"}, {"api_key": " SG.x "}, {"api_key": "SG.x"}),
    ],
)
def test_a_pasted_secret_loses_what_surrounds_it(
    app: Any, api: Api, kind: str, config: dict[str, Any], given: dict[str, str], kept: dict[str, str]
) -> None:
    body = {"name": "Mine", "integration_type": kind, "config": config, "credentials": given}
    made = api.post("/integrations/configure/", body, 201)
    assert opened(app, made["id"]) == kept
    api.patch(f"/integrations/{made['id']}/", {"credentials": given}, 200)
    assert opened(app, made["id"]) == kept


def test_what_an_older_release_stored_stays_usable(app: Any, api: Api) -> None:
    older = {**MYSQL, "timeout": 0, "row_limit": 999_999}
    made = api.post("/integrations/configure/", {"name": "Old", "integration_type": "database", "config": MYSQL}, 201)
    with app.app_context(), system_session(db.engine) as session:
        row = session.scalars(select(Integration)).one()
        row.config = older
        session.commit()
    CONNECTORS["database"].read(older, {})
    one = f"/integrations/{made['id']}/"
    assert api.patch(one, {"name": "Older", "config": older}, 200)["name"] == "Older"
    refused = api.patch(one, {"config": {**older, "timeout": -1}}, 422)["errors"]
    assert {problem["path"] for problem in refused} == {"config.timeout", "config.row_limit"}
