"""The container files: what a build machine is not needed for to see."""

from __future__ import annotations

import re
from pathlib import Path

import yaml

from flowapp.config import DOCS, Settings

ROOT = Path(__file__).resolve().parents[1]


def test_the_image_is_pinned_and_does_not_run_as_root() -> None:
    lines = (ROOT / "Dockerfile").read_text().splitlines()
    images = [line.split()[1] for line in lines if line.startswith("FROM ")]
    assert len(images) == 3
    assert all(re.fullmatch(r"[a-z]+:\d+\.\d+[\w.-]*", image) for image in images), images
    users = [line.split()[1] for line in lines if line.startswith("USER ")]
    assert users
    assert all(user not in ("root", "0") for user in users)
    assert any(line.startswith("HEALTHCHECK ") for line in lines)


def test_everything_that_the_image_copies_is_there() -> None:
    for line in (ROOT / "Dockerfile").read_text().splitlines():
        if line.startswith("COPY ") and "--from=" not in line:
            *sources, _target = line.split()[1:]
            assert all((ROOT / source).exists() for source in sources), line


def test_compose_runs_every_process_of_the_procfile_and_pins_every_server() -> None:
    services = yaml.safe_load((ROOT / "compose.yaml").read_text())["services"]
    procfile = dict(line.split(": ", 1) for line in (ROOT / "Procfile").read_text().splitlines())
    assert set(procfile) <= set(services)
    for name in ("worker", "scheduler"):
        assert " ".join(services[name]["command"]) == procfile[name]
    assert services["migrate"]["command"] == ["alembic", "-c", "migrations/alembic.ini", "upgrade", "head"]
    assert all(re.search(r":\d", services[name]["image"]) for name in ("postgres", "valkey"))


def test_compose_passes_every_setting_on() -> None:
    """A setting in .env that never reaches the containers fails in silence: the proxy is not believed, say."""
    services = yaml.safe_load((ROOT / "compose.yaml").read_text())["services"]
    own = {"PORT", "FLOWAPP_DATA_DIR", "FLOWAPP_SQLITE_SYNCHRONOUS"}
    for name in ("web", "worker", "scheduler", "migrate"):
        passed = services[name]["environment"]
        assert set(DOCS) - own <= set(passed)
        assert passed["FLOWAPP_TRUSTED_PROXIES"] == "${FLOWAPP_TRUSTED_PROXIES:-}"
        assert passed["FLOWAPP_BASE_URL"] == "${FLOWAPP_BASE_URL:-}"


def test_a_setting_that_is_passed_on_empty_is_not_set(tmp_path: Path) -> None:
    needed = {"FLOWAPP_DATA_DIR": str(tmp_path), "FLOWAPP_SECRET_KEY": "k", "DATABASE_URL": "postgresql://a@b/c"}
    empty = dict.fromkeys(DOCS, "")
    assert Settings.from_env({**empty, **needed}) == Settings.from_env(needed)
