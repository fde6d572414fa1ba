"""Fills an organization with the made-up year: as a job that the first visit starts, or at once for `flask seed-demo`."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

from sqlalchemy import Engine, select
from sqlalchemy.orm import Session

from flowapp.catalog import N_
from flowapp.engine.store.start import start
from flowapp.models import Contact, Deal, Execution, Job, Version, utcnow
from flowapp.models.tenancy import tenant_session
from flowapp.records.jobs import Batch, Failure, create, job_kind
from flowapp.template_library.demo import example_workflow
from flowapp.template_library.demo_year.entries import Entries, Entry, Size, make
from flowapp.template_library.demo_year.words import follow_up
from flowapp.template_library.demo_year.writer import Writer
from flowapp.texts import say

KIND = "example_records"
NAME = "demo"
SHOWN = 12  # executions of the example's workflow
BATCH = 200
CONTACTS = Size().contacts


def sized(contacts: int) -> Size:
    """So many contacts, and companies and deals in proportion."""
    return Size(contacts, max(1, contacts * 3 // 20), max(1, contacts // 5))


def is_filled(session: Session) -> bool:
    """Whether the organization has some of it already, the trash counted."""
    began = select(Contact.id).where(Contact.source_key.startswith(f"{NAME}:"))
    return session.scalar(began.limit(1)) is not None


def begin(session: Session, *, language: str, actor_id: str) -> Job:
    """The job that fills the organization. The caller commits, then has it run."""
    arguments: dict[str, object] = {"language": language, "until": utcnow().isoformat(), "contacts": CONTACTS}
    total = len(_entries(arguments))
    return create(session, KIND, say("Example records"), created_by=actor_id, arguments=arguments, total=total)


@job_kind(KIND, label=N_("Example records"), most=BATCH)
def run(session: Session, job: Job, limit: int) -> Batch:
    """Goes on from where the job is."""
    entries, at = _entries(dict(job.arguments)), int(str(job.cursor or 0))
    part = entries[at : at + limit]
    failed = Writer(session, NAME).write(part)
    over = at + len(part) >= len(entries)
    started = list(executions(session, str(job.arguments["language"]), job.created_by)) if over else []
    failures = [_failure(one, why) for one, why in failed]
    return Batch(at + len(part), len(part), len(part) - len(failed), failures, started=started, over=over)


def seed_year(engine: Engine, organization_id: str, *, language: str, size: Size, seed: int = 1) -> int:
    """Writes the whole year at once; how many entries could not be written. Other writers come in between."""
    entries, missed = make(size, language, utcnow(), seed), 0
    ids: dict[str, str | None] = {}
    for at in range(0, len(entries), BATCH):
        with tenant_session(engine, organization_id) as session:
            missed += len(Writer(session, NAME, ids).write(entries[at : at + BATCH]))
            session.commit()
    return missed


def _entries(arguments: dict[str, object]) -> Entries:
    until = datetime.fromisoformat(str(arguments["until"]))
    return make(sized(int(str(arguments["contacts"]))), str(arguments["language"]), until)


def _failure(one: Entry, why: str) -> Failure:
    return Failure(one.key, why, str(one.data.get("email") or one.data.get("name") or one.data.get("title") or ""))


def executions(session: Session, language: str, actor_id: str | None) -> Iterator[Execution]:
    """A workflow that follows up proposals, run for those that are open."""
    stages = Writer(session, NAME).stages
    stage = stages.get("2") or stages["0"]
    workflow = example_workflow(session, follow_up(stage.name), actor_id, language)
    version = session.get_one(Version, workflow.published_version_id)
    open_deals = select(Deal).where(Deal.stage_id == stage.id, Deal.deleted_at.is_(None)).order_by(Deal.id.desc())
    for deal in session.scalars(open_deals.limit(SHOWN)).all():
        key = f"{NAME}:{deal.id}"
        made, is_new = start(
            session, workflow, version, entity=("deal", deal.id), started_by=actor_id, idempotency_key=key
        )  # fmt: skip
        if is_new:
            yield made
