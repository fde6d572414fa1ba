"""A small strict IMAP server (RFC 3501, 4315, 6851) in threads, with mailboxes to look into; it can fail in many ways.

What does not follow the grammar, or is not known here, is answered with BAD.
"""

from __future__ import annotations

import base64
import re
import socketserver
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email import message_from_bytes
from email.policy import default
from typing import Any

from flowapp.connectors.imap.names import encoded

USER, PASSWORD = "ann@example.com", 'pass "word" \\ é'
DAYS = "%d-%b-%Y"
ATOM = re.compile(rb'\d+:\*|[^\s(){%*"\\\]\x00-\x1f\x7f]+(?:\[[^\]]*\](?:<\d+\.\d+>)?)?|\*')
QUOTED = re.compile(rb'"((?:[^"\\\r\n\x80-\xff]|\\["\\])*)"')
FETCH = re.compile(r"\(UID FLAGS INTERNALDATE RFC822\.SIZE BODY\.PEEK\[(|HEADER\.FIELDS \([A-Z -]+\))\]<0\.(\d+)>\)")
SET = re.compile(r"\d+(:(\d+|\*))?(,\d+(:(\d+|\*))?)*")


@dataclass
class Stored:
    uid: int
    content: bytes
    flags: set[str]
    received: datetime


@dataclass
class Folder:
    validity: int = 1700000000
    following: int = 1
    mails: list[Stored] = field(default_factory=list)

    def add(self, content: bytes, flags: Any = (), received: datetime | None = None) -> Stored:
        made = Stored(self.following, content, set(flags), received or datetime.now(UTC).replace(microsecond=0))
        self.following += 1
        self.mails.append(made)
        return made


@dataclass
class ImapServer:
    """`silent`: commands that are never answered; `raw`: answers that are sent as they are; `broken`: UIDs it cannot give;
    `refusals`: what it says to a UID instead, such as `NO [INUSE] later`; the connection ends where that is empty.
    """

    port: int = 0
    user: str = ""
    password: str = ""
    folders: dict[str, Folder] = field(default_factory=dict)
    capabilities: list[str] = field(default_factory=list)
    commands: list[str] = field(default_factory=list)
    silent: set[str] = field(default_factory=set)
    raw: dict[str, bytes] = field(default_factory=dict)
    broken: set[int] = field(default_factory=set)
    refusals: dict[int, str] = field(default_factory=dict)
    tls: ssl.SSLContext | None = None
    implicit: bool = False
    quiet: bool = False  # about UIDNEXT
    token: str = ""
    tokens: list[str] = field(default_factory=list)  # as they came
    stopped: threading.Event = field(default_factory=threading.Event)

    def reset(self) -> None:
        self.folders = {name: Folder() for name in ("INBOX", "Archive", "Entwürfe & Ideen")}
        self.capabilities = ["IMAP4rev1", "AUTH=PLAIN", "UIDPLUS", "MOVE"]
        self.commands, self.silent, self.raw, self.broken, self.refusals = [], set(), {}, set(), {}
        self.tls, self.implicit, self.quiet, self.user = None, False, False, USER
        self.password, self.tokens = PASSWORD, []
        self.stopped.set()
        self.stopped = threading.Event()

    def deliver(self, content: bytes, mailbox: str = "INBOX", received: datetime | None = None) -> int:
        return self.folders[mailbox].add(content, (), received).uid

    def mails(self, mailbox: str = "INBOX") -> list[tuple[int, set[str]]]:
        return [(one.uid, one.flags) for one in self.folders[mailbox].mails]

    def flag(self, uid: int, flag: str) -> None:
        """As another client does."""
        next(one for one in self.folders["INBOX"].mails if one.uid == uid).flags.add(flag)

    def rebuild(self, mailbox: str = "INBOX") -> None:
        """Gives every mail another UID, under another UIDVALIDITY."""
        old = self.folders[mailbox]
        new = self.folders[mailbox] = Folder(old.validity + 1)
        for one in old.mails:
            new.add(one.content, one.flags, one.received)


class BadError(Exception):
    """The command is against the grammar."""


class NoError(Exception):
    """The command is refused."""


