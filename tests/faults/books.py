"""The books of a scenario: what was accepted, held against what the database, the sink and the mailbox say."""

from __future__ import annotations

import contextlib
import time
from collections import Counter, defaultdict
from collections.abc import Collection, Mapping

from sqlalchemy import func, select
from sqlalchemy.exc import SQLAlchemyError

from flowapp.engine.store.control import decide
from flowapp.errors import ConflictError
from flowapp.models import TERMINAL, Execution, StepRun
from flowapp.models.tenancy import system_session, tenant_session
from tests.faults.report import Row
from tests.faults.site import Flow, Site
from tests.faults.sizes import RECOVERY
from tests.support.processes import wait_until
from tests.support.servers.sink import Sink
from tests.support.servers.smtp import SmtpServer


class Books:
    """Of one workflow. `decisions` is what a person said about uncertain steps: execution to resend or done."""

    def __init__(self, site: Site, flow: Flow) -> None:
        self.site, self.flow = site, flow
        self.decisions: dict[str, str] = {}

    def statuses(self) -> dict[str, str]:
        """Execution to status; an uncertain one that waits for a person is called so."""
        with system_session(self.site.engine) as session:
            mine = Execution.workflow_id == self.flow.id
            found = {row.id: row.status for row in session.execute(select(Execution.id, Execution.status).where(mine))}
            unsure = select(StepRun.execution_id).join(Execution, Execution.id == StepRun.execution_id)
            for execution_id in session.scalars(unsure.where(mine, StepRun.status == "uncertain")):
                if found[execution_id] == "waiting" and execution_id not in self.decisions:
                    found[execution_id] = "uncertain"
            return found

    def count(self) -> Counter[str]:
        return Counter(self.statuses().values())

    def ended(self, count: int) -> bool:
        """Whether that many executions have ended; a person decides about those that nobody else can go on with."""
        try:
            with system_session(self.site.engine) as session:
                mine = Execution.workflow_id == self.flow.id
                over = select(func.count()).where(mine, Execution.status.in_(TERMINAL))
                if session.scalar(over) >= count:
                    return True
            self._settle([one for one, status in self.statuses().items() if status == "uncertain"])
        except SQLAlchemyError:  # the database is just being restarted
            pass
        time.sleep(0.3)  # the sink and the mail server live in this process too
        return False

    def wait(self, count: int, seconds: float = RECOVERY) -> None:
        """Until `count` executions have ended. What has not by then is counted as stuck, later."""
        with contextlib.suppress(AssertionError):
            wait_until(lambda: self.ended(count), seconds)

    def _settle(self, executions: list[str]) -> None:
        for execution_id in executions:
            decision = "resend" if len(self.decisions) % 2 else "done"
            with tenant_session(self.site.engine, self.site.tenant.organization_id) as session:
                run = session.scalars(
                    select(StepRun).where(StepRun.execution_id == execution_id, StepRun.status == "uncertain")
                ).first()
                if run is None:
                    continue
                try:
                    decide(session, session.get_one(Execution, execution_id), run.seq, decision)
                except ConflictError:  # still in the hands of a worker
                    continue
                session.commit()
                self.decisions[execution_id] = decision

    def check(
        self,
        row: Row,
        accepted: Mapping[int, str],
        sink: Sink | None = None,
        smtp: SmtpServer | None = None,
        *,
        aside: Collection[str] = (),
    ) -> Row:
        """Fills the row in, keeps it, and asserts that nothing was lost, doubled or stuck. `aside`: were to fail."""
        statuses = self.statuses()
        row.executions, row.uncertain = len(statuses), len(self.decisions)
        stuck = {one for one, status in statuses.items() if status not in TERMINAL}
        lost = {one for one in accepted.values() if statuses.get(one) != "completed"} - stuck
        more = set(statuses) - set(accepted.values()) - set(aside)
        doubled = [*more, *self._doubled_steps()]
        if sink is not None:
            effects = keys_by_path(sink)
            doubled += [path for path, keys in effects.items() if len(keys) > 1]
            lost |= {f"/call/{number}" for number, one in accepted.items() if one not in stuck} - set(effects)
        if smtp is not None:
            letters = self._letters(smtp, accepted)
            doubled += [f"letter {number}" for number, count in letters.items() if count > 1]
            sure = {number for number, one in accepted.items() if one not in stuck | self.decisions.keys()}
            lost |= {f"letter {number}" for number in sure if not letters[number]}
        row.lost, row.doubled, row.stuck = len(lost), len(doubled), len(stuck)
        row.done()
        assert not stuck, [(one, statuses[one]) for one in stuck]
        assert not lost, [(one, statuses.get(one), self.why(one)) for one in lost]
        assert not doubled, doubled
        return row

    def unheard(self, accepted: Mapping[int, str]) -> dict[int, str]:
        """Number to execution of deliveries that were stored although their sender heard no 202."""
        with system_session(self.site.engine) as session:
            rows = session.execute(
                select(Execution.input_data, Execution.id).where(Execution.workflow_id == self.flow.id)
            )
            return {data["n"]: one for data, one in rows if data["n"] not in accepted}

    def why(self, execution_id: str) -> str:
        with system_session(self.site.engine) as session:
            found = session.get(Execution, execution_id)
            return found.error_message if found else "no such execution"

    def _doubled_steps(self) -> list[str]:
        """Visits that ended well twice."""
        with system_session(self.site.engine) as session:
            statement = (
                select(StepRun.execution_id, StepRun.step_id, StepRun.iteration)
                .join(Execution, Execution.id == StepRun.execution_id)
                .where(Execution.workflow_id == self.flow.id, StepRun.status == "completed")
            )
            seen = Counter(tuple(found) for found in session.execute(statement))
        return [f"{visit} ended {count} times" for visit, count in seen.items() if count > 1]

    def _letters(self, smtp: SmtpServer, accepted: Mapping[int, str]) -> Counter[int]:
        """Letters for each number, without those that a person had sent again."""
        found = Counter(int(letter.recipients[0].partition("@")[0]) for letter in list(smtp.inbox))
        again = [number for number, one in accepted.items() if self.decisions.get(one) == "resend"]
        found.subtract({number: 1 for number in again if found[number] > 1})
        return found


def keys_by_path(sink: Sink) -> dict[str, set[str]]:
    """Path to the idempotency keys it was called with: a sink that knows its keys counts each key as one effect."""
    found: dict[str, set[str]] = defaultdict(set)
    for request in list(sink.requests):
        found[request.path].add(request.headers["Idempotency-Key"])
    return found
