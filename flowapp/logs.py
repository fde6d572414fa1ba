"""Logging: structlog over the standard library; execution and step ids are bound; secrets are masked first."""

from __future__ import annotations

import logging
import re
import sys
from collections.abc import MutableMapping
from functools import lru_cache
from itertools import pairwise
from typing import Any

import structlog

from flowapp.texts import Text, mapped, one_line

MASK = "••••••"
MAX_MESSAGE = 10_000  # characters of an error or a log line that are kept
_WORD = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|[0-9]+")
_SECRET_WORDS = frozenset(
    [
        "password",
        "passwords",
        "passwd",
        "passphrase",
        "passcode",
        "pwd",
        "pass",
        "secret",
        "secrets",
        "token",
        "tokens",
        "authorization",
        "authorisation",
        "cookie",
        "cookies",
        "credential",
        "credentials",
        "signature",
        "apikey",
        "accesskey",
        "authkey",
        "secretkey",
        "privatekey",
        "motdepasse",
    ]
)
_SECRET_ENDS = ("password", "passwd", "secret", "token", "apikey")  # clientsecret, accesstoken
_KINDS_OF_KEY = frozenset(
    ["api", "access", "auth", "subscription", "private", "secret", "signing", "encryption", "account"]
)
# Whoever has such an address may do what it is for: decide, resume, join. It may be part of another one.
_LINK = re.compile(r"(?i)((?:/|%2f)(?:approvals|resume|invite|reset-password)\\?(?:/|%2f))[a-z0-9_.-]{30,}")
_LINK_SHOWN = rf"\1{MASK}"
# What a text must hold in lower case to be looked through, the pattern of the secret, and what stands in its place.
_SECRET_TEXT = (
    (("bearer", "basic"), re.compile(r"(?i)\b(bearer|basic)\s+[a-z0-9._~+/=-]{8,}"), MASK),
    (
        ("pass", "secret", "token", "signature", "key"),
        re.compile(
            r"(?i)((?<![a-z])pass|password|passwd|passphrase|secret|token|signature|api[_-]?key|access[_-]?key)"
            r"(\\?[\"']?\s*[=:]\s*\\?[\"']?)[^\s,;&\"'\\]+"
        ),
        rf"\1\2{MASK}",
    ),
    (
        ("sk", "rk", "pk", "whsec", "xox", "ghp", "sg"),
        re.compile(r"\b(?:sk|rk|pk|whsec|xox[abp]|ghp|SG)[_.-][A-Za-z0-9_.-]{10,}"),
        MASK,
    ),
    (("://",), re.compile(r"(?<=://)[^/\s:@]+:[^/\s@]+(?=@)"), MASK),
    (("approvals", "resume", "invite", "reset-password"), _LINK, _LINK_SHOWN),
)
_ANY_CLUE = re.compile("|".join(re.escape(clue) for clues, _, _ in _SECRET_TEXT for clue in clues))


@lru_cache(maxsize=10_000)
def is_secret_name(name: str) -> bool:
    """Whether what stands under this name (a header, a field) is likely a secret: X-Api-Key, clientSecret, not passenger."""
    words = [word.lower() for word in _WORD.findall(name[:200])]
    if any(word in _SECRET_WORDS or word.endswith(_SECRET_ENDS) for word in words):
        return True
    pairs = set(pairwise(words))
    return any((kind, "key") in pairs for kind in _KINDS_OF_KEY) or (("mot", "de") in pairs and "passe" in words)


def mask_links(text: str) -> str:
    """`text` with the links that let whoever has them act in somebody's name made worthless."""
    return _LINK.sub(_LINK_SHOWN, text)


def mask_text(text: str) -> str:
    """`text` with whatever looks like a secret replaced. Called before any truncation."""
    lower = text.lower()
    if _ANY_CLUE.search(lower) is None:  # most texts
        return text
    for clues, pattern, instead in _SECRET_TEXT:
        if any(clue in lower for clue in clues):
            text = pattern.sub(instead, text)
    return text


def kept_text(text: str) -> str:
    """`text` as it may be stored and shown: secrets masked, without NUL, then cut to MAX_MESSAGE characters."""
    return mapped(text, _kept) if isinstance(text, Text) else _kept(text)


def _kept(text: str) -> str:
    text = mask_text(text.replace("\x00", "\ufffd"))
    return text if len(text) <= MAX_MESSAGE else text[:MAX_MESSAGE] + " …"


def mask(value: object) -> Any:
    """A copy of a JSON value with the values of secret-looking keys, and secrets inside texts, masked."""
    if isinstance(value, str):
        return mask_text(value)
    if isinstance(value, dict):
        return {key: _hidden(entry) if is_secret_name(str(key)) else mask(entry) for key, entry in value.items()}
    if isinstance(value, (list, tuple)):
        return [mask(item) for item in value]
    return value


def _hidden(value: object) -> object:
    """What stands under a secret's name: each text, also in a list; numbers (total_tokens) and nothing are no secrets."""
    if isinstance(value, str):
        return MASK if value else value
    return [_hidden(item) for item in value] if isinstance(value, (list, tuple)) else mask(value)


def _mask_event(_logger: object, _name: str, event: MutableMapping[str, object]) -> MutableMapping[str, object]:
    for key, value in list(event.items()):
        event[key] = MASK if is_secret_name(key) else mask(value)
    return event


def _one_line(_logger: object, _name: str, event: MutableMapping[str, object]) -> MutableMapping[str, object]:
    """What people wrote cannot forge a line or command the terminal; a traceback keeps its lines, set in."""
    for key, value in list(event.items()):
        if key in ("exception", "stack") and isinstance(value, str):
            event[key] = "\n".join(f"  {one_line(line)}" for line in value.splitlines())
        elif key == "event" or isinstance(value, str):
            event[key] = one_line(str(value))
    return event


def configure(level: str = "info", form: str = "console") -> None:
    """Sets up logging for this process; both structlog and the standard library end in one stream on stderr."""
    renderers: list[Any] = [structlog.processors.JSONRenderer()]
    if form == "console":
        renderers = [_one_line, structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty())]
    shared: list[Any] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.format_exc_info,
        _mask_event,
    ]
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *renderers],
        )
    )
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level.upper())
    for noisy in ("alembic", "urllib3", "dramatiq", "werkzeug"):
        logging.getLogger(noisy).setLevel(max(logging.WARNING, root.level))


def get_logger(name: str) -> structlog.stdlib.BoundLogger:
    """The logger of a module; keyword arguments of its calls become fields."""
    logger: structlog.stdlib.BoundLogger = structlog.get_logger(name)
    return logger
