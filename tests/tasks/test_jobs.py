"""The background jobs on real databases and a real Valkey: what each does, and what is kept of its last run."""

from __future__ import annotations

import hashlib
import hmac
import threading
from contextlib import nullcontext
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any

import dramatiq
import pytest
from dramatiq import Message
from sqlalchemy.exc import OperationalError

from flowapp import tasks
from flowapp.engine.retention import sizes
from flowapp.errors import ConflictError, InvalidError, NotFoundError, UnauthenticatedError
from flowapp.models import Execution, JobRun, Trigger, Version, Workflow, WorkflowSize, new_id, utcnow
from flowapp.tasks import jobs
from flowapp.tasks.actors import declare
from flowapp.tasks.jobs import execute_workflow_async
from flowapp.tasks.maintenance import Notes, Upkeep
from tests.engine.place import Place, _actions, place, runtime, step
from tests.support.history import write_history
from tests.support.processes import wait_until

__all__ = ["_actions", "place", "runtime"]


def wake_ups(runtime: tasks.Runtime) -> list[str]:
    """What was woken since the last look."""
    lists = ("flowapp:queue:flowapp", "flowapp:queue:flowapp:due")
    with runtime.redis.pipeline() as together:
        *queued, _ = together.lrange(lists[0], 0, -1).lrange(lists[1], 0, -1).delete(*lists).execute()
    messages = [Message.decode(wake_up) for one in queued for wake_up in one]
    return [one for m in messages for one in (m.args[1:] if m.actor_name == "run_due" else m.args[:1])]


def last(name: str) -> JobRun:
    return jobs.last_runs()[name]


def declared(monkeypatch: pytest.MonkeyPatch, run: Any, **more: Any) -> str:
    monkeypatch.setitem(jobs.JOBS, "tried", jobs.JobSpec("tried", run, "d", "w", {"done": "Done"}, **more))
    return "tried"


def test_every_job_of_the_reference_is_there() -> None:
    names = {
        "execute_workflow_async", "process_webhook_trigger", "process_scheduled_triggers", "process_waiting_executions",
        "cleanup_old_executions", "cleanup_stale_executions", "retry_failed_step", "export_workflow_execution_logs",
    }  # fmt: skip
    assert names <= set(jobs.load())


def test_of_a_run_only_its_numbers_are_kept(runtime: tasks.Runtime, monkeypatch: pytest.MonkeyPatch) -> None:
    name = declared(monkeypatch, lambda: {"done": 3, "email": "ada@example.com"})
    assert jobs.perform(name)["email"] == "ada@example.com"
    run = last(name)
    assert (run.ok, run.result, run.error) == (True, {"done": 3}, "")
    assert utcnow() - run.started_at < timedelta(minutes=1)


@pytest.mark.parametrize(
    ("error", "kept"),
    [(NotFoundError("There is no “Ada”."), "Not found"), (ValueError("ada@example.com"), "ValueError")],
)
def test_of_an_error_only_its_kind_is_kept(
    runtime: tasks.Runtime, monkeypatch: pytest.MonkeyPatch, error: Exception, kept: str
) -> None:
    def fails() -> jobs.Result:
        raise error

    name = declared(monkeypatch, fails)
    with pytest.raises(type(error)):
        jobs.perform(name)
    assert (last(name).ok, last(name).error, last(name).result) == (False, kept, None)


def test_a_run_that_goes_on_is_known(runtime: tasks.Runtime, monkeypatch: pytest.MonkeyPatch) -> None:
    seen = []
    name = declared(monkeypatch, lambda: seen.append(last("tried")) or {"done": 1})
    jobs.perform(name)
    assert (seen[0].ok, seen[0].result) == (True, None)


def test_when_a_job_is_due() -> None:
    def due(at: Any, ago: timedelta | None) -> bool:
        now = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
        spec = jobs.JobSpec("n", dict, "", "", due=at)
        return jobs.is_due(spec, now - ago if ago is not None else None, now)

    assert due(jobs.hourly, None)
    assert due(jobs.hourly, timedelta(minutes=61))
    assert not due(jobs.hourly, timedelta(minutes=59))
    assert due(jobs.hourly, timedelta(minutes=-5)), "a clock that ran ahead must not stop it"
    assert due(jobs.nightly, timedelta(hours=24, minutes=1))
    assert not due(jobs.nightly, timedelta())
    assert not due(None, None)


