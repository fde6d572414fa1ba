"""Which step or trigger to add: all of them, those first that the organization uses most, and a search that knows synonyms."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TypeVar

from flask_babel import gettext as _
from sqlalchemy import select
from sqlalchemy.orm import Session

from flowapp.catalog import ACTIONS, TRIGGERS, ActionSpec, TriggerSpec
from flowapp.models import Workflow
from flowapp.values.text import folded, without_accents

LOOKED_AT = 100  # workflows, those that were changed last
MAX_SEARCH = 200  # characters
OFTEN = 6  # step types that stand before all others
_WORD = re.compile(r"\w+")
_WHOLE, _BEGINNING, _DESCRIBED, _NOWHERE = range(4)  # how well a word fits a step type, the best first


Spec = TypeVar("Spec", ActionSpec, TriggerSpec)


@dataclass(frozen=True, slots=True)
class Kinds:
    """Types of steps or triggers under a heading."""

    heading: str
    specs: Sequence[ActionSpec | TriggerSpec]


def step_kinds(session: Session, search: str) -> list[Kinds]:
    """What a search finds, the best first; without one all step types, each once, those in use first."""
    used = _used(session)
    ordered = sorted(
        ACTIONS.values(),
        key=lambda spec: (-used[spec.type], _of_connector(spec), _(spec.label).lower()),
    )
    if words := _words(search):
        return _as_found(_found(ordered, words))
    often = [spec for spec in ordered[:OFTEN] if used[spec.type]]
    return [*([Kinds(_("Most used"), often)] if often else []), *_grouped(ordered[len(often) :])]


def trigger_kinds(search: str) -> list[Kinds]:
    """The same of triggers, which nobody counts."""
    ordered = sorted(TRIGGERS.values(), key=lambda spec: (_of_connector(spec), _(spec.label).lower()))
    words = _words(search)
    return _as_found(_found(ordered, words)) if words else _grouped(ordered)


def _as_found(specs: Sequence[ActionSpec | TriggerSpec]) -> list[Kinds]:
    return [Kinds(_("Found"), specs)] if specs else []


def _grouped(specs: Iterable[ActionSpec | TriggerSpec]) -> list[Kinds]:
    groups: dict[str, list[ActionSpec | TriggerSpec]] = {}
    for spec in specs:
        groups.setdefault(str(_(spec.group)), []).append(spec)
    return [Kinds(heading, found) for heading, found in groups.items()]


def _of_connector(spec: ActionSpec | TriggerSpec) -> str:
    """Connectors come after what is Flowapp's own, by their names."""
    return _(spec.group).lower() if spec.home else ""


def _used(session: Session) -> Counter[str]:
    """How many steps of each type there are in the organization's workflows."""
    drafts = select(Workflow.draft).order_by(Workflow.updated_at.desc()).limit(LOOKED_AT)
    return Counter(step["action_type"] for draft in session.scalars(drafts) for step in draft.get("steps", ()))


def _found(specs: list[Spec], words: set[str]) -> list[Spec]:
    """Those that all words fit; where there are none, those that most fit, so that a sentence finds something, too."""
    ranks = {spec.type: _ranks(spec, words) for spec in specs}
    missing = {kind: sum(rank == _NOWHERE for rank in found) for kind, found in ranks.items()}
    least = min(missing.values(), default=0)
    if least == len(words):
        return []
    return sorted((spec for spec in specs if missing[spec.type] == least), key=lambda spec: sum(ranks[spec.type]))


def _ranks(spec: ActionSpec | TriggerSpec, words: set[str]) -> list[int]:
    names = _words(f"{_(spec.label)} {spec.label} {spec.synonyms} {spec.type} {' '.join(spec.aliases)}")
    described = _words(f"{_(spec.description)} {spec.description}")
    return [_rank(word, names, described) for word in words]


def _rank(word: str, names: set[str], described: set[str]) -> int:
    if word in names:
        return _WHOLE
    if any(name.startswith(word) for name in names):
        return _BEGINNING
    return _DESCRIBED if any(other.startswith(word) for other in described) else _NOWHERE


def _words(text: str) -> set[str]:
    return set(_WORD.findall(without_accents(folded(text)).replace("_", " ")))
