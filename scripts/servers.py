"""Sees to the programs that the tests drive and pip does not bring: PostgreSQL's server and Chromium.

As root on a Debian or Ubuntu it installs them; elsewhere it says what to install. A missing one is an error everywhere:
no test is skipped in silence.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

PACKAGES = {"PostgreSQL's server": "postgresql", "Chromium": "chromium"}


def main() -> None:
    missing = [
        name for name, found in (("PostgreSQL's server", has_postgres()), ("Chromium", has_chromium())) if not found
    ]
    if not missing:
        return
    packages = [PACKAGES[name] for name in missing]
    if os.geteuid() != 0 or shutil.which("apt-get") is None:
        sys.exit(
            f"The tests need {' and '.join(missing)}. On Debian and Ubuntu: sudo apt-get install {' '.join(packages)}\n"
            "Elsewhere, put initdb and postgres, chromium or google-chrome on the PATH."
        )
    print("Installing", ", ".join(packages), flush=True)
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    for command in (
        ["apt-get", "-q", "update"],
        ["apt-get", "-q", "install", "-y", "--no-install-recommends", *packages],
    ):
        done = subprocess.run(
            command, env=environment, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, check=False
        )
        if done.returncode != 0:
            sys.exit(f"{' '.join(command)} failed with exit code {done.returncode}.")


def has_postgres() -> bool:
    return shutil.which("initdb") is not None or any(Path("/usr/lib/postgresql").glob("*/bin/initdb"))


def has_chromium() -> bool:
    return any(shutil.which(name) for name in ("chromium", "chromium-browser", "google-chrome"))


if __name__ == "__main__":
    main()
