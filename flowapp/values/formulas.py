"""Texts that a spreadsheet would compute. Files for spreadsheets have an apostrophe before such a text; imports take it off."""

from __future__ import annotations

BEGINNINGS = ("=", "+", "-", "@", "\t", "\r")


def harmless(text: str) -> str:
    """The text as a cell that no spreadsheet computes.

    One that has apostrophes there already gets another: `bare` takes one away.
    """
    return f"'{text}" if text.lstrip("'").startswith(BEGINNINGS) else text


def bare(cell: str) -> str:
    """The text of a cell that `harmless` may have written."""
    return cell[1:] if cell.startswith("'") and cell.lstrip("'").startswith(BEGINNINGS) else cell
