"""How much each scenario does: a short form, of which `make test` runs two, the full one (FLOWAPP_FAULTS=full) for `make faults`."""

from __future__ import annotations

import os
from dataclasses import dataclass

FULL = os.environ.get("FLOWAPP_FAULTS") == "full"
RECOVERY = 60.0  # seconds after the last fault within which everything must have gone on
LEASE = 4  # seconds; short, so that what a dead worker held is taken over soon


@dataclass(frozen=True)
class Sizes:
    """Counts of one run; `kills` are spread evenly over the kinds of processes."""

    executions: int = 120
    kills: int = 8
    flushes: int = 4
    broker_kills: int = 2
    restarts: int = 2
    writer_kills: int = 8
    far_timers: int = 5_000
    ticks: int = 150
    load: int = 150


SIZES = (
    Sizes(
        executions=1000,
        kills=52,
        flushes=20,
        broker_kills=5,
        restarts=10,
        writer_kills=200,
        ticks=2500,
        load=600,
        far_timers=20_000,
    )
    if FULL
    else Sizes()
)
