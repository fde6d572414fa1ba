"""Every setting, typed, read once. The README's table is made from `DOCS`, and a test holds the two together."""

from __future__ import annotations

import contextlib
import os
import re
import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from flowapp.errors import ConfigError

VERSION = "0.1.0"  # as in pyproject.toml

_ADDRESS = re.compile(r"https?://[\w.\-\[\]:]+(/[\w.~%/-]*)?")
DOCS: dict[str, str] = {
    "PORT": "Port of the web server.",
    "FLOWAPP_DATA_DIR": "Folder of the embedded database, broker, generated keys and uploads.",
    "DATABASE_URL": "postgresql://user:password@host/name in production; default: SQLite in the data folder.",
    "REDIS_URL": "redis://host:6379/0; default: an embedded Valkey on a unix socket in the data folder.",
    "FLOWAPP_SECRET_KEY": "Signs sessions; generated into the data folder when absent.",
    "FLOWAPP_ENCRYPTION_KEYS": "Fernet keys, comma separated, newest first; generated into the data folder when absent.",
    "INTEGRATION_ENCRYPTION_KEY": "One more Fernet key, read after FLOWAPP_ENCRYPTION_KEYS.",
    "FLOWAPP_ADMIN_EMAIL": "E-mail of the first owner; without it the first visit asks.",
    "FLOWAPP_ADMIN_PASSWORD": "Password of the first owner.",
    "FLOWAPP_BASE_URL": "Public address of this installation, for links in e-mails; default: what setup asked for (Settings → Installation).",
    "FLOWAPP_ALLOWED_HOSTS": "More host names, comma separated, under which /setup and /metrics answer (always: localhost and the public address).",
    "SMTP_URL": "smtp://user:password@host:587 (STARTTLS when offered) or smtps://…:465; default: the mail catcher page.",
    "SMTP_HOST": "Mail server, where SMTP_URL is not set.",
    "SMTP_PORT": "Port of SMTP_HOST.",
    "FLOWAPP_MAIL_FROM": "Sender of e-mails that name none.",
    "SENDGRID_API_KEY": "Sends e-mail through SendGrid's SMTP service, where neither SMTP_URL nor SMTP_HOST is set.",
    "SENTRY_DSN": "Shown by `flask doctor`; errors are reported by the log.",
    "FLOWAPP_EGRESS_ALLOW": "Hosts or CIDRs, comma separated, that outgoing calls may reach besides public addresses.",
    "FLOWAPP_EGRESS_ORGANIZATIONS": "Whose administrators may allow private addresses for their organization: first (the one that runs the installation), all or none.",
    "FLOWAPP_SQLITE_FOLDER": "Folder whose SQLite files workflows of the first organization may open as databases; empty: none. Not the data folder.",
    "FLOWAPP_DOWNLOAD_SIZE": "Megabytes (MiB) that a step may download into one file.",
    "FLOWAPP_TRUSTED_PROXIES": "How many reverse proxies stand in front (their X-Forwarded-* are believed).",
    "FLOWAPP_COOKIE_SECURE": "yes: cookies only over HTTPS; auto: when the request came over HTTPS.",
    "FLOWAPP_MAX_BODY": "Largest request body in bytes; a larger one gets 413.",
    "FLOWAPP_READ_SECONDS": "Seconds in which a whole request, headers and body, must arrive.",
    "FLOWAPP_PEER_CONNECTIONS": "Connections that one address may hold open, 0: any number; no limit behind a trusted proxy.",
    "FLOWAPP_SQLITE_SYNCHRONOUS": "NORMAL survives kill -9, FULL also power loss (slower).",
    "FLOWAPP_DB_POOL": "Connections to PostgreSQL that one web process holds at most; `flask doctor` adds up a host's.",
    "FLOWAPP_DB_STATEMENT_TIMEOUT": "Seconds after which PostgreSQL ends a statement; 0: never.",
    "FLOWAPP_DB_LOCK_TIMEOUT": "Seconds that a statement waits for a lock of PostgreSQL's; 0: without end.",
    "FLOWAPP_DB_IDLE_TIMEOUT": "Seconds after which PostgreSQL ends a transaction in which nothing happens; 0: never.",
    "FLOWAPP_WORKERS": "Worker processes.",
    "FLOWAPP_THREADS": "Threads in each worker process.",
    "FLOWAPP_HELPER_SECONDS": "Processor seconds for one check, query or file of a user, which run in processes of their own.",
    "FLOWAPP_HELPER_MEMORY": "Megabytes of memory (MiB) for each such process; four at most work at once for each Flowapp process.",
    "FLOWAPP_STEP_GRACE": "Seconds past its timeout that a step may take; then its worker process is ended.",
    "FLOWAPP_WORKER_MEMORY": "Megabytes of memory (MiB) that a worker process may take; then it is ended, with the step that takes them.",
    "FLOWAPP_MAX_SOCKETS": "Open WebSockets that one web process accepts.",
    "FLOWAPP_MEMBER_SOCKETS": "Open WebSockets of one member in a web process.",
    "FLOWAPP_ORGANIZATION_SOCKETS": "Open WebSockets of one organization in a web process.",
    "FLOWAPP_HOOK_RATE": "Calls per minute that a webhook accepts, unless it sets its own limit.",
    "FLOWAPP_LEASE_SECONDS": "How long a silent worker keeps an execution before another one takes it over.",
    "FLOWAPP_PAUSED": "1: the processes that have it run and send nothing; pages and the API go on.",
    "FLOWAPP_EXECUTION_STORAGE": "Megabytes (MiB) that one execution may store; past them it fails. 0: no limit.",
    "FLOWAPP_ORGANIZATION_STORAGE": "Megabytes (MiB) that the executions of one organization may take; then none begins. 0: no limit.",
    "FLOWAPP_RETENTION_DAYS": "How long ended executions and published events are kept; a workflow may say otherwise.",
    "FLOWAPP_LOG_LEVEL": "debug, info, warning or error.",
    "FLOWAPP_LOG_FORMAT": "console or json.",
}


