"""The settings that other systems name, read from the environment."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from cryptography.fernet import Fernet

from flowapp.config import Settings
from flowapp.errors import ConfigError


def read(folder: Path, **env: str) -> Settings:
    return Settings.from_env({"FLOWAPP_DATA_DIR": str(folder), **env})


@pytest.mark.parametrize(
    ("env", "url"),
    [
        ({"REDIS_URL": "redis://a:6379/0"}, "redis://a:6379/0"),
        ({"CELERY_BROKER_URL": "redis://b:6379/0"}, "redis://b:6379/0"),
        ({"REDIS_URL": "redis://a:6379/0", "CELERY_BROKER_URL": "redis://b:6379/0"}, "redis://a:6379/0"),
        ({"CELERY_RESULT_BACKEND": "redis://c:6379/0"}, "unix://{folder}/valkey.sock"),
    ],
)
def test_the_broker(tmp_path: Path, env: dict[str, str], url: str) -> None:
    assert read(tmp_path, **env).redis_url == url.format(folder=tmp_path)


@pytest.mark.parametrize(
    ("env", "url"),
    [
        ({}, ""),
        ({"SMTP_HOST": "mail.example"}, "smtp://mail.example:25"),
        ({"SMTP_HOST": "mail.example", "SMTP_PORT": "2525"}, "smtp://mail.example:2525"),
        ({"SENDGRID_API_KEY": "SG.x"}, "smtp://apikey:SG.x@smtp.sendgrid.net:587"),
        ({"SENDGRID_API_KEY": "SG.x", "SMTP_URL": "smtps://u:p@mail.example:465"}, "smtps://u:p@mail.example:465"),
    ],
)
def test_the_mail_server(tmp_path: Path, env: dict[str, str], url: str) -> None:
    assert read(tmp_path, **env).smtp_url == url


def test_a_mail_port_that_is_none_is_refused_by_name(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="SMTP_PORT"):
        read(tmp_path, SMTP_HOST="mail.example", SMTP_PORT="mail")


def test_one_more_encryption_key(tmp_path: Path) -> None:
    first, second = Fernet.generate_key().decode(), Fernet.generate_key().decode()
    assert read(tmp_path, INTEGRATION_ENCRYPTION_KEY=second).encryption_keys == (second,)
    own = read(tmp_path / "made").encryption_keys
    assert read(tmp_path / "made", INTEGRATION_ENCRYPTION_KEY=second).encryption_keys == (*own, second), (
        "what the key that was made here encrypted is still read"
    )
    both: Any = {"FLOWAPP_ENCRYPTION_KEYS": first, "INTEGRATION_ENCRYPTION_KEY": second}
    assert read(tmp_path, **both).encryption_keys == (first, second)


def test_the_error_tracker(tmp_path: Path) -> None:
    assert read(tmp_path, SENTRY_DSN="https://key@sentry.example/1").sentry_dsn == "https://key@sentry.example/1"


def test_the_folder_of_sqlite_files_holds_nothing_of_flowapp(tmp_path: Path) -> None:
    data, other = tmp_path / "data", tmp_path / "other"
    assert read(data).sqlite_folder == ""
    assert read(data, FLOWAPP_SQLITE_FOLDER=f"{other}/").sqlite_folder == str(other)
    (tmp_path / "link").symlink_to(data)
    url = f"sqlite:///{other}/flowapp.db"
    for folder in (data, data / "inner", tmp_path / "link"):
        with pytest.raises(ConfigError, match="FLOWAPP_SQLITE_FOLDER"):
            read(data, FLOWAPP_SQLITE_FOLDER=str(folder))
    with pytest.raises(ConfigError, match="FLOWAPP_SQLITE_FOLDER"):
        read(data, FLOWAPP_SQLITE_FOLDER=str(other), DATABASE_URL=url)
