"""The locks install on any day: they are complete, and nothing that was released since they were made is looked for."""

from __future__ import annotations

import base64
import hashlib
import importlib.metadata
import json
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

from scripts.setup import pip_install

ROOT = Path(__file__).resolve().parents[2]
LOCKS = ("app", "dev", "node")
PYTHONS = ("3.11.0", "3.12.1", "3.13.0", "3.14.0")
MACHINES = {
    "linux": {"sys_platform": "linux", "platform_system": "Linux", "platform_machine": "x86_64"},
    "arm": {"sys_platform": "linux", "platform_system": "Linux", "platform_machine": "aarch64"},
    "mac": {"sys_platform": "darwin", "platform_system": "Darwin", "platform_machine": "arm64"},
}


def environment(python: str, machine: str) -> dict[str, str]:
    """The names that markers may ask for."""
    return {
        **MACHINES[machine],
        "os_name": "posix",
        "platform_python_implementation": "CPython",
        "implementation_name": "cpython",
        "implementation_version": python,
        "platform_release": "",
        "platform_version": "",
        "python_version": python.rpartition(".")[0],
        "python_full_version": python,
    }


@cache
def asked_for(name: str) -> list[Requirement]:
    """requirements/<name>.in, what it includes included."""
    found: list[Requirement] = []
    for line in (ROOT / "requirements" / f"{name}.in").read_text().splitlines():
        text = line.partition("#")[0].strip()
        if text.startswith("-r "):
            found += asked_for(text.removeprefix("-r ").removesuffix(".in"))
        elif text:
            found.append(Requirement(text))
    return found


@cache
def pinned(name: str) -> list[Requirement]:
    """The lines of requirements/<name>.txt, hashes left out."""
    lines = (ROOT / "requirements" / f"{name}.txt").read_text().splitlines()
    return [Requirement(line.rstrip("\\ ")) for line in lines if line and line[0] not in " #-"]


def in_force(requirement: Requirement, where: dict[str, str], extras: frozenset[str] = frozenset()) -> bool:
    marker = requirement.marker
    return marker is None or any(marker.evaluate({**where, "extra": extra}) for extra in ("", *extras))


def pins_of(lock: str, where: dict[str, str]) -> dict[str, Version]:
    """What the lock installs there; two pins of one name for the same place are an error."""
    pins: dict[str, Version] = {}
    for pin in pinned(lock):
        if in_force(pin, where):
            name = canonicalize_name(pin.name)
            assert name not in pins, f"{name} is pinned twice"
            (specifier,) = pin.specifier
            assert specifier.operator == "=="
            pins[name] = Version(specifier.version)
    return pins


@cache
def needs(name: str, version: str) -> tuple[Requirement, ...]:
    """What an installed distribution says it requires; nothing is known of one that this machine does not need."""
    try:
        distribution = importlib.metadata.distribution(name)
    except importlib.metadata.PackageNotFoundError:
        return ()
    if Version(distribution.version) != Version(version):  # of another Python's two pins
        return ()
    return tuple(map(Requirement, distribution.requires or ()))


def unsatisfied(roots: list[Requirement], pins: dict[str, Version], where: dict[str, str]) -> Iterator[str]:
    """Each requirement, of whatever depth, that the pins do not meet."""
    seen: set[tuple[str, frozenset[str]]] = set()
    waiting = [(requirement, "requirements") for requirement in roots if in_force(requirement, where)]
    while waiting:
        requirement, of = waiting.pop()
        name, extras = canonicalize_name(requirement.name), frozenset(requirement.extras)
        if name not in pins:
            yield f"{of} needs {requirement}, which is not in the lock"
        elif not requirement.specifier.contains(pins[name], prereleases=True):
            yield f"{of} needs {requirement}, the lock has {pins[name]}"
        elif (name, extras) not in seen:
            seen.add((name, extras))
            waiting += [(r, name) for r in needs(name, str(pins[name])) if in_force(r, where, extras)]


@pytest.mark.parametrize("machine", MACHINES)
@pytest.mark.parametrize("python", PYTHONS)
@pytest.mark.parametrize("lock", LOCKS)
def test_the_lock_alone_satisfies_every_requirement(lock: str, python: str, machine: str) -> None:
    where = environment(python, machine)
    assert list(unsatisfied(asked_for(lock), pins_of(lock, where), where)) == []


def test_a_missing_and_a_wrong_pin_are_seen() -> None:
    where = environment("3.11.0", "linux")
    pins = pins_of("app", where)
    dnspython = pins.pop("dnspython")  # comes with the package of an extra only
    pins["werkzeug"] = Version("0.1")
    complaints = "\n".join(unsatisfied(asked_for("app"), pins, where))
    assert dnspython
    assert "email-validator needs dnspython" in complaints
    assert "the lock has 0.1" in complaints


