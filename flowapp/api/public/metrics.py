"""Prometheus metrics: what is stored and queued in the whole installation, and what this web process served."""

from __future__ import annotations

import math
from collections.abc import Iterator
from itertools import product

import redis
from flask import Blueprint, Response, g, request
from prometheus_client import CollectorRegistry, Counter, generate_latest
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.exposition import CONTENT_TYPE_LATEST
from prometheus_client.registry import Collector
from sqlalchemy import func, select

from flowapp import tasks
from flowapp.api.routes import route
from flowapp.broker import queue_length
from flowapp.catalog import N_
from flowapp.errors import ForbiddenError
from flowapp.extensions import db, limiter
from flowapp.models import EXECUTION_STATUSES, PROCESS_KINDS, Execution, utcnow
from flowapp.models.tenancy import system_session
from flowapp.tasks import backlog, jobs
from flowapp.tasks.fleet import health
from flowapp.web.access import identify, public
from flowapp.web.fast_path import fast
from flowapp.web.hosts import is_known_host

bp = Blueprint("metrics", __name__)
_LOOPBACK = ("127.0.0.1", "::1")

registry = CollectorRegistry()
REQUESTS = Counter(
    "flowapp_http_requests", "Requests this web process answered.", ("method", "endpoint", "status"), registry=registry
)


class Stored(Collector):
    """Asks the database and the broker at each scrape."""

    def collect(self) -> Iterator[Metric]:
        """Executions by status, background jobs, processes, what waits, and the queue's length, which is left out while
        the broker is down."""
        executions = GaugeMetricFamily("flowapp_executions", "Stored executions by status.", labels=["status"])
        with system_session(tasks.runtime().engine) as system:
            grouped = select(Execution.status, func.count(Execution.id).label("stored")).group_by(Execution.status)
            counts = {row.status: row.stored for row in system.execute(grouped)}
        for status in EXECUTION_STATUSES:
            executions.add_metric([status], counts.get(status, 0))
        yield executions
        yield from _jobs()
        yield from _processes()
        yield from _backlog()
        try:
            length = queue_length(tasks.runtime().broker)
        except redis.RedisError:
            return
        yield GaugeMetricFamily("flowapp_queue_length", "Messages that wait for a worker.", value=length)


def _jobs() -> Iterator[Metric]:
    """The last run of each background job."""
    metrics = [
        GaugeMetricFamily(f"flowapp_job_{name}", words, labels=["job"])
        for name, words in (
            ("last_run_timestamp_seconds", "When the last run of a background job began."),
            ("duration_seconds", "How long its last run took."),
            ("ok", "1 where its last run went well."),
            ("success_age_seconds", "Seconds since it last ended well; +Inf where it never did."),
        )
    ]
    now = utcnow()
    for name, run in jobs.last_runs().items():
        age = (now - run.succeeded_at).total_seconds() if run.succeeded_at else math.inf
        values = (run.started_at.timestamp(), run.duration_ms / 1000, run.ok, age)
        for metric, value in zip(metrics, values, strict=True):
            metric.add_metric([name], float(value))
    yield from metrics


def _processes() -> Iterator[Metric]:
    """The processes of all hosts by their state, and how their hosts' clocks differ from the database's."""
    current = tasks.runtime()
    processes = health.processes(current.engine, current.settings)
    counts = health.counts(processes)
    words = "Processes: working, stuck (no progress), or silent (killed or frozen within the last hour)."
    metric = GaugeMetricFamily("flowapp_processes", words, labels=["kind", "state"])
    for kind, state in product(PROCESS_KINDS, health.STATES):
        metric.add_metric([kind, state], counts[kind, state])
    yield metric
    clocks = GaugeMetricFamily(
        "flowapp_clock_ahead_seconds", "A host's clock, ahead of the database's.", labels=["host"]
    )
    for host, ahead in health.clocks(processes).items():
        clocks.add_metric([host], ahead)
    yield clocks


def _backlog() -> Iterator[Metric]:
    """What waits for a worker, for the scheduler, for a person."""
    waits = backlog.backlog(tasks.runtime().engine)
    for name, words, value in (
        (
            "pending_age_seconds",
            "How long the execution has waited that has waited longest to begin.",
            waits.pending_age,
        ),
        ("overdue_timers", "Timers that should have woken their execution.", waits.overdue_timers),
        ("overdue_timer_age_seconds", "How late the latest of them is.", waits.overdue_age),
        ("uncertain_steps", "Steps that wait for a person to say whether they took effect.", waits.uncertain),
    ):
        yield GaugeMetricFamily(f"flowapp_{name}", words, value=value)


@bp.after_app_request
@fast
def count(response: Response) -> Response:
    """Counts every answered request, by its endpoint: paths would be without end."""
    REQUESTS.labels(request.method, request.endpoint or "none", response.status_code).inc()
    return response


@route(bp, "/metrics", "GET", tag=N_("Health"), summary=N_("Metrics for Prometheus"), root=True, media=("text/plain",))
@limiter.exempt
@public("a scraper on this machine needs no token; anybody else needs a superuser's")
def metrics() -> Response:
    """Prometheus text. From this machine, under a known name, without a token; else with a superuser's token."""
    through_proxy = any(name in request.headers for name in ("X-Forwarded-For", "Forwarded"))
    from_here = request.remote_addr in _LOOPBACK and not through_proxy and is_known_host()
    if not from_here and not _superuser():
        raise ForbiddenError(
            "Metrics of the whole installation need a superuser's token, or a request from this machine."
        )
    db.session.remove()
    return Response(generate_latest(_collected), content_type=CONTENT_TYPE_LATEST)


def _superuser() -> bool:
    identify()
    return bool(g.actor.user.is_superuser)


class _Collected(Collector):
    """The process's counters together with what is asked at each scrape."""

    def collect(self) -> Iterator[Metric]:
        yield from registry.collect()
        yield from Stored().collect()


_collected = _Collected()
