"""Stages, pipelines, tags and lists, as parameters name them (catalog.resources)."""

from __future__ import annotations

from sqlalchemy import exists, or_, select
from sqlalchemy.orm import Session

from flowapp.catalog import N_
from flowapp.catalog.resources import Choice, Choices, resource
from flowapp.crm.pipelines import FIRST_STAGES
from flowapp.crm.tags import key_of
from flowapp.models import ContactList, Pipeline, Stage, Tag, read_id
from flowapp.texts import say
from flowapp.values.text import slug

MOST = 100  # tags that are offered; others can be typed


@resource(
    "stage",
    missing=N_("No pipeline has a stage “%(name)s”.%(near)s Add it under Settings, Pipelines, or choose another."),
)
def stages(session: Session, _project_id: str) -> Choices:
    """Of all pipelines, which may share their names; those that the first pipeline will have where there is none yet."""
    rows = session.execute(
        select(Stage.name, Stage.id, Stage.slug).join(Pipeline).order_by(Pipeline.position, Pipeline.id, Stage.position)
    ).all()
    if not rows:
        return [Choice(name, name, (slug(name, "-"),)) for name, _kind, _odds in FIRST_STAGES]
    also: dict[str, tuple[str, ...]] = {}
    for name, stage_id, stage_slug in rows:
        also[name] = (*also.get(name, ()), stage_id, stage_slug, slug(name, "-"))
    return [Choice(name, name, others) for name, others in also.items()]


@resource(
    "pipeline",
    missing=N_("There is no pipeline “%(name)s”.%(near)s Add it under Settings, Pipelines, or choose another."),
)
def pipelines(session: Session, _project_id: str) -> Choices:
    """In their order; the first one where there is none yet."""
    rows = session.scalars(select(Pipeline).order_by(Pipeline.position, Pipeline.id)).all()
    if not rows:
        return [Choice(str(say("Deals")), str(say("Deals")))]
    return [Choice(row.name, row.name, (row.id, str(row.number), row.slug, slug(row.name, "-"))) for row in rows]


@resource("list", missing=N_("There is no list “%(name)s”.%(near)s Add it under Settings, Lists, or choose another."))
def lists(session: Session, _project_id: str) -> Choices:
    """Static lists of contacts."""
    rows = session.scalars(select(ContactList).order_by(ContactList.name))
    return [Choice(row.name, row.name, (row.id, row.slug)) for row in rows]


def _is_tag(session: Session, _project_id: str, name: str) -> bool:
    known = read_id(name)
    return bool(session.scalar(select(exists().where(or_(Tag.key == key_of(name.strip()), Tag.id == known)))))


@resource("tag", missing=N_("There is no tag “%(name)s” yet.%(near)s"), knows=_is_tag)
def tags(session: Session, _project_id: str) -> Choices:
    """The first of them by name."""
    return [Choice(name, name) for name in session.scalars(select(Tag.name).order_by(Tag.name).limit(MOST))]