class _Handler(socketserver.StreamRequestHandler):
    disable_nagle_algorithm = True  # or every answer of two parts takes 40 ms
    server: Any

    def handle(self) -> None:
        self.imap: ImapServer = self.server.imap
        self.folder: Folder | None = None
        self.signed_in = self.writable = self.encrypted = False
        if self.imap.implicit:
            self.encrypt()
        self.say(self.imap.raw.get("greeting", b"* OK ready\r\n"))
        while (line := self.rfile.readline()) and self.command(line):
            pass

    def encrypt(self) -> None:
        assert self.imap.tls is not None
        self.connection = self.imap.tls.wrap_socket(self.connection, server_side=True)
        self.rfile, self.wfile = self.connection.makefile("rb"), self.connection.makefile("wb", 0)
        self.encrypted = True

    def finish(self) -> None:
        super().finish()
        self.connection.close()  # encrypted, it is no longer what socketserver opened

    def say(self, data: bytes) -> None:
        self.wfile.write(data)

    def command(self, line: bytes) -> bool:
        try:
            tag, name, arguments = self.read(line)
        except BadError as error:
            self.say(b"* BAD %s\r\n" % str(error).encode())
            return False
        if name == "UID" and arguments:
            name = f"UID {arguments.pop(0).upper()}"
        self.imap.commands.append(" ".join([name, *map(str, arguments)]))
        if name in self.imap.silent:
            self.imap.stopped.wait(30)
            return False
        if name in self.imap.raw:
            self.say(self.imap.raw[name].replace(b"TAG", tag))
            return b"TAG" in self.imap.raw[name]
        try:
            said = getattr(self, name.lower().replace(" ", "_").replace("=", "_"), self.unknown)(*arguments)
            self.say(tag + b" OK " + (said or "done").encode() + b"\r\n")
            if name == "STARTTLS":
                self.encrypt()
        except NoError as error:
            self.say(tag + b" NO " + str(error).encode() + b"\r\n")
        except (BadError, TypeError, AssertionError) as error:
            self.say(tag + b" BAD " + str(error).encode() + b"\r\n")
        return name != "LOGOUT"

    def read(self, line: bytes) -> tuple[bytes, str, list[Any]]:
        """Tag, name and arguments; literals are asked for."""
        pieces: list[Any] = []
        while literal := re.search(rb"\{(\d+)\}\r\n$", line):
            pieces += self.split(line[: literal.start()])
            self.say(b"+ go on\r\n")
            pieces.append(self.rfile.read(int(literal[1])).decode())
            line = self.rfile.readline()
        if not line.endswith(b"\r\n"):
            raise BadError("no end of line")
        pieces += self.split(line[:-2])
        if len(pieces) < 2 or not re.fullmatch(r"[A-Za-z0-9]+", pieces[0]):
            raise BadError("no command")
        return pieces[0].encode(), pieces[1].upper(), pieces[2:]

    def split(self, text: bytes) -> list[str]:
        found: list[str] = []
        text = text.strip(b" ")
        while text:
            if text[:1] == b"(":
                end = self.closing(text)
                found.append(text[:end].decode("ascii"))
            elif quoted := QUOTED.match(text):
                end = quoted.end()
                found.append(re.sub(rb"\\(.)", rb"\1", quoted[1]).decode("ascii"))
            elif atom := ATOM.match(text):
                end = atom.end()
                found.append(atom[0].decode("ascii"))
            else:
                raise BadError(f"cannot read {text[:40]!r}")
            if text[end : end + 1] not in (b"", b" "):
                raise BadError("no space between arguments")
            text = text[end:].lstrip(b" ")
        return found

    @staticmethod
    def closing(text: bytes) -> int:
        depth = 0
        for at, char in enumerate(text):
            depth += {40: 1, 41: -1}.get(char, 0)
            if not depth:
                return at + 1
        raise BadError("no closing parenthesis")

    def unknown(self, *_arguments: str) -> str:
        raise BadError("unknown command")

    def capability(self) -> None:
        offered = ["STARTTLS"] if self.imap.tls and not self.encrypted else []
        self.say(f"* CAPABILITY {' '.join(self.imap.capabilities + offered)}\r\n".encode())

    def starttls(self) -> None:
        if self.imap.tls is None or self.encrypted:
            raise NoError("no encryption here")

    def noop(self) -> None:
        """Nothing."""

    def logout(self) -> None:
        self.say(b"* BYE\r\n")

    def authenticate(self, mechanism: str) -> None:
        assert mechanism in ("PLAIN", "XOAUTH2") and not self.signed_in
        if mechanism == "XOAUTH2":
            self.present()
            return
        self.say(b"+ \r\n")
        given = base64.b64decode(self.rfile.readline(), validate=False).decode().split("\0")
        self.enter(given == ["", self.imap.user, self.imap.password])

    def present(self) -> None:
        """A token of OAuth2: a refusal says why, and waits for an empty answer."""
        self.say(b"+ \r\n")
        given = base64.b64decode(self.rfile.readline()).decode()
        self.imap.tokens.append(given)
        if given != f"user={self.imap.user}\1auth=Bearer {self.imap.token}\1\1":
            self.say(b"+ eyJzdGF0dXMiOiI0MDAifQ==\r\n")
            assert self.rfile.readline() == b"\r\n"
            raise NoError("[AUTHENTICATIONFAILED] Invalid credentials")
        self.signed_in = True

    def login(self, user: str, password: str) -> None:
        self.enter((user, password) == (self.imap.user, self.imap.password))

    def enter(self, right: bool) -> None:
        if not right:
            raise NoError("[AUTHENTICATIONFAILED] Invalid credentials")
        self.signed_in = True

    def list(self, root: str, pattern: str) -> None:
        assert (root, pattern) == ("", "*") and self.signed_in
        self.say(b'* LIST (\\Noselect) "/" "Folders"\r\n')
        for name in self.imap.folders:
            use = "\\Archive" if name == "Archive" else "\\HasNoChildren"
            self.say(f'* LIST ({use}) "/" "{encoded(name)}"\r\n'.encode())

    def named(self, name: str, code: str = "[NONEXISTENT] ") -> Folder:
        assert self.signed_in
        for known, folder in self.imap.folders.items():
            if encoded(known) == name or known.upper() == "INBOX" == name.upper():
                return folder
        raise NoError(f"{code}No such mailbox")

    def select(self, name: str, writable: bool = True) -> str:
        self.folder, self.writable = self.named(name), writable
        self.say(f"* {len(self.folder.mails)} EXISTS\r\n* 0 RECENT\r\n* FLAGS (\\Seen \\Deleted)\r\n".encode())
        self.say(f"* OK [UIDVALIDITY {self.folder.validity}] ok\r\n".encode())
        if not self.imap.quiet:
            self.say(f"* OK [UIDNEXT {self.folder.following}] ok\r\n".encode())
        return "[READ-WRITE] selected" if writable else "[READ-ONLY] selected"

    def examine(self, name: str) -> str:
        return self.select(name, False)

    def chosen(self, uids: str) -> list[Stored]:
        assert self.folder is not None and SET.fullmatch(uids), uids
        last = max((one.uid for one in self.folder.mails), default=0)
        found = []
        for part in uids.split(","):
            first, _, end = part.partition(":")
            ends = sorted((int(first), last if end == "*" else int(end or first)))
            found += [one for one in self.folder.mails if ends[0] <= one.uid <= ends[1]]
        return found

    def uid_search(self, *criteria: str) -> None:
        assert self.folder is not None
        left, found = list(criteria), list(self.folder.mails)
        if left[:2] == ["CHARSET", "UTF-8"]:
            del left[:2]
        while left:
            found = self.narrowed(left.pop(0), left, found)
        self.say(f"* SEARCH {' '.join(str(one.uid) for one in found)}".strip().encode() + b"\r\n")

    def narrowed(self, key: str, left: list[str], found: list[Stored]) -> list[Stored]:
        if key == "NOT":
            without = self.narrowed(left.pop(0), left, found)
            return [one for one in found if one not in without]
        if key in ("SEEN", "FLAGGED", "DELETED"):
            return [one for one in found if f"\\{key.title()}" in one.flags]
        if key == "UNSEEN":
            return [one for one in found if "\\Seen" not in one.flags]
        if key == "UID":
            chosen = self.chosen(left.pop(0))
            return [one for one in found if one in chosen]
        if key in ("SINCE", "BEFORE"):
            day = datetime.strptime(left.pop(0), DAYS).date()
            return [one for one in found if (one.received.date() >= day) == (key == "SINCE")]
        if key in ("FROM", "TO", "SUBJECT", "TEXT"):
            wanted = left.pop(0).casefold()
            return [one for one in found if wanted in self.searched(one, key).casefold()]
        raise BadError(f"unknown key {key}")

    @staticmethod
    def searched(one: Stored, key: str) -> str:
        return one.content.decode("utf-8", "replace") if key == "TEXT" else str(message_from_bytes(one.content, policy=default)[key] or "")  # fmt: skip

    def uid_fetch(self, uids: str, items: str) -> None:
        asked = FETCH.fullmatch(items)
        assert asked, items
        for one in self.chosen(uids):
            if one.uid in self.imap.broken:
                raise NoError("Internal error occurred")
            if one.uid in self.imap.refusals:
                self.refuse(*self.imap.refusals[one.uid].split(" ", 1))
            self.say(self.fetched(one, asked[1], int(asked[2])))

    @staticmethod
    def refuse(status: str, said: str = "") -> None:
        raise {"NO": NoError, "BAD": BadError, "": ConnectionError}[status](said)

    def fetched(self, one: Stored, part: str, most: int) -> bytes:
        content = one.content
        if part:
            wanted = {name.lower() for name in re.findall(r"[A-Z-]{2,}", part.partition("(")[2])}
            head = re.split(rb"\r?\n\r?\n", content, maxsplit=1)[0] + b"\r\n"
            fields = re.findall(rb"^[^\s:]+:.*\n(?:[ \t].*\n)*", head, re.MULTILINE)
            content = (
                b"".join(one for one in fields if one.partition(b":")[0].decode("latin-1").lower() in wanted) + b"\r\n"
            )
        content = content[:most]
        sequence = self.folder.mails.index(one) + 1 if self.folder else 0
        moment = one.received.strftime("%d-%b-%Y %H:%M:%S +0000")
        head = f'* {sequence} FETCH (UID {one.uid} FLAGS ({" ".join(sorted(one.flags))}) INTERNALDATE "{moment}" RFC822.SIZE {len(one.content)} BODY[{part}]<0> {{{len(content)}}}\r\n'
        return head.encode() + content + b")\r\n* 1 FETCH (FLAGS ())\r\n"

    def uid_store(self, uids: str, change: str, flags: str) -> None:
        assert change in ("+FLAGS.SILENT", "-FLAGS.SILENT") and self.writable
        named = set(flags.strip("()").split())
        for one in self.chosen(uids):
            one.flags = one.flags | named if change[0] == "+" else one.flags - named

    def uid_copy(self, uids: str, name: str) -> str:
        target = self.named(name, "[TRYCREATE] ")
        pairs = [(one.uid, target.add(one.content, one.flags, one.received).uid) for one in self.chosen(uids)]
        if "UIDPLUS" not in self.imap.capabilities:
            return "done"
        old, new = (",".join(str(pair[at]) for pair in pairs) for at in (0, 1))
        return f"[COPYUID {target.validity} {old} {new}] done"

    def uid_move(self, uids: str, name: str) -> None:
        assert "MOVE" in self.imap.capabilities and self.writable and self.folder
        self.say(f"* OK {self.uid_copy(uids, name)}\r\n".encode())
        self.folder.mails = [one for one in self.folder.mails if one not in self.chosen(uids)]

    def uid_expunge(self, uids: str) -> None:
        assert "UIDPLUS" in self.imap.capabilities and self.writable and self.folder
        gone = [one for one in self.chosen(uids) if "\\Deleted" in one.flags]
        self.folder.mails = [one for one in self.folder.mails if one not in gone]


class _Server(socketserver.ThreadingTCPServer):
    allow_reuse_address = daemon_threads = True

    def handle_error(self, *_: Any) -> None:
        """A client that went away is no error."""


@contextmanager
def running_imap() -> Iterator[ImapServer]:
    with _Server(("127.0.0.1", 0), _Handler) as listening:
        listening.imap = made = ImapServer(listening.server_address[1])  # type: ignore[attr-defined]
        made.reset()
        thread = threading.Thread(target=listening.serve_forever, args=(0.02,), daemon=True)
        thread.start()
        yield made
        made.stopped.set()
        listening.shutdown()
        thread.join()
