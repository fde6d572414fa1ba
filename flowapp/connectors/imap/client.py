"""imaplib's client over a socket that the egress guard opened, with bounds on everything that a server may send."""

from __future__ import annotations

import imaplib
import io
import ssl
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import NamedTuple

from flowapp.connectors.imap.names import mailbox_argument, quoted
from flowapp.connectors.imap.server import TIMEOUT, Server, in_words
from flowapp.errors import StepError
from flowapp.security.cutoff import CutOff
from flowapp.texts import say

GOODBYE = 1.0  # seconds that the answer to LOGOUT may take: all is done then
_DID = say("it refused the user name or password")
_CHANGES = frozenset({"COPY", "MOVE", "STORE", "EXPUNGE"})
MAX_LINE = 4 * 2**20  # bytes: the UIDs of about 500,000 mails
MAX_LITERAL = 256 * 2**10  # bytes of one literal, where a command does not say more
MAX_SAID = 64 * 2**20  # bytes of a server in one conversation
MAX_LINES = 100_000  # each costs more memory than its bytes


class MailboxState(NamedTuple):
    """A mailbox in use. `validity`: what its UIDs belong to; `following`: the next UID, 0 where the server does not say."""

    name: str
    validity: int
    following: int


class Session(imaplib.IMAP4):
    """Each answer comes within TIMEOUT seconds, the whole conversation within `server.within`."""

    def __init__(self, server: Server) -> None:
        self.server = server
        self._reader: io.BufferedReader | None = None
        self._cut_off: CutOff | None = None
        self._said, self._lines, self.largest, self.changing = 0, 0, MAX_LITERAL, False
        try:
            super().__init__(server.host, server.port, min(TIMEOUT, server.within))
        except BaseException:
            self.shutdown()
            raise

    def open(self, host: str = "", port: int = 143, timeout: float | None = None) -> None:
        """Connects; encrypted where the server's port is."""
        self.host, self.port = host, port
        self.sock = self.server.connect(host, port, timeout or TIMEOUT)
        self._cut_off = CutOff(self.sock, self.server.within)
        self.sock.settimeout(timeout)
        if self.server.security == "tls":
            self._encrypt()
        self._reader = self.sock.makefile("rb")

    def _encrypt(self) -> None:
        self.sock = ssl.create_default_context().wrap_socket(self.sock, server_hostname=self.host)

    def start_encryption(self) -> None:
        """STARTTLS. What the server said before counts for nothing."""
        answer, said = self._simple_command("STARTTLS")
        if answer != "OK":
            raise self.server.refused(say("it does not offer encryption"), said)
        self._encrypt()
        self._reader = self.sock.makefile("rb")
        self.untagged_responses = {}
        self._get_capabilities()

    def readline(self) -> bytes:
        """One line, of MAX_LINE bytes at most."""
        assert self._reader is not None  # noqa: S101 - imaplib opens before it reads
        line = self._reader.readline(MAX_LINE + 1)
        self._lines += 1
        self._hear(len(line))
        self._say_if_late(ended=not line)
        if len(line) > MAX_LINE or self._lines > MAX_LINES:
            raise self._too_much()
        return line

    def read(self, size: int) -> bytes:
        """A literal, unless the server announces one that nobody asked for."""
        assert self._reader is not None  # noqa: S101 - imaplib opens before it reads
        if size > self.largest:
            raise self._too_much()
        self._hear(size)
        found = self._reader.read(size)
        self._say_if_late(ended=len(found) < size)
        if len(found) < size:
            raise self.abort("unexpected end")
        return found

    def _say_if_late(self, *, ended: bool) -> None:
        """TimeoutError where the connection was ended by us."""
        if ended and self._cut_off is not None and self._cut_off.expired:
            raise TimeoutError("timed out")

    def _hear(self, size: int) -> None:
        self._said += size
        if self._said > MAX_SAID:
            raise self._too_much()

    def _too_much(self) -> StepError:
        return self.server.fault(say("it sends more than was asked for."), permanent=False)

    def shutdown(self) -> None:
        """Ends the connection, and the watch over it."""
        if self._cut_off is not None:
            self._cut_off.done()
        if self._reader is not None:
            self._reader.close()
        if "sock" in self.__dict__:
            self.sock.close()

    def use(self, mailbox: str, *, writable: bool = False) -> MailboxState:
        """Opens a mailbox. StepError where there is none of that name."""
        answer, said = self.select(mailbox_argument(mailbox), readonly=not writable)
        if answer != "OK":
            raise self.server.refused(say("the mailbox “%(name)s” cannot be opened", name=mailbox), said)
        return MailboxState(mailbox, self.number("UIDVALIDITY"), self.number("UIDNEXT"))

    def number(self, code: str) -> int:
        """The number that a response code said; 0 where it was not said."""
        _, said = self.response(code)
        last = said[-1]
        return int(last) if last else 0

    def ask(self, did: str, command: str, *arguments: str) -> list[bytes | tuple[bytes, bytes]]:
        """A command by UID, and what the server says to it. StepError where it says no; `did` is what failed."""
        self.changing = command in _CHANGES
        refused = say("it refused to %(action)s", action=did)
        try:
            answer, said = self.uid(command, *arguments)
        except self.abort:
            raise
        except self.error as error:  # it said BAD, as Exchange does to a mail that it cannot convert
            self.changing = False
            raise self.server.refused(refused, str(error), permanent=False) from error
        self.changing = False
        if answer != "OK":
            raise self.server.refused(refused, said)
        return [entry for entry in said if entry is not None]