def test_nightly_is_three_o_clock() -> None:
    for hour in (2, 4):
        now = datetime(2026, 3, 1, hour, 0).astimezone()
        slot = jobs.nightly(now)
        assert (slot.hour, slot.minute) == (3, 0)
        assert timedelta() <= now - slot < timedelta(hours=24)


def test_upkeep_runs_what_is_due_once_and_only_while_it_leads(
    runtime: tasks.Runtime, monkeypatch: pytest.MonkeyPatch
) -> None:
    ran: list[str] = []

    def fails() -> jobs.Result:
        ran.append("fails")
        raise LookupError("as a bug would")

    specs = {
        "fails": jobs.JobSpec("fails", fails, "", "", due=jobs.hourly),
        "works": jobs.JobSpec("works", lambda: ran.append("works") or {}, "", "", due=jobs.hourly),
        "asked": jobs.JobSpec("asked", lambda: ran.append("asked") or {}, "", ""),
    }
    monkeypatch.setattr(jobs, "JOBS", specs)
    leads = [False]
    upkeep = Upkeep(lambda: leads[0], threading.Event())
    upkeep.look(utcnow())
    assert ran == []
    leads[0] = True
    upkeep.look(utcnow())
    upkeep.look(utcnow())
    assert ran == ["fails", "works"]
    upkeep.look(utcnow() + timedelta(minutes=61))
    assert ran == ["fails", "works"] * 2


def test_what_happens_at_each_tick_is_written_once_a_minute(runtime: tasks.Runtime) -> None:
    notes, now = Notes(), datetime(2026, 3, 1, tzinfo=UTC)
    written = []
    for second in range(125):
        at = now + timedelta(seconds=second)
        notes.count("process_waiting_executions", "timers", lambda _now: 2, at)
        notes.write(at)
        written.append(last("process_waiting_executions").result["timers"])
    assert (written[0], written[59], written[60], written[124]) == (2, 2, 120, 120)


def test_execute_workflow_async_starts_and_rings(place: Place, runtime: tasks.Runtime) -> None:
    params = {"workflow_id": place.workflow([step("a")]), "input_data": {"n": 1}, "idempotency_key": "k"}
    first = jobs.perform("execute_workflow_async", **params)
    assert wake_ups(runtime) == [first["execution_id"]]
    assert place.get(first["execution_id"]).input_data == {"n": 1}
    again = jobs.perform("execute_workflow_async", **params)
    assert again == {"started": 0, "execution_id": first["execution_id"]}
    for nobody in (new_id(), "x"):
        with pytest.raises(NotFoundError):
            jobs.perform("execute_workflow_async", workflow_id=nobody)


@pytest.mark.parametrize("broken", [2, 3])
def test_execute_workflow_async_tries_three_times(
    place: Place, runtime: tasks.Runtime, monkeypatch: pytest.MonkeyPatch, broken: int
) -> None:
    """With longer pauses, while the database is away; of a try whose commit was not confirmed nothing is there twice."""
    workflow_id, pauses, tries = place.workflow([step("a")]), list[float](), list[str]()

    def commit(session: Any, execution: Execution, *, created: bool) -> None:
        tries.append(execution.id)
        session.commit()
        if len(tries) <= broken:
            raise OperationalError("COMMIT", {}, Exception("the connection was lost"))

    monkeypatch.setattr(execute_workflow_async, "commit_and_start", commit)
    monkeypatch.setattr(execute_workflow_async, "time", SimpleNamespace(sleep=pauses.append))
    with pytest.raises(OperationalError) if broken == 3 else nullcontext():
        done = jobs.perform("execute_workflow_async", workflow_id=workflow_id)
        assert done == {"started": 0, "execution_id": tries[0]}
    assert len(tries) == 3 and pauses == sorted(set(pauses)) and len(pauses) == 2
    with place.session() as session:
        assert [one.id for one in session.query(Execution)] == tries[:1] and len(set(tries)) == 1


def test_execute_workflow_async_tries_a_mistake_once(
    place: Place, runtime: tasks.Runtime, monkeypatch: pytest.MonkeyPatch
) -> None:
    again = SimpleNamespace(sleep=lambda _seconds: pytest.fail("it tries again"))
    monkeypatch.setattr(execute_workflow_async, "time", again)
    with pytest.raises(NotFoundError):
        jobs.perform("execute_workflow_async", workflow_id=new_id())


