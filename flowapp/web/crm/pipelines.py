"""The first pipeline of an organization, for pages that only read."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import select
from sqlalchemy.orm import Session

from flowapp.crm import pipelines
from flowapp.models import Pipeline


def every_pipeline(session: Session) -> Sequence[Pipeline]:
    """All pipelines. Where there is none yet, the first is made and committed at once: a page that is drawn holds no lock."""
    if session.scalar(select(Pipeline.id).limit(1)) is None:
        pipelines.every(session)
        session.commit()
    return pipelines.every(session)