MAX_FILE = 10 * 2**20  # bytes of an uploaded file; other bodies are bounded by FLOWAPP_MAX_BODY
OTHER_NAMES = {"CELERY_BROKER_URL": "REDIS_URL"}  # read where the setting itself is not there


@dataclass(frozen=True, slots=True)
class Settings:
    """What the environment says. Sizes in bytes, times in seconds."""

    data_dir: Path
    database_url: str
    redis_url: str
    secret_key: str
    encryption_keys: tuple[str, ...]
    port: int = 8000
    admin_email: str = ""
    admin_password: str = ""
    base_url: str = ""
    allowed_hosts: tuple[str, ...] = ()
    smtp_url: str = ""
    mail_from: str = "Flowapp <flowapp@localhost>"
    sentry_dsn: str = ""
    egress_allow: tuple[str, ...] = ()
    egress_organizations: str = "first"
    sqlite_folder: str = ""
    download_size: int = 100
    trusted_proxies: int = 0
    cookie_secure: str = "auto"
    max_body: int = 1_048_576
    read_seconds: int = 30
    peer_connections: int = 200
    sqlite_synchronous: str = "NORMAL"
    db_pool: int = 20
    db_statement_timeout: int = 60
    db_lock_timeout: int = 5
    db_idle_timeout: int = 30
    workers: int = 2
    threads: int = 8
    helper_seconds: int = 5
    helper_memory: int = 256
    step_grace: int = 15
    worker_memory: int = 1024
    max_sockets: int = 200
    member_sockets: int = 20
    organization_sockets: int = 100
    hook_rate: int = 6000
    lease_seconds: int = 10
    paused: bool = False
    execution_storage: int = 64
    organization_storage: int = 10_240
    retention_days: int = 30
    log_level: str = "info"
    log_format: str = "console"

    @property
    def is_sqlite(self) -> bool:
        return self.database_url.startswith("sqlite")

    @classmethod
    def from_env(cls, env: Mapping[str, str] | None = None) -> Settings:
        """Reads the environment; ConfigError names the variable that cannot be used."""
        env = os.environ if env is None else env
        data_dir = Path(env.get("FLOWAPP_DATA_DIR") or "var").resolve()
        data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
        return cls(
            data_dir=data_dir,
            database_url=_database_url(env, data_dir),
            redis_url=env.get("REDIS_URL") or env.get("CELERY_BROKER_URL") or f"unix://{data_dir}/valkey.sock",
            secret_key=env.get("FLOWAPP_SECRET_KEY")
            or _kept(data_dir / "secret_key", lambda: secrets.token_urlsafe(48)),
            encryption_keys=_encryption_keys(env, data_dir),
            port=_number(env, "PORT", 8000, 1, 65535),
            admin_email=env.get("FLOWAPP_ADMIN_EMAIL", "").strip().lower(),
            admin_password=env.get("FLOWAPP_ADMIN_PASSWORD", ""),
            base_url=_base_url(env),
            allowed_hosts=tuple(name.lower() for name in _list(env.get("FLOWAPP_ALLOWED_HOSTS", ""))),
            smtp_url=_smtp_url(env),
            mail_from=env.get("FLOWAPP_MAIL_FROM") or "Flowapp <flowapp@localhost>",
            sentry_dsn=env.get("SENTRY_DSN", ""),
            egress_allow=_list(env.get("FLOWAPP_EGRESS_ALLOW", "")),
            egress_organizations=_choice(env, "FLOWAPP_EGRESS_ORGANIZATIONS", "first", ("first", "all", "none")),
            sqlite_folder=_sqlite_folder(env, data_dir),
            download_size=_number(env, "FLOWAPP_DOWNLOAD_SIZE", 100, 1, 1_048_576),
            trusted_proxies=_number(env, "FLOWAPP_TRUSTED_PROXIES", 0, 0, 10),
            cookie_secure=_choice(env, "FLOWAPP_COOKIE_SECURE", "auto", ("auto", "yes", "no")),
            max_body=_number(env, "FLOWAPP_MAX_BODY", 1_048_576, 1024, 1 << 30),
            read_seconds=_number(env, "FLOWAPP_READ_SECONDS", 30, 1, 3600),
            peer_connections=_number(env, "FLOWAPP_PEER_CONNECTIONS", 200, 0, 100_000),
            sqlite_synchronous=_choice(env, "FLOWAPP_SQLITE_SYNCHRONOUS", "NORMAL", ("NORMAL", "FULL")),
            db_pool=_number(env, "FLOWAPP_DB_POOL", 20, 2, 1000),
            db_statement_timeout=_number(env, "FLOWAPP_DB_STATEMENT_TIMEOUT", 60, 0, 86_400),
            db_lock_timeout=_number(env, "FLOWAPP_DB_LOCK_TIMEOUT", 5, 0, 86_400),
            db_idle_timeout=_number(env, "FLOWAPP_DB_IDLE_TIMEOUT", 30, 0, 86_400),
            workers=_number(env, "FLOWAPP_WORKERS", min(2, os.cpu_count() or 1), 1, 64),
            threads=_number(env, "FLOWAPP_THREADS", 8, 1, 256),
            helper_seconds=_number(env, "FLOWAPP_HELPER_SECONDS", 5, 1, 3600),
            helper_memory=_number(env, "FLOWAPP_HELPER_MEMORY", 256, 64, 65_536),
            step_grace=_number(env, "FLOWAPP_STEP_GRACE", 15, 1, 3600),
            worker_memory=_number(env, "FLOWAPP_WORKER_MEMORY", 1024, 128, 1_048_576),
            max_sockets=_number(env, "FLOWAPP_MAX_SOCKETS", 200, 1, 100_000),
            member_sockets=_number(env, "FLOWAPP_MEMBER_SOCKETS", 20, 1, 100_000),
            organization_sockets=_number(env, "FLOWAPP_ORGANIZATION_SOCKETS", 100, 1, 100_000),
            hook_rate=_number(env, "FLOWAPP_HOOK_RATE", 6000, 1, 1_000_000),
            lease_seconds=_number(env, "FLOWAPP_LEASE_SECONDS", 10, 2, 3600),
            paused=_choice(env, "FLOWAPP_PAUSED", "0", ("0", "1", "no", "yes")) in ("1", "yes"),
            execution_storage=_number(env, "FLOWAPP_EXECUTION_STORAGE", 64, 0, 1_048_576),
            organization_storage=_number(env, "FLOWAPP_ORGANIZATION_STORAGE", 10_240, 0, 1 << 40),
            retention_days=_number(env, "FLOWAPP_RETENTION_DAYS", 30, 1, 3650),
            log_level=_choice(env, "FLOWAPP_LOG_LEVEL", "info", ("debug", "info", "warning", "error")),
            log_format=_choice(env, "FLOWAPP_LOG_FORMAT", "console", ("console", "json")),
        )


