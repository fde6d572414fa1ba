"""The work that does not happen in a request: the actors, the doorbell, the live bus, the services of steps."""

from typing import Any

from flowapp.tasks.bus import live_channel, monitor_channel
from flowapp.tasks.endings import announce_ends, release
from flowapp.tasks.runtime import Runtime, init, runtime
from flowapp.tasks.starting import commit_and_start, commit_and_wake


def test_step(*args: Any, **kwargs: Any) -> dict[str, Any]:
    """Tries one step (tasks.step_test.test_step). Imported when used: the actions' services are heavy."""
    from flowapp.tasks.step_test import test_step as try_it

    return try_it(*args, **kwargs)


def execute_action(*args: Any, **kwargs: Any) -> dict[str, Any]:
    """Runs an action of an integration (tasks.outgoing.execute.execute_action). Imported when used, like test_step."""
    from flowapp.tasks.outgoing.execute import execute_action as execute_it

    return execute_it(*args, **kwargs)


def simulate_workflow(*args: Any, **kwargs: Any) -> dict[str, Any]:
    """Simulates a definition (tasks.simulation.simulate_workflow). Imported when used, like test_step."""
    from flowapp.tasks.simulation import simulate_workflow as simulate_it

    return simulate_it(*args, **kwargs)


__all__ = [
    "Runtime", "announce_ends", "commit_and_start", "commit_and_wake", "execute_action", "init", "live_channel", "monitor_channel", "release", "runtime",
    "simulate_workflow", "test_step",
]  # fmt: skip
