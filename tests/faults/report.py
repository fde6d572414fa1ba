"""What the scenarios saw: a row each, printed as a table at the end of the run, and kept as JSON in the full form."""

from __future__ import annotations

import json
import time
from dataclasses import asdict, dataclass, field
from pathlib import Path

FOLDER = Path(__file__).resolve().parents[2] / "bench" / "results"


@dataclass
class Row:
    """`lost`, `doubled` and `stuck` must stay 0; `uncertain` executions are settled by a person's decision."""

    scenario: str
    database: str
    kills: int = 0
    executions: int = 0
    lost: int = 0
    doubled: int = 0
    stuck: int = 0
    uncertain: int = 0
    seconds: float = 0.0
    began: float = field(default_factory=time.monotonic, repr=False)

    def done(self) -> Row:
        """Takes the time and keeps the row for the table."""
        self.seconds = round(time.monotonic() - self.began, 1)
        ROWS.append(self)
        return self


ROWS: list[Row] = []
_NAMES = ("scenario", "database", "kills", "executions", "lost", "doubled", "stuck", "uncertain", "seconds")


def table() -> list[str]:
    """The rows as a Markdown table."""
    cells = [_NAMES, *(tuple(str(getattr(row, name)) for name in _NAMES) for row in ROWS)]
    widths = [max(len(line[column]) for line in cells) for column in range(len(_NAMES))]
    lines = [
        "| " + " | ".join(text.ljust(width) for text, width in zip(line, widths, strict=True)) + " |" for line in cells
    ]
    return [lines[0], "|" + "|".join("-" * (width + 2) for width in widths) + "|", *lines[1:]]


def save() -> Path:
    """Writes the rows to bench/results/ as JSON, and the table beside it."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    path = FOLDER / f"faults-{time.strftime('%Y%m%d-%H%M%S')}.json"
    rows = [{name: asdict(row)[name] for name in _NAMES} for row in ROWS]
    path.write_text(json.dumps(rows, indent=2) + "\n", encoding="utf-8")
    path.with_suffix(".md").write_text("\n".join(table()) + "\n", encoding="utf-8")
    return path
