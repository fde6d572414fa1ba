"""Steps that do not end, or take all memory: they stop neither their neighbours nor the installation."""

from __future__ import annotations

import sys
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from signal import SIGTERM
from typing import Any

import pytest

from flowapp import catalog, tasks
from flowapp.catalog.registry import ACTIONS
from flowapp.config import Settings
from flowapp.engine.store.control import cancel
from flowapp.models import TERMINAL, Execution, StepRun
from flowapp.models.tenancy import make_engine, prepare_engine
from flowapp.tasks.fleet import processes
from flowapp.tasks.starting import commit_and_start
from tests.support import place as support
from tests.support import stuck
from tests.support.group import alive, descendants
from tests.support.processes import server, wait_until
from tests.support.tenant import make_tenant

pytestmark = pytest.mark.faults
SOON = 40.0  # seconds; what is measured takes a tenth of it on an idle machine


@pytest.fixture(autouse=True)
def _actions() -> Iterator[None]:
    catalog.load()
    before = dict(ACTIONS)
    stuck.declare()
    yield
    ACTIONS.clear()
    ACTIONS.update(before)


class Place(support.Place):
    """A worker that knows the steps, and a scheduler, on the test's database."""

    def __init__(self, settings: Settings, worker: int) -> None:
        self.settings, self.worker = settings, worker
        engine = make_engine(settings)
        prepare_engine(engine, settings)
        tasks.init(tasks.Runtime.make(settings, engine))
        self.tenant = make_tenant(engine)
        super().__init__(engine, self.tenant.organization_id, self.tenant.project_id)

    def start(self, effect: str, *, timeout: int = 1, **params: Any) -> str:
        """An execution of one step, which may take `timeout` seconds."""
        step = {"step_id": "it", "action_type": f"stuck_{effect}", "params": params, "timeout": timeout}
        return self.begin({"steps": [step]})

    def begin(self, written: dict[str, Any]) -> str:
        """An execution of a workflow."""
        execution = self.started(self.publish(written))
        with self.session() as session:
            session.add(execution)
            commit_and_start(session, execution)
        return execution.id

    def ended(self, execution_id: str, seconds: float = SOON) -> Execution:
        wait_until(lambda: self.get(execution_id).status in TERMINAL, seconds, "it did not end")
        return self.get(execution_id)

    def began(self, execution_id: str, times: int = 1) -> int:
        """The process in which a step began, for the last of so many times."""

        def pids() -> list[int]:
            return [int(pid) for one, pid, word in stuck.calls(self.folder) if (one, word) == (execution_id, "began")]

        wait_until(lambda: len(pids()) >= times, SOON, "the step did not begin")
        return pids()[-1]

    def tries(self, execution_id: str) -> int:
        return Counter(one for one, _pid, word in stuck.calls(self.folder) if word == "began")[execution_id]

    def attempts(self, execution_id: str) -> list[str]:
        with self.session() as session:
            runs = session.query(StepRun).filter_by(execution_id=execution_id).order_by(StepRun.seq)
            return [run.status for run in runs]

    @property
    def folder(self) -> str:
        return str(self.settings.data_dir)


@contextmanager
def running(environ: Mapping[str, str], tmp_path: Path, **more: Any) -> Iterator[Place]:
    environ = {**environ, "FLOWAPP_STEP_GRACE": "1", "FLOWAPP_LEASE_SECONDS": "4"}
    environ |= {f"FLOWAPP_{name.upper()}": str(value) for name, value in more.items()}
    with ExitStack() as stack:
        started = [
            stack.enter_context(
                server([sys.executable, "-m", module], tmp_path / f"{module}.log", stop_with=SIGTERM, env=environ)
            )
            for module in ("tests.support.stuck", "flowapp.scheduler")
        ]
        place = Place(Settings.from_env(environ), started[0].pid)
        stack.callback(place.engine.dispose)
        place.ended(place.start("pure"))  # they are at work
        yield place


def test_eighteen_steps_that_hang_stop_nobody(environ: dict[str, str], tmp_path: Path) -> None:
    with running(environ, tmp_path) as place:
        stuck_ones = [place.start("pure", do="hang") for _ in range(18)]
        place.began(stuck_ones[-3])
        began = time.monotonic()
        others = [place.start("idempotent", seconds=0.01, timeout=30) for _ in range(10)]
        assert {place.ended(one).status for one in others} == {"completed"}
        assert time.monotonic() - began < SOON
        assert {place.get(one).crashes for one in others} == {0}
        for one in stuck_ones:
            with place.session() as session:
                cancel(session, session.get_one(Execution, one))
                session.commit()


