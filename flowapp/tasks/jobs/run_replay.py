"""Runs the next batch of a repetition of many executions (tasks.repeating)."""

from __future__ import annotations

from flowapp.catalog import N_
from flowapp.models import Replay
from flowapp.tasks.jobs import Result, job, organization_of


@job(N_("Reruns executions in bulk, batch by batch."), counts={})
def run(replay_id: str, organization_id: str = "") -> Result:
    """Nothing to tell: the repetition itself says how far it is."""
    from flowapp.tasks import repeating

    repeating.run_replay(replay_id, organization_id or organization_of(Replay, replay_id))
    return {}