def test_process_webhook_trigger_asks_for_what_the_trigger_asks_for(place: Place, runtime: tasks.Runtime) -> None:
    workflow_id = place.workflow([step("a")])
    config = {"key": "kk", "auth": "hmac", "preset": "github", "secret": "s3cret"}
    with place.session() as session:
        session.add(Trigger(workflow_id=workflow_id, key="hook", trigger_type="webhook", hook_key="kk", config=config))
        session.commit()
    body = '{"event": "push"}'
    signature = "sha256=" + hmac.new(b"s3cret", body.encode(), hashlib.sha256).hexdigest()
    headers = {"X-Hub-Signature-256": signature, "X-GitHub-Delivery": "d1", "User-Agent": "GitHub"}
    first = jobs.perform("process_webhook_trigger", key="kk", body=body, headers=headers)
    execution = place.get(first["execution_id"])
    assert (execution.input_data, execution.trigger_type) == ({"event": "push"}, "webhook")
    assert execution.context["headers"] == {"user-agent": "GitHub", "x-github-delivery": "d1"}
    assert wake_ups(runtime) == [execution.id]
    assert jobs.perform("process_webhook_trigger", key="kk", body=body, headers=headers)["started"] == 0
    with pytest.raises(UnauthenticatedError):
        jobs.perform("process_webhook_trigger", key="kk", body='{"event": "pull"}', headers=headers)
    with pytest.raises(InvalidError):
        jobs.perform("process_webhook_trigger", key="kk", body="{", headers=headers)
    with place.session() as session:
        session.query(Workflow).update({"status": "archived"})
        session.commit()
    for key in ("kk", "nobody"):
        with pytest.raises(NotFoundError):
            jobs.perform("process_webhook_trigger", key=key, body=body, headers=headers)


def test_process_webhook_trigger_keeps_what_comes_while_the_workflow_is_paused(
    place: Place, runtime: tasks.Runtime
) -> None:
    workflow_id = place.workflow([step("a")], triggers=[{"key": "hook", "trigger_type": "webhook", "config": {}}])
    with place.session() as session:
        session.add(
            Trigger(
                workflow_id=workflow_id, key="hook", trigger_type="webhook", hook_key="kk", config={}, is_active=False
            )
        )
        session.query(Workflow).update({"status": "paused"})
        session.commit()
    kept = jobs.perform("process_webhook_trigger", key="kk", body={"id": 1}, headers={"Idempotency-Key": "d1"})
    execution = place.get(kept["execution_id"])
    assert (kept["started"], execution.status, execution.input_data) == (0, "skipped", {"id": 1})
    assert str(execution.error_message).startswith("The workflow was paused")
    assert wake_ups(runtime) == []
    again = jobs.perform("process_webhook_trigger", key="kk", body={"id": 1}, headers={"Idempotency-Key": "d1"})
    assert again == {"started": 0, "execution_id": execution.id}


def test_scheduled_and_waiting_are_done_as_the_scheduler_does_them(place: Place, runtime: tasks.Runtime) -> None:
    workflow_id = place.workflow([step("w", do="wait", until=60)])
    waiting = place.begin(workflow_id)
    place.runner.run(waiting, place.org)  # by the clock of the place, its time came long ago
    with place.session() as session:
        clock = {"cron": "0 0 1 1 *", "timezone": "UTC", "missed": "once"}  # no other slot comes while this runs
        due = utcnow() - timedelta(seconds=1)
        session.add(
            Trigger(workflow_id=workflow_id, key="c", trigger_type="schedule", config=clock, next_fire_at=due)
        )  # fmt: skip
        session.commit()
    assert jobs.perform("process_waiting_executions") == {"timers": 1, "signals": 0, "lost": 0}
    assert wake_ups(runtime) == [waiting]
    assert jobs.perform("process_scheduled_triggers") == {"started": 1}
    assert jobs.perform("process_scheduled_triggers") == {"started": 0}


def test_stale_executions_end_only_if_the_workers_heard_the_last_call(place: Place, runtime: tasks.Runtime) -> None:
    execution_id = place.begin(place.workflow([step("a")]))
    with place.session() as session:
        long_ago = utcnow() - timedelta(hours=3)
        session.query(Execution).update({"status": "running", "lease_until": long_ago, "rung_at": long_ago})
        session.commit()
    assert jobs.perform("cleanup_stale_executions", last_call=0.0) == {"found": 1, "failed": 0}
    assert wake_ups(runtime) == [execution_id]

    def hear() -> None:
        wait_until(lambda: bool(wake_ups(runtime)), message="nobody was woken")

    worker = threading.Thread(target=hear)
    worker.start()
    assert jobs.perform("cleanup_stale_executions", last_call=1.0) == {"found": 1, "failed": 1}
    worker.join()
    assert place.get(execution_id).status == "failed"
    assert jobs.perform("cleanup_stale_executions") == {"found": 0, "failed": 0}


