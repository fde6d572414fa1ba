"""Messages in the reader's language, also those that were made where nobody knows the reader."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import Protocol

from flask import g
from flask_babel import get_locale, gettext

from flowapp.catalog.branches import branch_label
from flowapp.errors import Problem
from flowapp.texts import localized


def translated(message: str) -> str:
    """A message made by `texts.say` in the reader's language, its values too; any other message as it is."""
    return localized(message, str(get_locale() or "en"))


class FieldLabel(Protocol):
    """What has a label: a msgid, unless it is `own`, which is as an admin wrote it."""

    @property
    def label(self) -> str: ...

    @property
    def own(self) -> bool: ...


def label_of(one: FieldLabel) -> str:
    """What it is called, in the reader's language."""
    return one.label if one.own else str(gettext(one.label))


def client_language() -> str:
    """The language of whoever signed in with a browser. Programs, which have a token, read English."""
    return "en" if g.actor.token_id is not None else str(get_locale() or "en")


def branch_word(branch: str) -> str:
    """A branch as its lane in the list of steps is called; empty for the one that simply goes on."""
    return "" if branch == "next" else translated(branch_label(branch))


def localized_problems(problems: Iterable[Problem]) -> list[Problem]:
    """The same problems in the reader's language."""
    return [replace(problem, message=translated(problem.message)) for problem in problems]
