"""What `flask doctor` finds out about the processes of all hosts, their keys and clocks, and the work that waits.

Each check returns what it found, in words, and raises WrongError where that cannot stay so.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from itertools import combinations
from typing import TYPE_CHECKING

from sqlalchemy import text

from flowapp import tasks
from flowapp.config import VERSION, Settings
from flowapp.errors import FlowError
from flowapp.extensions import db
from flowapp.models import Lease, migrations
from flowapp.models.tenancy import connections_of_host, pool_size, system_session
from flowapp.tasks import backlog
from flowapp.tasks.fleet import health, heartbeats

if TYPE_CHECKING:
    from flowapp.models.postgres import Role

_KINDS: tuple[Role, ...] = ("web", "worker", "scheduler")
_LIMITS = ("max_connections", "superuser_reserved_connections")
TOO_LONG = 300.0  # seconds that nothing should have to wait


class WrongError(FlowError):
    """Something cannot stay as it is; the message says what, and what helps."""


def schema(_settings: Settings) -> str:
    """Whether the database is at this release's migration, or at a newer one, which serves it too."""
    with db.engine.connect() as connection:
        at, state = migrations.current(connection), migrations.state(connection)
    if state == "current":
        return f"at {at}"
    if state == "newer":
        return f"at {at}, newer than this release's {migrations.newest()}: still served; bring this host up to date"
    if state == "foreign":
        raise WrongError(f"at {at}, which no release of Flowapp has. Check DATABASE_URL")
    raise WrongError(f"at {at or 'nothing'}, not at {migrations.newest()}: run “{migrations.command()}”")


def web(settings: Settings) -> str:
    """The web processes; none at all may be meant so."""
    return _of("web", settings) or "none runs now"


def workers(settings: Settings) -> str:
    """At least one worker makes progress, and none is stuck."""
    return _must("worker", settings, "start “.venv/bin/python -m flowapp.worker” on any host")


def schedulers(settings: Settings) -> str:
    """At least one scheduler ticks, and none is stuck."""
    processes = _must("scheduler", settings, "start “.venv/bin/python -m flowapp.scheduler” on any host")
    with system_session(db.engine) as system:
        lease = system.get(Lease, "scheduler")
    return f"{processes}; {lease.owner} leads" if lease else processes


def _must(kind: str, settings: Settings, remedy: str) -> str:
    processes = _of(kind, settings)
    problem = health.trouble(kind, health.processes(db.engine, settings))
    if problem:
        raise WrongError(f"{problem}{f' ({processes})' if processes else ''}: {remedy}")
    if "stuck" in processes:
        raise WrongError(f"{processes}: restart what is stuck")
    return processes


def _of(kind: str, settings: Settings) -> str:
    """“2 work: a:17, b:4; 1 silent: c:9 for 40 s”; empty where there is none."""
    groups: dict[str, list[str]] = defaultdict(list)
    for one in health.processes(db.engine, settings):
        if one.kind == kind:
            since = {"working": "", "stuck": f" for {one.stalled_for:.0f} s", "silent": f" for {one.silent_for:.0f} s"}
            groups[one.state].append(one.name + since[one.state])
    words = {"working": "work", "stuck": "stuck", "silent": "silent"}
    return "; ".join(
        f"{len(groups[state])} {words[state]}: {', '.join(groups[state])}" for state in health.STATES if groups[state]
    )


def same_keys(settings: Settings) -> str:
    """Every living process, and this command, have keys that fit together."""
    living = [one for one in health.processes(db.engine, settings) if one.state != "silent"]
    here = health.this_process(settings)
    for one, other in combinations([here, *living], 2):
        if problem := health.disagreement(one, other):
            raise WrongError(f"{one.name} and {other.name}: {problem}. Give all hosts the same two settings")
    hosts = len({one.host for one in living})
    return f"the same here and in {len(living)} processes on {hosts} {'host' if hosts == 1 else 'hosts'}"


def clocks(settings: Settings) -> str:
    """No host's clock is so far from the database's that leases mean different times."""
    most = settings.lease_seconds / 4
    here = heartbeats.clock_ahead(db.engine)
    ahead_by_host = health.clocks(health.processes(db.engine, settings)) | {"this host": here}
    far = {host: ahead for host, ahead in ahead_by_host.items() if abs(ahead) > most}
    if far:
        said = ", ".join(f"{host} {abs(s):.1f} s {'ahead of' if s > 0 else 'behind'}" for host, s in far.items())
        raise WrongError(f"{said} the database's clock: set the clocks by NTP (chrony, systemd-timesyncd)")
    return f"at most {max(map(abs, ahead_by_host.values())):.1f} s from the database's"


def releases(settings: Settings) -> str:
    """Which releases run; two of them while an upgrade is under way."""
    names: dict[str, list[str]] = defaultdict(list)
    for one in health.processes(db.engine, settings):
        if one.state != "silent":
            names[one.version].append(one.name)
    summary = "; ".join(f"{version}: {', '.join(some)}" for version, some in sorted(names.items()))
    if len(names) > 1:
        return f"{summary} (an upgrade is under way)"
    return f"{next(iter(names), VERSION)} everywhere"


def connections(settings: Settings) -> str:
    """PostgreSQL takes as many connections as all living processes may open. Those of other hosts are reckoned by the
    settings of this one."""
    if settings.is_sqlite:
        return "SQLite has no limit of them"
    with db.engine.connect() as connection:
        most, reserved = (int(connection.execute(text(f"SHOW {name}")).scalar_one()) for name in _LIMITS)
    living = Counter(one.kind for one in health.processes(db.engine, settings) if one.state != "silent")
    taken = sum(living[kind] * pool_size(settings, kind) for kind in _KINDS)
    summary = f"{taken} at most of {most - reserved}; {connections_of_host(settings)} for a host like this one"
    if taken > most - reserved:
        raise WrongError(f"{summary}: raise PostgreSQL's max_connections, or lower FLOWAPP_DB_POOL and FLOWAPP_THREADS")
    return summary


def paused(_settings: Settings) -> str:
    """Whether nothing runs because somebody wants it so."""
    state = tasks.runtime().pause.state()
    if state is None:
        return "no"
    raise WrongError(f"nothing runs and nothing is sent: {_PAUSED[state.reason]}")


_PAUSED = {
    "setting": "FLOWAPP_PAUSED is set",
    "restored": "restored from a backup; “flask --app wsgi resume” ends the pause",
    "copied": "the database is a copy, or was moved; “flask --app wsgi resume” ends the pause",
    "asked": "someone paused it; “flask --app wsgi resume” ends the pause",
    "unknown": "the database does not say",
}


def work(_settings: Settings) -> str:
    """Nothing waits longer than it should."""
    waits = backlog.backlog(db.engine)
    summary = (
        f"the oldest execution that may begin has waited for {waits.pending_age:.0f} s, "
        f"{waits.overdue_timers} timers are overdue, {waits.uncertain} uncertain steps wait for a person"
    )
    if waits.overdue_age > TOO_LONG:
        raise WrongError(f"{summary}, the latest timer by {waits.overdue_age:.0f} s: look at the scheduler's log")
    if waits.pending_age > TOO_LONG:
        raise WrongError(f"{summary}: start more workers, or look at their log")
    return summary
