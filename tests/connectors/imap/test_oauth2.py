"""Signing in to a mailbox with a token of OAuth2 (XOAUTH2), as Google and Microsoft want it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from flowapp.catalog import CONNECTORS
from tests.actions.conftest import Bench
from tests.connectors.imap.conftest import account, bench
from tests.connectors.imap.test_imap import fails
from tests.security.test_egress import self_signed
from tests.support.servers.imap import ImapServer


@pytest.fixture
def run(double: ImapServer, certificates: Path, monkeypatch: pytest.MonkeyPatch) -> Bench:
    """Its tokens are `access-token`, then `renewed-token`."""
    double.tls = self_signed(certificates)
    monkeypatch.setenv("SSL_CERT_FILE", str(certificates / "cert.pem"))
    double.capabilities = ["IMAP4rev1", "AUTH=XOAUTH2"]
    return bench(account(double, host="localhost", security="starttls", sign_in="google"), "127.0.0.1", "::1")


def test_a_token_takes_the_place_of_the_password(double: ImapServer, run: Bench) -> None:
    double.token = "access-token"
    done: Any = run("imap_list_mailboxes")
    assert (done.result["count"], len(double.tokens)) == (3, 1)


def test_a_token_that_ended_early_is_renewed_once(double: ImapServer, run: Bench) -> None:
    double.token = "renewed-token"
    done: Any = run("imap_list_mailboxes")
    assert (done.result["count"], len(double.tokens)) == (3, 2)
    double.token = "another"
    error = fails(run, "imap_list_mailboxes", "refused the user name or password")
    assert error.permanent
    assert len(double.tokens) == 4
    assert "token" not in str(error.message)


def test_no_token_goes_out_unencrypted(double: ImapServer, run: Bench) -> None:
    run.integrations["imap"] = account(double, sign_in="microsoft")
    assert fails(run, "imap_list_mailboxes", "choose TLS or STARTTLS").permanent
    assert double.tokens == []


@pytest.mark.parametrize(
    ("sign_in", "host"), [("google", "oauth2.googleapis.com"), ("microsoft", "login.microsoftonline.com")]
)
def test_where_people_sign_in(double: ImapServer, sign_in: str, host: str) -> None:
    spec = CONNECTORS["imap"]
    oauth2 = spec.oauth2(spec.config.model_validate(account(double, sign_in=sign_in).config))
    assert oauth2 is not None
    assert host in oauth2.token_url
    assert spec.oauth2(spec.config.model_validate(account(double).config)) is None