def test_what_is_installed_is_what_is_pinned() -> None:
    """So the metadata that the first test reads is that of the lock; and most of it is here to be read."""
    here = pins_of("dev", {**environment(".".join(map(str, sys.version_info[:3])), "linux")})
    installed = {canonicalize_name(d.metadata["Name"]): d.version for d in importlib.metadata.distributions()}
    assert {name: str(version) for name, version in here.items() if name not in installed} == {}
    assert {n: installed[n] for n, v in here.items() if Version(installed[n]) != v} == {}


def wheel(folder: Path, name: str, version: str, requires: str = "", extra: str = "") -> str:
    """Writes a wheel; returns its line of a lock."""
    path, info = folder / f"{name}-{version}-py3-none-any.whl", f"{name}-{version}.dist-info"
    metadata = f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n"
    metadata += f"Requires-Dist: {requires}\n" if requires else ""
    metadata += f"Provides-Extra: {extra}\n" if extra else ""
    files = {
        f"{name}.py": f"version = '{version}'\n",
        f"{info}/METADATA": metadata,
        f"{info}/WHEEL": "Wheel-Version: 1.0\nGenerator: tests\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    }
    with zipfile.ZipFile(path, "w") as archive:
        record = ""
        for file, text in files.items():
            archive.writestr(file, text)
            digest = base64.urlsafe_b64encode(hashlib.sha256(text.encode()).digest()).rstrip(b"=").decode()
            record += f"{file},sha256={digest},{len(text)}\n"
        archive.writestr(f"{info}/RECORD", f"{record}{info}/RECORD,,\n")
    return f"{name}=={version} --hash=sha256:{hashlib.sha256(path.read_bytes()).hexdigest()}\n"


def test_a_release_that_is_newer_than_a_pin_changes_nothing(tmp_path: Path) -> None:
    """The fault of the kind: an extra that the lock does not repeat made pip look for the newest release."""
    index, target, lock = tmp_path / "index", tmp_path / "target", tmp_path / "lock.txt"
    index.mkdir()
    lock.write_text(
        wheel(index, "framework", "1.0", requires="values[mail]")
        + wheel(index, "values", "2.14.3", requires='mailaddresses; extra == "mail"', extra="mail")
        + wheel(index, "mailaddresses", "3.0")
    )
    wheel(index, "values", "2.14.4", requires='mailaddresses; extra == "mail"', extra="mail")
    wheel(index, "mailaddresses", "4.0")
    command = [*pip_install(lock, Path(sys.executable)), "--no-index", "--find-links", str(index)]
    old_way = [part for part in command if part != "--no-deps"]
    for arguments, succeeds in ((old_way, False), (command, True)):
        done = subprocess.run([*arguments, "--target", target], capture_output=True, text=True, check=False)
        assert (done.returncode == 0) is succeeds, done.stderr
    assert (target / "values.py").read_text() == "version = '2.14.3'\n"
    assert (target / "mailaddresses.py").read_text() == "version = '3.0'\n"


@pytest.mark.parametrize("folder", [".", "tests/support/prism"])
def test_npms_lock_is_complete_and_names_no_host(folder: str) -> None:
    """`npm ci` takes this file as it is: each package by version and hash, those of other machines too."""
    lock = json.loads((ROOT / folder / "package-lock.json").read_text())
    wanted = json.loads((ROOT / folder / "package.json").read_text())
    packages = dict(lock["packages"])
    top = packages.pop("")
    for kind in ("dependencies", "devDependencies"):
        assert top.get(kind) == wanted.get(kind)
        for name, version in wanted.get(kind, {}).items():
            assert packages[f"node_modules/{name}"]["version"] == version, "an exact version, as installed"
    for place, package in packages.items():
        assert "resolved" not in package, f"{place} names a host"
        assert package["version"], place
        assert package["integrity"].startswith("sha512-"), place
        for name in {**package.get("dependencies", {}), **package.get("optionalDependencies", {})}:
            above = [place[:at] for at in range(len(place)) if place[at:].startswith("/node_modules/")]
            assert any(
                f"{inside}node_modules/{name}" in packages
                for inside in ("", f"{place}/", *(f"{one}/" for one in above))
            ), (place, name)
    if folder == ".":
        for machine in ("linux-x64", "linux-arm64", "darwin-x64", "darwin-arm64"):
            assert f"node_modules/@esbuild/{machine}" in packages
