"""Which column of a file goes where: by its name, in English or French, else by what stands in it."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from flowapp.crm.imports.targets import OWN, Target
from flowapp.data.csv_reading import Sheet
from flowapp.values.text import is_address, slug

SAMPLED = 50  # rows whose values are looked at
_PHONE = re.compile(r"(?=(?:\D*\d){8})\+?[\d ().-]{8,24}")
_SITE = re.compile(r"(https?://)?(www\.)?[a-z0-9-]+(\.[a-z0-9-]+)+(/\S*)?", re.IGNORECASE)


def suggest(sheet: Sheet, targets: Sequence[Target], labels: Mapping[str, str]) -> dict[int, str]:
    """The target of each column that has one. `labels`: what the targets are called in the reader's language."""
    words: dict[str, str] = {}
    for target in targets:
        own_name = target.name.removeprefix(OWN)
        for word in (own_name, target.label, labels.get(target.name, ""), *target.words):
            words.setdefault(_plain(word), target.name)
    found: dict[int, str] = {}
    for at, name in enumerate(sheet.header):
        wanted = words.get(_plain(name)) if _plain(name) else None
        if wanted and wanted not in found.values():
            found[at] = wanted
    _by_content(sheet, {target.name for target in targets}, found)
    return dict(sorted(found.items()))


def _by_content(sheet: Sheet, known: set[str], found: dict[int, str]) -> None:
    """Puts an address, a phone number, a site where the name of their column says nothing."""
    for name, fits in (("email", is_address), ("phone", _PHONE.fullmatch), ("domain", _SITE.fullmatch)):
        if name not in known or name in found.values():
            continue
        for at in range(len(sheet.header)):
            values = [cells[at] for _, cells in sheet.rows[:SAMPLED] if at < len(cells) and cells[at]]
            if at not in found and values and all(fits(value) for value in values):
                found[at] = name
                break


def _plain(text: str) -> str:
    return slug(text, " ")