def _database_url(env: Mapping[str, str], data_dir: Path) -> str:
    url = env.get("DATABASE_URL") or f"sqlite:///{data_dir}/flowapp.db"
    for prefix in ("postgres://", "postgresql://"):
        if url.startswith(prefix):
            return "postgresql+psycopg://" + url.removeprefix(prefix)
    if not url.startswith(("sqlite:///", "postgresql+psycopg://")):
        raise ConfigError("DATABASE_URL must start with sqlite:/// or postgresql://.")
    return url


def _sqlite_folder(env: Mapping[str, str], data_dir: Path) -> str:
    """Its absolute path; it need not be there yet. Nothing of Flowapp's own may lie in it."""
    text = env.get("FLOWAPP_SQLITE_FOLDER", "").strip()
    if not text:
        return ""
    folder, own = Path(text).resolve(), [data_dir]
    if (url := _database_url(env, data_dir)).startswith("sqlite:///"):
        own.append(Path(url.removeprefix("sqlite:///")).resolve().parent)
    if any(folder.is_relative_to(one) for one in own):
        raise ConfigError("FLOWAPP_SQLITE_FOLDER must be a folder of its own, outside of Flowapp's data and database.")
    return str(folder)


def read_address(text: str) -> str:
    """The address of an installation, without a / at its end. ValueError for what cannot be one."""
    text = text.strip().rstrip("/")
    if len(text) > 500 or not _ADDRESS.fullmatch(text):
        raise ValueError("not an address")
    parts = urlsplit(text)
    if not parts.hostname or parts.port == 0:  # a port beyond 65535 is a ValueError too
        raise ValueError("not an address")
    return text


