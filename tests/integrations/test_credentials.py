"""Credentials at rest: under the organization's own key, bound to their row, encrypted anew while others use them."""

from __future__ import annotations

import dataclasses
import threading
from datetime import timedelta
from typing import Any

import pytest
from cryptography.fernet import Fernet
from sqlalchemy import select

from flowapp import tasks
from flowapp.config import Settings
from flowapp.errors import ConfigError, InvalidError
from flowapp.integrations import credentials, rotation, service
from flowapp.models import Integration, OrganizationKey, new_id, utcnow
from flowapp.models.tenancy import system_session, tenant_session
from flowapp.security.credentials import Vault
from tests.integrations.conftest import SECRET, connect, opened, put, stored
from tests.support.applications import running
from tests.support.tenant import Tenant, make_tenant


def keys(runtime: tasks.Runtime) -> list[OrganizationKey]:
    with system_session(runtime.engine) as system:
        return list(system.scalars(select(OrganizationKey).order_by(OrganizationKey.id)))


def test_each_organization_has_a_key_of_its_own(runtime: tasks.Runtime, tenant: Tenant) -> None:
    other = make_tenant(runtime.engine, "Other")
    ids = [connect(runtime, tenant, "A"), connect(runtime, tenant, "B")]
    connect(runtime, other)
    assert len({key.organization_id for key in keys(runtime)}) == len(keys(runtime)) == 2
    for row_id in ids:
        assert opened(runtime, tenant, row_id) == SECRET
        with pytest.raises(ConfigError):  # the installation's keys alone open nothing
            runtime.vault.decrypt(stored(runtime, tenant, row_id).partition(b".")[2])


def test_what_was_copied_to_another_integration_does_not_open(runtime: tasks.Runtime, tenant: Tenant) -> None:
    mine, theirs = connect(runtime, tenant, "Mine"), connect(runtime, tenant, "Theirs", credentials={"secret": "other"})
    put(runtime, tenant, mine, stored(runtime, tenant, theirs))
    with pytest.raises(ConfigError, match="stored for another integration"):
        opened(runtime, tenant, mine)


@pytest.mark.parametrize("key_too", [False, True])
def test_what_was_copied_to_another_organization_does_not_open(
    runtime: tasks.Runtime, tenant: Tenant, key_too: bool
) -> None:
    other = make_tenant(runtime.engine, "Other")
    there, here = connect(runtime, tenant), connect(runtime, other)
    put(runtime, other, here, stored(runtime, tenant, there))
    if key_too:
        with system_session(runtime.engine) as system:
            for key in system.scalars(
                select(OrganizationKey).where(OrganizationKey.organization_id == tenant.organization_id)
            ):
                key.organization_id = other.organization_id
            system.commit()
    fresh = dataclasses.replace(
        runtime, vault=Vault(runtime.settings.encryption_keys)
    )  # of a process that knows no key yet
    for one in (fresh, runtime):
        with pytest.raises(ConfigError, match=r"stored for another integration|is not there"):
            opened(one, other, here)


def test_a_part_of_a_row_is_not_another(runtime: tasks.Runtime, tenant: Tenant) -> None:
    row_id = connect(runtime, tenant)
    with tenant_session(runtime.engine, tenant.organization_id) as session:
        row = session.get_one(Integration, row_id)
        row.oauth_tokens = row.credentials
        with pytest.raises(ConfigError, match="stored for another"):
            credentials.read(runtime.vault, row, "oauth_tokens")


def test_what_an_earlier_release_stored_opens_and_is_bound_when_it_is_saved(
    runtime: tasks.Runtime, tenant: Tenant
) -> None:
    row_id = connect(runtime, tenant)
    put(runtime, tenant, row_id, runtime.vault.encrypt(SECRET))
    assert opened(runtime, tenant, row_id) == SECRET
    with tenant_session(runtime.engine, tenant.organization_id) as session:
        row = session.get_one(Integration, row_id)
        config = {"base_url": "https://api.example.com", "auth": "bearer"}
        service.save(
            session,
            runtime.vault,
            row,
            name="Renamed",
            config=config,
            credentials={"secret": "new"},
            cause=service.Cause(),
        )
        session.commit()
    assert b"." in stored(runtime, tenant, row_id)
    assert opened(runtime, tenant, row_id) == {"secret": "new"}


def test_rotation_binds_what_an_earlier_release_stored(runtime: tasks.Runtime, tenant: Tenant) -> None:
    row_id = connect(runtime, tenant)
    put(runtime, tenant, row_id, runtime.vault.encrypt(SECRET))
    assert rotation.rotate(runtime.engine, runtime.vault) == 1
    assert b"." in stored(runtime, tenant, row_id)
    assert opened(runtime, tenant, row_id) == SECRET


