"""What a look for records that are due is given, and what a part of it did."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from flowapp.catalog import Params
from flowapp.engine.store.event_matching.listeners import Listener
from flowapp.models import Execution
from flowapp.notifications.alerts import Alert


@dataclass(frozen=True, slots=True)
class Look:
    """`config` are the trigger's settings, `first` is when it was due; what came by `after` (an id) is done."""

    listener: Listener
    config: Params
    first: datetime
    now: datetime
    after: str


@dataclass(frozen=True, slots=True)
class Part:
    """`after`: where to go on; empty where nothing is left."""

    started: Sequence[Execution] = ()
    after: str = ""
    alerts: Sequence[Alert] = ()