@contextmanager
def opened(server: Server) -> Iterator[Session]:
    """A conversation, signed in. StepError, in plain words, for all that goes wrong in it."""
    session: Session | None = None
    with in_words(server, lambda: session is not None and session.changing):
        try:
            session = _signed_in(server, "")
            yield session
            with suppress(Exception):  # all is done, or failed before: nothing depends on a goodbye
                session.sock.settimeout(GOODBYE)
                session.logout()
        finally:
            if session is not None:
                session.shutdown()


def _signed_in(server: Server, refused: str) -> Session:
    """A session that is signed in; a token that ended early is renewed once (`refused`)."""
    token = server.token(refused) if server.token else ""
    session = Session(server)
    try:
        if server.security == "starttls":
            session.start_encryption()
        _sign_in(session, server, token)
        session._get_capabilities()  # noqa: SLF001 - more may be offered now
    except BaseException as error:
        session.shutdown()
        if not (isinstance(error, _RefusedError) and token and not refused):
            raise
    else:
        return session
    return _signed_in(server, token)


class _RefusedError(StepError):
    """The server does not take the user name with this password or token."""


def _sign_in(session: Session, server: Server, token: str) -> None:
    if token:
        # https://developers.google.com/workspace/gmail/imap/xoauth2-protocol; what is said to a refusal is empty
        secrets = iter([f"user={server.username}\1auth=Bearer {token}\1\1".encode()])
        _authenticate(session, server, "XOAUTH2", lambda _challenge: next(secrets, b""))
    elif "AUTH=PLAIN" in session.capabilities:
        secret = f"\0{server.username}\0{server.password}".encode()
        _authenticate(session, server, "PLAIN", lambda _challenge: secret)
    else:
        _log_in(session, server)


def _authenticate(session: Session, server: Server, how: str, say_it: Callable[[bytes], bytes]) -> None:
    try:
        session.authenticate(how, say_it)
    except session.abort:
        raise
    except session.error as error:
        told = server.refused(_DID, str(error))
        raise _RefusedError(told.message, permanent=told.permanent, details=told.details) from error


def _log_in(session: Session, server: Server) -> None:
    if "LOGINDISABLED" in session.capabilities:
        raise server.fault(say("it takes no password on an unencrypted connection."), permanent=True)
    given = server.username + server.password
    if not (given.isascii() and given.isprintable()):
        raise server.fault(say("it takes no user name or password with these characters."), permanent=True)
    answer, said = session._simple_command("LOGIN", quoted(server.username), quoted(server.password))  # noqa: SLF001 - login() hides the answer
    if answer != "OK":
        raise server.refused(_DID, said)
    session.state = "AUTH"
