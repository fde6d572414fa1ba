"""An actor that posts to the sink through pooled connections, and updates the row in one commit."""

from __future__ import annotations

import os
import signal
import threading
from datetime import UTC, datetime

import dramatiq
import orjson
import urllib3
from dramatiq.brokers.redis import RedisBroker
from sqlalchemy import update

from bench.bare.store import QUEUE, open_engine, runs
from flowapp.config import Settings
from flowapp.launcher.lifeline import die_with_parent


def work(settings: Settings) -> None:
    """One worker process: runs until SIGTERM."""
    die_with_parent()
    stop = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: stop.set())
    engine = open_engine(settings)
    broker = RedisBroker(url=settings.redis_url, middleware=[])
    dramatiq.set_broker(broker)
    pool = urllib3.PoolManager(maxsize=32)
    sink = os.environ["BENCH_SINK"]

    @dramatiq.actor(actor_name="run", queue_name=QUEUE)
    def run(row_id: str, n: int) -> None:
        body = orjson.dumps({"n": n, "text": f"Order {100_000 + n} of ada@example.com"})
        answer = pool.request("POST", sink, body=body, headers={"Content-Type": "application/json"})
        done = {"status": "completed", "answer": answer.data.decode(), "completed_at": datetime.now(UTC)}
        with engine.begin() as connection:
            connection.execute(update(runs).where(runs.c.id == row_id).values(done))

    worker = dramatiq.Worker(broker, worker_threads=settings.threads, worker_timeout=5000)
    worker.start()
    stop.wait()
    worker.stop(timeout=2000)


def main() -> None:
    """Forks as many processes as the product's worker does, and ends with them."""
    settings = Settings.from_env()
    children = []
    for _ in range(settings.workers):
        child = os.fork()
        if child == 0:
            work(settings)
            os._exit(0)
        children.append(child)
    signal.signal(signal.SIGTERM, lambda *_: [os.kill(child, signal.SIGTERM) for child in children])
    for child in children:
        os.waitpid(child, 0)


if __name__ == "__main__":
    main()