def test_after_a_rotation_the_new_key_alone_opens_everything(settings: Settings) -> None:
    fresh = Fernet.generate_key().decode()
    both = dataclasses.replace(settings, encryption_keys=(fresh, *settings.encryption_keys))
    with running(both) as app, app.app_context():
        before = dataclasses.replace(tasks.runtime(), vault=Vault(settings.encryption_keys))
        tenant = make_tenant(before.engine, "Acme")
        row_id = connect(before, tenant)
        first = stored(before, tenant, row_id)
        rotation.rotate(tasks.runtime().engine, tasks.runtime().vault)
        assert stored(before, tenant, row_id).partition(b".")[0] != first.partition(b".")[0]
    with running(dataclasses.replace(settings, encryption_keys=(fresh,))) as app, app.app_context():
        assert opened(tasks.runtime(), tenant, row_id) == SECRET
        for key in keys(tasks.runtime()):
            tasks.runtime().vault.unwrapped(key.id, key.wrapped)


def test_keys_that_nothing_needs_go(runtime: tasks.Runtime, tenant: Tenant) -> None:
    row_id = connect(runtime, tenant)
    for _time in range(4):
        rotation.rotate(runtime.engine, runtime.vault)
    assert len(keys(runtime)) == 2
    assert opened(runtime, tenant, row_id) == SECRET


def test_a_row_whose_key_is_lost_stays_as_it_is(runtime: tasks.Runtime, tenant: Tenant) -> None:
    lost, sound = connect(runtime, tenant, "Lost"), connect(runtime, tenant, "Sound")
    foreign = Fernet(Fernet.generate_key()).encrypt(b"{}")
    put(runtime, tenant, lost, foreign)
    assert rotation.lost(runtime.engine, runtime.vault) == ["The integration “Lost”"]
    assert rotation.rotate(runtime.engine, runtime.vault) == 1
    assert stored(runtime, tenant, lost) == foreign
    assert opened(runtime, tenant, sound) == SECRET
    put(runtime, tenant, lost, f"{new_id()}.gAAAA".encode())
    with pytest.raises(ConfigError, match="is not there"):
        opened(runtime, tenant, lost)


def test_rotation_under_load_fails_no_read_and_loses_no_save(runtime: tasks.Runtime, tenant: Tenant) -> None:
    ids = [connect(runtime, tenant, f"S{number}", credentials={"secret": "0"}) for number in range(3)]
    failures: list[Exception] = []
    reads, stop = [0], threading.Event()

    def read() -> None:
        own = dataclasses.replace(runtime, vault=Vault(runtime.settings.encryption_keys))  # a process of its own
        while not stop.is_set():
            for row_id in ids:
                try:
                    assert opened(own, tenant, row_id)["secret"].isdigit()
                    reads[0] += 1
                except Exception as error:
                    failures.append(error)
                    return

    def save() -> None:
        try:
            for number in range(1, 9):
                with tenant_session(runtime.engine, tenant.organization_id) as session:
                    row = session.get_one(Integration, ids[0])
                    credentials.write(session, runtime.vault, row, {"secret": str(number)})
                    session.commit()
        except Exception as error:
            failures.append(error)

    threads = [threading.Thread(target=target) for target in (read, read, save)]
    for thread in threads:
        thread.start()
    for _time in range(4):
        assert rotation.rotate(runtime.engine, runtime.vault) == 3
    threads[-1].join()
    stop.set()
    for thread in threads:
        thread.join()
    assert failures == []
    assert reads[0] > 3
    assert [opened(runtime, tenant, row_id)["secret"] for row_id in ids] == ["8", "0", "0"]


def test_the_type_of_credentials(runtime: tasks.Runtime, tenant: Tenant) -> None:
    mail: dict[str, Any] = {"host": "mail.example", "port": 25, "security": "none"}
    made = {
        "api_key": connect(runtime, tenant, "A"),
        "basic": connect(runtime, tenant, "B", config={"base_url": "https://x.example", "auth": "basic"}),
        "smtp": connect(runtime, tenant, "C", integration_type="email", config=mail, credentials={}),
        "custom": connect(runtime, tenant, "D", credential_type="Custom"),
    }
    with tenant_session(runtime.engine, tenant.organization_id) as session:
        assert {name: session.get_one(Integration, row_id).credential_type for name, row_id in made.items()} == {
            name: name for name in made
        }
    with pytest.raises(InvalidError, match="api_key, basic, oauth2, smtp, aws, database, custom"):
        connect(runtime, tenant, "E", credential_type="magic")


def test_when_credentials_expire(runtime: tasks.Runtime, tenant: Tenant) -> None:
    at = utcnow() + timedelta(days=20)
    row_id = connect(runtime, tenant, expires_at=at)
    with tenant_session(runtime.engine, tenant.organization_id) as session:
        row = session.get_one(Integration, row_id)
        assert credentials.expiry(row) == ""
        assert credentials.expiry(row, at - timedelta(days=13)) == "soon"
        assert credentials.expiry(row, at) == "expired"
        again = {"config": row.config, "credentials": SECRET, "cause": service.Cause()}
        service.save(session, runtime.vault, row, name="Renamed", **again)
        assert row.credentials_expire_at == at, "a save that does not say it leaves it"
        service.save(session, runtime.vault, row, name="Renamed", **again, expires_at=None)
        assert row.credentials_expire_at is None
