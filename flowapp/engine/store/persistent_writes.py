"""Writes what a worker did until it is written: a database that is away for a while makes no delivered e-mail uncertain.

The fence guards each try as it guards the first one. A try whose answer was lost may have been written: that is looked up
before the next one, which would otherwise take its own work for another worker's.
"""

from __future__ import annotations

import time
from collections.abc import Callable

from flowapp.engine.store.journal import Batch, Claim, Journal
from flowapp.logs import get_logger
from flowapp.models.away import is_away

FIRST_PAUSE, LONGEST_PAUSE = 0.05, 0.5  # seconds; short, so that who holds the lease is back before it is missed
LAST_SECONDS = 2.0  # of a process that ends
log = get_logger(__name__)


def write(journal: Journal, claim: Claim, batch: Batch, stopping: Callable[[], bool]) -> None:
    """Writes the batch, again and again while the database is away; a process that ends tries LAST_SECONDS longer.

    FencedError where the claim was lost meanwhile; other errors of the database at once.
    """
    pause, tries, last = FIRST_PAUSE, 0, float("inf")
    while True:
        try:
            if not tries or not journal.written(claim, batch):
                journal.write(claim, batch)
        except Exception as error:
            if stopping():
                last = min(last, time.monotonic() + LAST_SECONDS)
            if not is_away(error) or time.monotonic() > last:
                raise
            if not tries:
                log.warning("outcome not written, trying again", execution_id=claim.row["id"], error=_first_line(error))
            tries += 1
            time.sleep(pause)
            pause = min(2 * pause, LONGEST_PAUSE)
        else:
            break
    claim.seq = batch.columns["seq"]
    if tries:
        log.info("outcome written", execution_id=claim.row["id"], tries=tries + 1)


def _first_line(error: Exception) -> str:
    return str(error).splitlines()[0]
