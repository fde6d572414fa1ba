"""The metrics of the fleet: what an alert is made of."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from flowapp.models import utcnow
from flowapp.tasks import jobs
from tests.support.fleet import beat


def measured(app: Any) -> dict[str, float]:
    lines = app.test_client().get("/metrics").text.splitlines()
    return {name: float(value) for line in lines if line[0] != "#" for name, _, value in [line.rpartition(" ")]}


def test_processes_by_kind_and_state(app: Any) -> None:
    beat("worker")
    beat("worker")
    beat("worker", still=90)
    beat("scheduler", silent=40)
    found = measured(app)
    assert found['flowapp_processes{kind="worker",state="working"}'] == 2
    assert found['flowapp_processes{kind="worker",state="stuck"}'] == 1
    assert found['flowapp_processes{kind="scheduler",state="silent"}'] == 1
    assert found['flowapp_processes{kind="scheduler",state="working"}'] == 0


def test_clocks_of_the_hosts_that_live(app: Any) -> None:
    beat("worker", host="a", clock_ahead_ms=1500)
    beat("web", host="a", clock_ahead_ms=-100)
    beat("web", host="b", clock_ahead_ms=-30_000)
    beat("web", host="c", clock_ahead_ms=9000, silent=60)
    found = {name: value for name, value in measured(app).items() if "clock_ahead" in name}
    assert found == {
        'flowapp_clock_ahead_seconds{host="a"}': 1.5,
        'flowapp_clock_ahead_seconds{host="b"}': -30.0,
    }


def test_what_waits(app: Any) -> None:
    found = measured(app)
    names = ("pending_age_seconds", "overdue_timers", "overdue_timer_age_seconds", "uncertain_steps")
    assert {name: found[f"flowapp_{name}"] for name in names} == dict.fromkeys(names, 0.0)


def test_how_long_ago_each_job_ended_well(app: Any) -> None:
    with app.app_context():
        began = utcnow() - timedelta(seconds=100)
        jobs.record("cleanup_old_executions", began, 10, result={})
        jobs.record("cleanup_old_executions", utcnow(), 0.0, error="ValueError")
        jobs.record("measure_workflow_sizes", utcnow(), 0.0)  # it has begun, for the first time
    found = measured(app)
    assert found['flowapp_job_success_age_seconds{job="cleanup_old_executions"}'] == pytest.approx(90, abs=20)
    assert found['flowapp_job_success_age_seconds{job="measure_workflow_sizes"}'] == float("inf")
    assert found['flowapp_job_ok{job="cleanup_old_executions"}'] == 0
