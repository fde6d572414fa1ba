"""Lines of the CSV files that Flowapp writes."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence

MARK = "\ufeff"  # a file begins with it, so that spreadsheets read accents


def csv_line(cells: Sequence[str], separator: str = ",") -> str:
    """The cells as a line of a CSV file."""
    out = io.StringIO()
    csv.writer(out, delimiter=separator, lineterminator="\r\n").writerow(cells)
    return out.getvalue()
