"""The work that does not happen in a request: the actors, the doorbell, the live bus, the services of steps."""

from flowapp.tasks.bus import announce_end, announce_start, live_channel, monitor_channel, publish, wait
from flowapp.tasks.runtime import Runtime, init, ring, runtime

__all__ = [
    "Runtime", "announce_end", "announce_start", "init", "live_channel", "monitor_channel", "publish", "ring",
    "runtime", "wait",
]  # fmt: skip
