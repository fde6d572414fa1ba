"""Exports into files of this machine: of the command line, or in the folder exports of the data folder."""

from __future__ import annotations

import os
from collections import Counter
from datetime import datetime, timedelta
from pathlib import Path

from flowapp.errors import InvalidError
from flowapp.executions.exports import Wanted, export, known_format
from flowapp.models.tenancy import tenant_session
from flowapp.tasks.runtime import runtime
from flowapp.texts import say


def write_file(organization_id: str, wanted: Wanted, export_format: str, path: str) -> dict[str, object]:
    """How many executions, attempts and lines were written, and the `path` of the file, which only its owner reads."""
    kind = known_format(export_format)
    target = Path(path) if path else _folder() / f"{wanted.execution_id or wanted.workflow_id}.{kind}"
    counts: Counter[str] = Counter(executions=0, attempts=0, lines=0)
    with tenant_session(runtime().engine, organization_id) as session:
        pieces = export(session, wanted, kind, counts)
        try:
            handle = os.open(target, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, mode=0o600)
            with os.fdopen(handle, "w", encoding="utf-8", newline="") as file:
                file.writelines(pieces)
        except OSError as error:
            message = say("The file cannot be written: %(error)s.", error=error.strerror or str(error))
            raise InvalidError.at("path", message) from None
    return {**counts, "path": str(target)}


def delete_old(now: datetime, days: int) -> int:
    """Deletes files of the folder that are older than `days`; how many."""
    oldest = (now - timedelta(days=days)).timestamp()
    old = [file for file in _folder().iterdir() if file.stat().st_mtime < oldest]
    for file in old:
        file.unlink(missing_ok=True)
    return len(old)


def _folder() -> Path:
    folder: Path = runtime().settings.data_dir / "exports"
    folder.mkdir(mode=0o700, exist_ok=True)
    return folder
