"""Whom a recorded event is for: the executions that wait for it (`waiting`), and the triggers that it fires (`listeners`).

`outbox` takes the next events, `limits` stops chains of workflows that start each other, `starts` writes the executions.
"""

from flowapp.engine.store.event_matching.waiting import about_what, catch_up, deliver

__all__ = ["about_what", "catch_up", "deliver"]