def test_retry_failed_step(place: Place, runtime: tasks.Runtime) -> None:
    failed = place.run([step("a"), step("b", "once", do="fail", value="no")])
    assert failed.status == "failed"
    result = jobs.perform("retry_failed_step", execution_id=failed.id)
    assert place.get(result["execution_id"]).retry_of_id == failed.id
    assert wake_ups(runtime) == [result["execution_id"]]
    with pytest.raises(ConflictError):
        jobs.perform("retry_failed_step", execution_id=result["execution_id"])


def test_cleanup_old_executions_also_deletes_exported_files(place: Place, runtime: tasks.Runtime) -> None:
    workflow_id = place.workflow([step("a")])
    with place.session() as session:
        version = session.query(Version).filter_by(workflow_id=workflow_id).one()
    write_history(place.engine, version, utcnow() - timedelta(days=31), 3)
    (kept,) = write_history(place.engine, version, utcnow() - timedelta(days=29), 1)
    jobs.perform("export_workflow_execution_logs", execution_id=kept)
    result = jobs.perform("cleanup_old_executions")
    assert (result["executions"], result["files"]) == (3, 0)
    assert jobs.perform("cleanup_old_executions", days=10)["executions"] == 1
    assert last("cleanup_old_executions").result["executions"] == 1


@pytest.mark.parametrize("name", ["days", "days_to_keep"])
def test_cleanup_old_executions_is_told_how_many_days(place: Place, runtime: tasks.Runtime, name: str) -> None:
    workflow_id = place.workflow([step("a")])
    with place.session() as session:
        version = session.query(Version).filter_by(workflow_id=workflow_id).one()
    for ago in (5, 15):
        write_history(place.engine, version, utcnow() - timedelta(days=ago), 1)
    assert [jobs.perform("cleanup_old_executions", **{name: days})["executions"] for days in (20, 10, 10)] == [0, 1, 0]
    with pytest.raises(InvalidError, match="1 or more"):
        jobs.perform("cleanup_old_executions", **{name: -1})


def test_sizes_of_workflows(place: Place, runtime: tasks.Runtime, monkeypatch: pytest.MonkeyPatch) -> None:
    workflow_id = place.workflow([step("a")])
    with place.session() as session:
        version = session.query(Version).filter_by(workflow_id=workflow_id).one()
    write_history(place.engine, version, utcnow(), 20)

    def measured() -> tuple[int, int]:
        assert jobs.perform("measure_workflow_sizes") == {"workflows": 1}
        with place.session() as session:
            size = session.get_one(WorkflowSize, workflow_id)
            return size.executions, size.bytes

    exactly = measured()
    assert exactly[0] == 20
    assert 20 * 2 * 200 < exactly[1] < 20 * 2000
    monkeypatch.setattr(sizes, "SAMPLE", 3)
    assert measured() == exactly, "equal executions: the sample says the same"
    with place.session() as session:
        session.query(Execution).delete()
        session.commit()
    assert jobs.perform("measure_workflow_sizes") == {"workflows": 0}
    with place.session() as session:
        assert session.get(WorkflowSize, workflow_id) is None


def test_a_worker_runs_what_is_sent(runtime: tasks.Runtime) -> None:
    declare()
    assert set(jobs.JOBS) | {"run_execution"} <= set(runtime.broker.actors)
    worker = dramatiq.Worker(runtime.broker, worker_threads=1, worker_timeout=100)
    worker.start()
    jobs.send("cleanup_old_executions", days=7)
    wait_until(lambda: "cleanup_old_executions" in jobs.last_runs(), message="it did not run")
    wait_until(lambda: last("cleanup_old_executions").result is not None, message="it did not end")
    worker.stop(timeout=2000)
    assert last("cleanup_old_executions").ok


def test_a_negative_retention_deletes_nothing(place: Place, runtime: tasks.Runtime) -> None:
    done = place.run([step("a")])
    with pytest.raises(InvalidError, match="1 or more"):
        jobs.perform("cleanup_old_executions", days=-5)
    assert place.get(done.id).status == "completed"
