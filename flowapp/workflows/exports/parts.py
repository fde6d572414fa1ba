"""The tables, schemas, forms and e-mail templates that come with workflows: made where they are missing, left alone where they are there."""

from __future__ import annotations

from collections.abc import Mapping

from sqlalchemy.orm import Session

from flowapp.data.names import find
from flowapp.workflows.exports.file import PARTS, Body, Thing, inside, things
from flowapp.workflows.projects import MAX_SLUG, slugify


def add_missing(session: Session, sent: Mapping[str, list[Body]], project_id: str) -> dict[str, list[str]]:
    """The names of those that were made, by their part. InvalidError at the file's own paths."""
    made: dict[str, list[str]] = {part: [] for part in PARTS}
    for part, bodies in sent.items():
        for at, body in enumerate(bodies):
            with inside(part, at):
                thing = _add(session, part, body, project_id)
            if thing is not None:
                made[part].append(thing.name)
    return made


def _add(session: Session, part: str, body: Body, project_id: str) -> Thing | None:
    rows = [row for row in things(session, part) if row.project_id == project_id]
    slug, name = (str(body.get(key) or "") for key in ("slug", "name"))
    if any(find(rows, meant) for meant in (slug, name) if meant):
        return None
    thing = PARTS[part].create(session, body, project_id=project_id)
    if slug and slug == slugify(slug, MAX_SLUG, "thing"):
        thing.slug = slug  # workflows call it by that
        session.flush()
    return thing
