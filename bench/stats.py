"""The arithmetic and the table of the bench."""

from __future__ import annotations

import math
import operator
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from typing import Any

_COMPARE: dict[str, Callable[[float, float], bool]] = {"≤": operator.le, "≥": operator.ge}
_HEADS = ("", "product", "bare", "ratio", "target", "")


def percentile(values: Sequence[float], percent: float) -> float:
    """The nearest-rank percentile: a value that was really measured. ValueError for no values."""
    if not values:
        raise ValueError("no values to take a percentile of")
    ordered = sorted(values)
    return ordered[max(1, math.ceil(len(ordered) * percent / 100)) - 1]


def p50_p99(values: Sequence[float]) -> tuple[float, float]:
    """Both percentiles."""
    return percentile(values, 50), percentile(values, 99)


@dataclass(frozen=True, slots=True)
class Target:
    """`sense` is ≤ or ≥; of the ratio product / bare where `of_bare`, else of the product's own value."""

    sense: str
    limit: float
    of_bare: bool = False

    def __str__(self) -> str:
        return f"{self.sense} {self.limit:g}{' of bare' if self.of_bare else ''}"


@dataclass(frozen=True, slots=True)
class Row:
    """One measurement."""

    name: str
    product: float
    bare: float | None = None
    target: Target | None = None

    @property
    def ratio(self) -> float | None:
        """Product by bare."""
        return self.product / self.bare if self.bare else None

    @property
    def passed(self) -> bool | None:
        """None where there is no target."""
        if self.target is None:
            return None
        value = self.ratio if self.target.of_bare else self.product
        return value is not None and _COMPARE[self.target.sense](value, self.target.limit)

    def as_json(self) -> dict[str, Any]:
        """The row with its verdict."""
        target = str(self.target) if self.target else None
        return {**asdict(self), "target": target, "ratio": self.ratio, "passed": self.passed}

    def cells(self) -> tuple[str, ...]:
        """As the table shows it."""
        verdict = {True: "pass", False: "FAIL", None: ""}[self.passed]
        return (
            self.name, number(self.product), number(self.bare), number(self.ratio), str(self.target or ""), verdict,
        )  # fmt: skip


def number(value: float | None) -> str:
    """Three significant digits, whole from 100 on."""
    if value is None:
        return ""
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:#.3g}".rstrip(".")


def table(title: str, rows: Sequence[Row]) -> str:
    """Aligned text: names to the left, numbers to the right."""
    lines = [_HEADS, *(row.cells() for row in rows)]
    widths = [max(len(line[column]) for line in lines) for column in range(len(_HEADS))]
    text = []
    for line in lines:
        cells = [
            cell.ljust(width) if column in (0, 4, 5) else cell.rjust(width)
            for column, (cell, width) in enumerate(zip(line, widths, strict=True))
        ]
        text.append("  ".join(cells).rstrip())
    return "\n".join([title, "-" * len(title), *text])
