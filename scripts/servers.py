"""Sees to the programs that the tests drive and pip does not bring: PostgreSQL's server and Chromium; with `all` also those of
`make test-all` alone, MariaDB's server and dovecot.

As root on a Debian or Ubuntu it installs them; elsewhere it says what to install. A missing one is an error everywhere:
no test is skipped in silence.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from functools import partial
from pathlib import Path

# No versions: a distribution keeps one of each, and takes older ones away. Its release may have become the old stable
# one since this machine was made, and another apt-get may be at work.
PACKAGES = {
    "PostgreSQL's server": "postgresql",
    "Chromium": "chromium",
    "MariaDB's server": "mariadb-server",
    "dovecot": "dovecot-imapd",
}
UPDATE = ["apt-get", "-q", "update", "--allow-releaseinfo-change"]
INSTALL = ["apt-get", "-q", "install", "-y", "--no-install-recommends", "-o", "DPkg::Lock::Timeout=300"]


def main() -> None:
    checks = {**CHECKS, **HEAVY} if "all" in sys.argv[1:] else CHECKS
    missing = [name for name, is_there in checks.items() if not is_there()]
    if not missing:
        return
    packages = [PACKAGES[name] for name in missing]
    if os.geteuid() != 0 or shutil.which("apt-get") is None:
        sys.exit(
            f"The tests need {' and '.join(missing)}. On Debian and Ubuntu: sudo apt-get install {' '.join(packages)}\n"
            "Elsewhere, put initdb and postgres, chromium or google-chrome, mariadbd, dovecot on the PATH."
        )
    print("Installing", ", ".join(packages), flush=True)
    for command in (UPDATE, [*INSTALL, *packages]):
        run(command)
    if still := [name for name in missing if not checks[name]()]:
        sys.exit(
            f"apt-get installed {' '.join(packages)}, but {' and '.join(still)} cannot be found or does not start."
        )


def run(command: list[str]) -> None:
    """What apt-get says is for its failure."""
    done = subprocess.run(
        command,
        env={**os.environ, "DEBIAN_FRONTEND": "noninteractive"},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
        check=False,
    )
    if done.returncode != 0:
        sys.exit(f"{done.stdout}\n{' '.join(command)} failed with exit code {done.returncode}.")


def has_postgres() -> bool:
    return shutil.which("initdb") is not None or any(Path("/usr/lib/postgresql").glob("*/bin/initdb"))


def has_chromium() -> bool:
    """One that starts: Ubuntu's package of that name is a pointer to another store."""
    programs = filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome")))
    return any(subprocess.run([p, "--version"], capture_output=True, check=False).returncode == 0 for p in programs)


def has(program: str) -> bool:
    """Whether a server is there; those of the system stand where not everybody looks."""
    return shutil.which(program, path=f"{os.environ.get('PATH', '')}:/usr/sbin:/usr/local/sbin") is not None


CHECKS = {"PostgreSQL's server": has_postgres, "Chromium": has_chromium}
HEAVY = {"MariaDB's server": partial(has, "mariadbd"), "dovecot": partial(has, "dovecot")}


if __name__ == "__main__":
    main()
