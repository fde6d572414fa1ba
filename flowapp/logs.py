"""Logging: structlog over the standard library; execution and step ids are bound; secrets are masked first."""

from __future__ import annotations

import logging
import re
import sys
from collections.abc import MutableMapping
from typing import Any

import structlog

from flowapp.texts import one_line

MASK = "••••••"
MAX_MESSAGE = 10_000  # characters of an error or a log line that are kept
_SECRET_KEY = re.compile(
    r"(pass(word|wd|phrase)?|secret|token|(api|access|auth|subscription|private)[_-]?key|authorization|cookie"
    r"|credential|signature)",
    re.IGNORECASE,
)
_SECRET_TEXT = (
    re.compile(r"(?i)\b(bearer|basic)\s+[a-z0-9._~+/=-]{8,}"),
    re.compile(r"(?i)\b(pass(?:word)?|secret|token|api[_-]?key)\s*[=:]\s*[^\s,;&\"']+"),
    re.compile(r"\b(?:sk|rk|pk|whsec|xox[abp]|ghp|SG)[_.-][A-Za-z0-9_.-]{10,}"),
    re.compile(r"(?<=://)[^/\s:@]+:[^/\s@]+(?=@)"),
)


def is_secret_name(name: str) -> bool:
    """Whether what stands under this name (a header, a field) is likely a secret."""
    return _SECRET_KEY.search(name) is not None


def mask_text(text: str, known: tuple[str, ...] = ()) -> str:
    """`text` with every known secret, and whatever looks like one, replaced. Called before any truncation."""
    for secret in known:
        if len(secret) >= 4:  # shorter ones would blank ordinary words
            text = text.replace(secret, MASK)
    for pattern in _SECRET_TEXT:
        text = pattern.sub(MASK, text)
    return text


def kept_text(text: str, known: tuple[str, ...] = ()) -> str:
    """`text` as it may be stored and shown: secrets masked, without NUL, then cut to MAX_MESSAGE characters."""
    text = mask_text(text.replace("\x00", "\ufffd"), known)
    return text if len(text) <= MAX_MESSAGE else text[:MAX_MESSAGE] + " …"


def mask(value: Any, known: tuple[str, ...] = ()) -> Any:
    """A copy of a JSON value with the values of secret-looking keys, and secrets inside texts, masked."""
    if isinstance(value, str):
        return mask_text(value, known)
    if isinstance(value, dict):
        return {
            k: MASK if v not in (None, "") and _SECRET_KEY.search(str(k)) and isinstance(v, str) else mask(v, known)
            for k, v in value.items()
        }
    if isinstance(value, (list, tuple)):
        return [mask(item, known) for item in value]
    return value


def _mask_event(_logger: Any, _name: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    for key, value in list(event.items()):
        event[key] = MASK if _SECRET_KEY.search(key) else mask(value)
    return event


def _one_line(_logger: Any, _name: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
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
