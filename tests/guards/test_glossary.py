"""Classes and modules are named in plain English, or by a word that stands in docs/glossary.md.

plain_words.txt lists the ordinary words among their names, and the words of the trade that every engineer knows. A word
that is neither there nor in the glossary is explained in the glossary, or another one is chosen.
"""

from __future__ import annotations

import re
from pathlib import Path

from tests.support.source import classes, trees

PLAIN = Path("tests/guards/plain_words.txt")
_WORD = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+")


def words(name: str) -> set[str]:
    """`HTTPServer_of` consists of http, server, of."""
    return {word.lower() for word in _WORD.findall(name)}


def used() -> dict[str, str]:
    """Each word of a name, with one place where it is used."""
    found: dict[str, str] = {}
    for path in trees():
        of_service = path.parent.name if path.parent.parent.name == "connectors" else ""  # as the service calls itself
        for name in {path.stem, path.parent.name} - {of_service}:
            found.update(dict.fromkeys(words(name) - {"init"}, str(path)))
    for path, node in classes():
        found.update(dict.fromkeys(words(node.name), f"{path}: {node.name}"))
    return found


def singular(word: str) -> set[str]:
    return {word, word.removesuffix("s"), word.removesuffix("es"), re.sub("ies$", "y", word)}


def glossary() -> set[str]:
    """The words that the glossary explains: those of its first column."""
    rows = re.findall(r"^\| ([^|]+) \|", Path("docs/glossary.md").read_text(encoding="utf-8"), re.MULTILINE)
    return {word for row in rows for word in words(row)}


def test_every_word_is_plain_or_explained() -> None:
    known = set(PLAIN.read_text(encoding="utf-8").split()) | glossary()
    odd = {word: place for word, place in used().items() if not singular(word) & known}
    assert odd == {}, "explain these in docs/glossary.md, or choose plain words"


def test_the_list_of_plain_words_is_in_order_and_explains_nothing() -> None:
    listed = PLAIN.read_text(encoding="utf-8").split()
    assert listed == sorted(set(listed))
    assert [word for word in listed if word in glossary()] == []


def test_names_are_taken_apart() -> None:
    assert words("OverBudgetError") == {"over", "budget", "error"}
    assert words("HTTPServer_of") == {"http", "server", "of"}
    assert singular("retries") & {"retry"}
