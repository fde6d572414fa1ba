"""Making the job of a bulk action: what is meant, how many that are, and the frozen set of their ids."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from sqlalchemy import ColumnElement, func, select
from sqlalchemy.orm import Session

from flowapp.crm import finding
from flowapp.crm.bulk.actions import ACTIONS, Action
from flowapp.crm.bulk.nouns import NOUNS, BulkNoun
from flowapp.errors import InvalidError
from flowapp.models import Job, read_id
from flowapp.records.jobs import create, files
from flowapp.records.jobs.service import entitle
from flowapp.texts import say

KIND = "bulk"
MOST_IDS = 10_000  # in one request; a filter may match any number


@dataclass(frozen=True, slots=True)
class Asked:
    """What somebody wants done: with the records of these `ids`, or with all that a `search` finds."""

    noun: str
    action: str
    ids: Sequence[str] = ()
    search: finding.Search | None = None
    arguments: Mapping[str, object] = field(default_factory=dict)
    start_workflows: bool = False

    @property
    def of(self) -> BulkNoun:
        return NOUNS[self.noun]

    @property
    def does(self) -> Action:
        """InvalidError for an action that these records do not know."""
        action = ACTIONS.get(self.action)
        if action is None or self.noun not in action.nouns:
            known = ", ".join(name for name, one in ACTIONS.items() if self.noun in one.nouns)
            raise InvalidError.at("action", say("Choose one of: %(options)s.", options=known))
        return action


def count(session: Session, asked: Asked) -> int:
    """How many records are meant, now."""
    if asked.search is None:
        return len(set(asked.ids))
    return session.scalar(select(func.count(asked.of.model.id)).where(*_matching(asked, asked.search))) or 0


def begin(session: Session, asked: Asked, *, created_by: str | None) -> Job:
    """The job, which has not begun: the caller commits, then wakes it. InvalidError for what cannot be done, at its field."""
    action = asked.does
    arguments, what = action.read(session, asked.of, asked.arguments)
    stored = {"noun": asked.noun, "action": action.name, **arguments}
    silent = not asked.start_workflows and action.name != "start_workflow"
    job = create(session, KIND, what, created_by=created_by, arguments=stored, start_workflows=not silent)
    if asked.search is None:
        _refuse_ids(asked.ids)
        files.freeze(session, job, asked.ids)
    else:
        files.freeze_matching(session, job, asked.of.model.id, _matching(asked, asked.search))
    if not job.total:
        raise InvalidError.at("ids" if asked.search is None else "filter", say("No record is meant."), "empty")
    entitle(job, say("%(what)s: %(records)s", what=what, records=asked.of.counted(job.total)))
    return job


def _matching(asked: Asked, search: finding.Search) -> list[ColumnElement[bool]]:
    return finding.conditions(asked.of.model, search)


def _refuse_ids(ids: Sequence[str]) -> None:
    if len(ids) > MOST_IDS:
        raise InvalidError.at("ids", say("Give at most %(max)s ids, or a filter.", max=MOST_IDS))
    if (wrong := next((one for one in ids if read_id(one) is None), None)) is not None:
        raise InvalidError.at("ids", say("“%(id)s” is no id.", id=wrong[:100]))