def test_an_execution_without_end_lets_others_have_its_thread(environ: dict[str, str], tmp_path: Path) -> None:
    circle = {"steps": [{"step_id": "a", "action_type": "stuck_pure"}], "edges": [{"source": "a", "target": "a"}]}
    with running(environ, tmp_path, workers=1, threads=1) as place:
        endless = place.begin({**circle, "config": {"max_visits": 1_000_000}})
        place.began(endless, 5)
        began = time.monotonic()
        assert place.ended(place.start("pure")).status == "completed"
        assert time.monotonic() - began < SOON
        assert place.get(endless).status in ("pending", "running")


def test_a_step_past_its_timeout_is_set_aside_with_its_reason(environ: dict[str, str], tmp_path: Path) -> None:
    with running(environ, tmp_path, workers=1) as place:
        one = place.start("idempotent", do="spin")
        failed = place.ended(one)
        assert failed.status == "failed"
        assert failed.error_message.startswith(
            "Set aside after 3 tries. Step “it” ran past its timeout of 1 s, so its worker was ended."
        )
        assert place.tries(one) == 3


def test_a_neighbour_inside_a_step_that_must_happen_once_is_waited_for(environ: dict[str, str], tmp_path: Path) -> None:
    with running(environ, tmp_path, workers=1, threads=3) as place:
        beside = place.start("once", seconds=5, timeout=30)
        pid = place.began(beside)
        hanging = place.start("once", do="hang")
        assert place.began(hanging) == pid
        assert place.ended(beside).status == "completed"
        assert place.attempts(beside) == ["completed"]
        assert (place.tries(beside), place.get(beside).crashes) == (1, 0)
        wait_until(lambda: not alive(pid), SOON, "the process was not ended")
        wait_until(lambda: place.attempts(hanging) == ["uncertain"], SOON, "nobody is told")
        assert place.tries(hanging) == 1


def test_a_step_that_eats_memory_is_set_aside(environ: dict[str, str], tmp_path: Path) -> None:
    limit = 256
    with running(environ, tmp_path, workers=1, worker_memory=limit) as place:
        beside = place.start("once", seconds=3, timeout=30)
        pid = place.began(beside)
        eating = place.start("pure", do="eat", timeout=30)
        assert place.began(eating) == pid
        most = 0
        while place.get(eating).status not in TERMINAL:
            family = descendants(place.worker)
            most = max(most, *(processes.memory(one) for one in family), 0) if family else most
            time.sleep(0.05)
        failed = place.get(eating)
        assert failed.error_message.startswith(
            "Set aside after 3 tries. Step “it” took more memory than a worker may (256 MiB)"
        )
        assert place.ended(beside).status == "completed"
        assert (place.tries(beside), place.tries(eating)) == (1, 3)
        assert most < 3 * limit << 20


def test_a_step_that_holds_the_interpreter_costs_its_neighbours_nothing(
    environ: dict[str, str], tmp_path: Path
) -> None:
    with running(environ, tmp_path, workers=1, threads=3) as place:
        beside = place.start("idempotent", seconds=2, timeout=4)
        pid = place.began(beside)
        holding = place.start("pure", do="grip")
        assert place.began(holding) == pid
        done = place.ended(beside)
        assert (done.status, done.crashes) == ("completed", 0)
        assert place.attempts(beside)[-2:] == ["failed", "completed"]
        assert place.began(beside, 2) != pid
        assert "ran past its timeout of 1 s" in place.ended(holding, 2 * SOON).error_message
        assert place.tries(holding) == 3


@pytest.mark.parametrize("way", ["hang", "grip"])
def test_cancel_frees_a_thread_within_two_seconds(environ: dict[str, str], tmp_path: Path, way: str) -> None:
    with running(environ, tmp_path, workers=1, threads=1) as place:
        one = place.start("idempotent", do=way, timeout=3600)
        pid = place.began(one)
        time.sleep(1)  # it is at it
        with place.session() as session:
            cancel(session, session.get_one(Execution, one))
            session.commit()
        began = time.monotonic()
        wait_until(lambda: not alive(pid), SOON)
        freed = time.monotonic() - began
        other = place.start("pure")
        assert place.ended(other).status == "completed"
        assert place.get(one).status == "cancelled"
        assert freed < 2