def _base_url(env: Mapping[str, str]) -> str:
    text = env.get("FLOWAPP_BASE_URL", "")
    try:
        return read_address(text) if text.strip() else ""
    except ValueError:
        raise ConfigError(f"FLOWAPP_BASE_URL must be an address like https://flow.example.com, not “{text}”.") from None


def _smtp_url(env: Mapping[str, str]) -> str:
    if env.get("SMTP_URL"):
        return env["SMTP_URL"]
    if env.get("SMTP_HOST"):
        return f"smtp://{env['SMTP_HOST']}:{_number(env, 'SMTP_PORT', 25, 1, 65535)}"
    if env.get("SENDGRID_API_KEY"):
        return f"smtp://apikey:{env['SENDGRID_API_KEY']}@smtp.sendgrid.net:587"
    return ""


def _encryption_keys(env: Mapping[str, str], data_dir: Path) -> tuple[str, ...]:
    from cryptography.fernet import Fernet

    more, kept = _list(env.get("INTEGRATION_ENCRYPTION_KEY", "")), data_dir / "encryption_keys"
    keys = _list(env.get("FLOWAPP_ENCRYPTION_KEYS", ""))
    if not keys and (kept.exists() or not more):  # a key that was made here goes on, whatever is added
        keys = _list(_kept(kept, lambda: Fernet.generate_key().decode()))
    keys += more
    for key in keys:
        try:
            Fernet(key)
        except ValueError as error:
            name = "INTEGRATION_ENCRYPTION_KEY" if key in more else "FLOWAPP_ENCRYPTION_KEYS"
            raise ConfigError(f"{name} holds a key that is not a Fernet key: {error}.") from None
    return keys


def _kept(path: Path, make: Callable[[], str]) -> str:
    """The text of the file, made on first use; mode 0600. Several processes may race: the first one wins."""
    if not path.exists():
        fresh = path.with_name(f".{path.name}.{os.getpid()}.{secrets.token_hex(4)}")
        fresh.touch(mode=0o600)
        fresh.write_text(make(), encoding="ascii")
        with contextlib.suppress(FileExistsError):
            os.link(fresh, path)
        fresh.unlink()
    return path.read_text(encoding="ascii").strip()


def _list(text: str) -> tuple[str, ...]:
    return tuple(part.strip() for part in text.split(",") if part.strip())


def _number(env: Mapping[str, str], name: str, default: int, low: int, high: int) -> int:
    text = env.get(name) or str(default)
    if not text.isdigit() or not low <= int(text) <= high:
        raise ConfigError(f"{name} must be a whole number from {low} to {high}, not “{text}”.")
    return int(text)


def _choice(env: Mapping[str, str], name: str, default: str, allowed: tuple[str, ...]) -> str:
    text = env.get(name) or default
    for value in allowed:
        if value.lower() == text.lower():
            return value
    raise ConfigError(f"{name} must be one of {', '.join(allowed)}, not “{text}”.")
