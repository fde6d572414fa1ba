"""The mail server that an integration names, how it may be reached, and its errors in plain words."""

from __future__ import annotations

import imaplib
import re
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial

from flowapp.connectors.runner import Service
from flowapp.errors import StepError
from flowapp.security.failures import why_failed
from flowapp.security.opened import Opened
from flowapp.texts import Text, say

TIMEOUT = 20.0  # seconds for each answer of the server
WITHIN = 60.0  # seconds for all of one conversation
_PORTS = {"tls": 993, "starttls": 143, "none": 143}
# What is refused because of the account or the server as they are now, whatever was asked for (RFC 5530; Exchange and Gmail
# say some of it in words only).
_PASSING = re.compile(
    r"\[(?:UNAVAILABLE|INUSE|LIMIT|CONTACTADMIN|OVERQUOTA|THROTTLED)\b|\bthrottled\b|\bbandwidth\b|\bnot connected\b",
    re.IGNORECASE,
)
_SERVERBUG = re.compile(r"\[SERVERBUG\b", re.IGNORECASE)  # may be mended, but is about what was asked for

Connect = Callable[[str, int, float], socket.socket]


@dataclass(frozen=True, slots=True)
class Server:
    """`connect` is the egress guard's. `within`: seconds that a whole conversation may take."""

    host: str
    port: int
    security: str
    username: str
    password: str = field(repr=False)
    connect: Connect
    within: float = WITHIN
    token: Callable[[str], str] | None = None  # of OAuth2, in the place of a password; given the one that was refused

    def fault(self, reason: str, *, permanent: bool, **details: object) -> StepError:
        """An error in plain words, without the password."""
        reason = Opened([self.password]).mask(reason)
        message = say("The mail server %(host)s: %(reason)s", host=self.host, reason=reason)
        return StepError(message, permanent=permanent, details=dict(details))

    def refused(self, did: Text, answer: object, *, permanent: bool = True) -> StepError:
        """The server said NO: the same answer next time, unless it says so or this is not `permanent`.

        `answered` in the details: the answer is about what was asked for.
        """
        reason = words(answer)
        passing = _PASSING.search(reason) is not None
        permanent = permanent and not passing and _SERVERBUG.search(reason) is None
        told = say("%(did)s (%(reason)s)", did=did, reason=reason)
        return self.fault(told, permanent=permanent, answered=not passing)


def server_of(service: Service, connect: Connect, most: float = WITHIN) -> Server:
    """`most`: seconds that the step has."""
    handle, config = service.handle, service.handle.config
    port = config["port"] or _PORTS[config["security"]]
    if not 0 < port < 65536:
        raise StepError(say("The port must be between 1 and 65535."), permanent=True)
    by_token = config["sign_in"] != "password"
    if by_token and config["security"] == "none":
        raise StepError(say("Sign in by OAuth2 over an encrypted connection: choose TLS or STARTTLS."), permanent=True)
    return Server(
        host=config["host"], port=port, security=config["security"], username=config["username"],
        password=handle.credentials["password"], connect=connect, within=max(0.1, min(most, WITHIN)),
        token=partial(_token, service) if by_token else None,
    )  # fmt: skip


def _token(service: Service, refused: str) -> str:
    if service.access_token is None:
        raise StepError(say("“%(name)s” cannot sign in here.", name=service.handle.name), permanent=True)
    return service.access_token(service.handle, refused)


def words(answer: object) -> str:
    """What the server said, as far as people can read it."""
    if isinstance(answer, list | tuple):
        answer = answer[-1] if answer else b""
    text = answer.decode("utf-8", "replace") if isinstance(answer, bytes) else str(answer or "")
    return "".join(char if char.isprintable() else " " for char in text).strip()[:300]


@contextmanager
def in_words(server: Server, changing: Callable[[], bool]) -> Iterator[None]:
    """Whatever goes wrong with the server becomes a StepError; where it was `changing` something, nobody knows whether it did.

    imaplib raises anything where a server does not keep to the protocol.
    """
    try:
        yield
    except imaplib.IMAP4.readonly as error:
        raise server.fault(say("the mailbox can only be read."), permanent=True) from error
    except imaplib.IMAP4.abort as error:
        lost = say("the connection was lost (%(reason)s).", reason=words(str(error)))
        raise server.fault(lost, permanent=False, sent=changing()) from error
    except imaplib.IMAP4.error as error:
        raise server.fault(words(str(error)), permanent=False) from error
    except OSError as error:
        raise server.fault(why_failed(error), permanent=False, sent=changing()) from error
    except (ValueError, TypeError, LookupError, AttributeError) as error:
        unread = say("it does not answer as an IMAP server does.")
        raise server.fault(unread, permanent=False, sent=changing()) from error
