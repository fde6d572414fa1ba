"""Debian's dovecot on a loopback port, run by an ordinary user from a folder of its own (apt-get install dovecot-imapd)."""

from __future__ import annotations

import grp
import imaplib
import os
import pwd
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from flowapp.connectors.imap.names import mailbox_argument
from tests.support.processes import free_port, wait_until

BINARY = shutil.which("dovecot", path=f"{os.environ.get('PATH', '')}:/usr/sbin:/usr/local/sbin")
CONFIG = """
base_dir = {folder}/run
state_dir = {folder}/state
log_path = {folder}/log
protocols = imap
listen = 127.0.0.1
ssl = {ssl}
ssl_cert = <{folder}/cert.pem
ssl_key = <{folder}/key.pem
disable_plaintext_auth = no
default_internal_user = {user}
default_internal_group = {group}
default_login_user = {user}
first_valid_uid = 1
first_valid_gid = 0
mail_location = maildir:{folder}/mail/%u
mail_home = {folder}/mail/%u
auth_mechanisms = plain
passdb {{
  driver = static
  args = password={password}
}}
userdb {{
  driver = static
  args = uid={uid} gid={gid}
}}
namespace inbox {{
  inbox = yes
  separator = /
  mailbox Archive {{
    auto = create
    special_use = \\Archive
  }}
  mailbox "Entwürfe & Ideen" {{
    auto = create
  }}
}}
service imap-login {{
  chroot =
  process_min_avail = 0
  inet_listener imap {{
    port = {port}
  }}
  inet_listener imaps {{
    port = {tls_port}
  }}
}}
service anvil {{
  chroot =
  # Or every sign-in after a refused one waits.
  unix_listener anvil-auth-penalty {{
    mode = 0
  }}
}}
service stats {{
  chroot =
}}
"""


@dataclass
class Dovecot:
    """As tests.support.servers.imap.ImapServer, as far as tests of both need it. `reset` takes another account."""

    folder: Path
    port: int
    tls_port: int
    user: str = "ann0@example.com"
    password: str = "pass-word-of-ann"
    _count: int = 0

    def reset(self) -> None:
        self._count += 1
        self.user = f"ann{self._count}@example.com"

    @contextmanager
    def _client(self, mailbox: str = "INBOX") -> Iterator[imaplib.IMAP4]:
        with imaplib.IMAP4("127.0.0.1", self.port, timeout=20) as client:
            client.login(self.user, self.password)
            client.select(mailbox_argument(mailbox))
            yield client

    def deliver(self, content: bytes, mailbox: str = "INBOX", received: datetime | None = None) -> int:
        moment = imaplib.Time2Internaldate(received or datetime.now(UTC))
        with self._client(mailbox) as client:
            answer, said = client.append(mailbox_argument(mailbox), "", moment, content)  # type: ignore[arg-type]
            assert answer == "OK", said
            return int(said[0].split(b"]")[0].split()[-1])

    def mails(self, mailbox: str = "INBOX") -> list[tuple[int, set[str]]]:
        with self._client(mailbox) as client:
            _, said = client.uid("FETCH", "1:*", "(UID FLAGS)")
        found = []
        for line in said:
            if line:
                uid, _, flags = line.decode().partition("UID ")[2].partition(" FLAGS ")
                found.append((int(uid), set(flags.strip("()").split()) - {"\\Recent"}))
        return found

    def flag(self, uid: int, flag: str) -> None:
        """As another client does."""
        with self._client() as client:
            client.uid("STORE", str(uid), "+FLAGS", f"({flag})")

    def rebuild(self, mailbox: str = "INBOX") -> None:
        """Forgets the UIDs of a mailbox: the next look at it makes others, under another UIDVALIDITY."""
        with self._client(mailbox) as client:
            before = client.response("UIDVALIDITY")[1][0]
        home = self.folder / "mail" / self.user
        for path in home.glob("dovecot*"):
            path.unlink()

        def changed() -> bool:
            for path in home.glob("dovecot*"):
                path.unlink()
            with self._client(mailbox) as client:
                return client.response("UIDVALIDITY")[1][0] != before

        wait_until(changed, 5, "the UIDVALIDITY did not change")  # it is the time, in seconds


@contextmanager
def running_dovecot(folder: Path) -> Iterator[Dovecot]:
    """`folder` holds cert.pem and key.pem."""
    assert BINARY, "dovecot is missing: run scripts/servers.py all"
    made = Dovecot(folder, free_port(), free_port())
    owner = pwd.getpwnam("nobody") if os.geteuid() == 0 else pwd.getpwuid(os.geteuid())
    names = {
        "user": owner.pw_name,
        "group": grp.getgrgid(owner.pw_gid).gr_name,
        "uid": owner.pw_uid,
        "gid": owner.pw_gid,
    }
    config = folder / "dovecot.conf"
    config.write_text(CONFIG.format(folder=folder, ssl="yes", password=made.password, port=made.port, tls_port=made.tls_port, **names))  # fmt: skip
    if os.geteuid() == 0:
        for path in (folder, *folder.iterdir()):
            os.chown(path, owner.pw_uid, owner.pw_gid)
    as_owner = {"user": owner.pw_uid, "group": owner.pw_gid, "extra_groups": []} if os.geteuid() == 0 else {}
    with subprocess.Popen([BINARY, "-F", "-c", config], stderr=subprocess.PIPE, **as_owner) as process:  # type: ignore[call-overload]

        def ready() -> bool:
            assert process.poll() is None, process.stderr.read()
            try:
                made.mails()
            except OSError:
                return False
            return True

        try:
            wait_until(ready, 20, "dovecot did not start")
            yield made
        finally:
            process.terminate()
