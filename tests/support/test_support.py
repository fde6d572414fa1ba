"""The tests' own servers: what they promise to the other tests."""

from __future__ import annotations

import http.client
import smtplib
import socket
import urllib.error
import urllib.request
from email.message import EmailMessage
from typing import Any

import psycopg
import pytest
import redis
from pytest_socket import SocketConnectBlockedError

from tests.support.servers.sink import Answer, Sink
from tests.support.servers.smtp import SmtpServer


@pytest.mark.filterwarnings("ignore:A test tried to use socket:UserWarning")
def test_the_network_ends_at_loopback() -> None:
    with socket.socket() as client, pytest.raises(SocketConnectBlockedError):
        client.connect(("192.0.2.1", 80))


def test_the_sink_records_and_answers_as_told(sink: Sink) -> None:
    sink.answers.append(Answer(status=503, body=b"busy", headers={"Retry-After": "1"}))
    with pytest.raises(urllib.error.HTTPError) as caught:
        urllib.request.urlopen(sink.url("/first"), data=b'{"a": 1}')
    with caught.value as answer:
        assert (answer.code, answer.headers["Retry-After"], answer.read()) == (503, "1", b"busy")
    with urllib.request.urlopen(sink.url("/second")) as response:
        assert response.read() == b'{"ok": true}'
    first, second = sink.wait_for(2)
    assert (first.method, first.path, first.json) == ("POST", "/first", {"a": 1})
    assert (second.method, second.path, second.body) == ("GET", "/second", b"")


def test_the_sink_can_hang_up(sink: Sink) -> None:
    sink.default = Answer(close=True)
    connection = http.client.HTTPConnection("127.0.0.1", sink.port)
    connection.request("GET", "/")
    with pytest.raises(http.client.RemoteDisconnected):
        connection.getresponse()
    connection.close()


def test_the_mail_server_accepts_refuses_and_defers(smtp: SmtpServer) -> None:
    message = EmailMessage()
    message["Subject"], message["From"] = "Été", "a@example.com"
    message.set_content("Bonjour")
    smtp.refused.add("no@example.com")
    smtp.deferred.add("later@example.com")
    with smtplib.SMTP("127.0.0.1", smtp.port) as client:
        client.send_message(message, to_addrs=["b@example.com"])
        for address, code in (("no@example.com", 550), ("later@example.com", 451)):
            with pytest.raises(smtplib.SMTPRecipientsRefused) as caught:
                client.send_message(message, to_addrs=[address])
            assert caught.value.recipients[address][0] == code
    (mail,) = smtp.wait_for(1)
    assert (mail.sender, mail.recipients, mail.message["Subject"]) == ("a@example.com", ["b@example.com"], "Été")
    assert mail.text.strip() == "Bonjour"


@pytest.mark.parametrize("value", ["one", "two"])
def test_every_test_has_an_empty_valkey(valkey_url: str, value: str) -> None:
    with redis.Redis.from_url(valkey_url) as client:
        assert client.dbsize() == 0
        client.set("left", value)


@pytest.mark.postgres
def test_the_role_on_postgresql_is_bound_by_row_level_security(postgres: Any) -> None:
    name = postgres.create_database()
    with psycopg.connect(postgres.url(name)) as connection:
        role = connection.execute("SELECT rolsuper, rolbypassrls FROM pg_roles WHERE rolname = current_user").fetchone()
        owner = connection.execute(
            "SELECT pg_get_userbyid(datdba) FROM pg_database WHERE datname = %s", [name]
        ).fetchone()
        tables = connection.execute("SELECT count(*) FROM pg_tables WHERE tableowner = 'flowapp'").fetchone()
    postgres.drop_database(name)
    assert role == (False, False)
    assert owner == ("flowapp",)
    assert tables is not None
    assert tables[0] > 10
