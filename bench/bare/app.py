"""A Flask route that inserts one row, commits once, and rings Dramatiq."""

from __future__ import annotations

from typing import Any

import dramatiq
from dramatiq.brokers.redis import RedisBroker
from flask import Flask, request
from sqlalchemy import insert

from bench.bare.store import QUEUE, metadata, open_engine, runs
from flowapp.config import Settings
from flowapp.models import new_id

settings = Settings.from_env()
engine = open_engine(settings)
metadata.create_all(engine)
broker = RedisBroker(url=settings.redis_url, middleware=[])
dramatiq.set_broker(broker)
broker.declare_queue(QUEUE)
app = Flask(__name__)
app.extensions["settings"] = settings  # what gunicorn.conf.py's workers ask an application for
app.config["MAX_CONTENT_LENGTH"] = settings.max_body + 65_536


@app.get("/healthz")
def healthz() -> dict[str, str]:
    return {"status": "ok"}


@app.post("/hook")
def hook() -> tuple[dict[str, Any], int]:
    n = request.get_json()["n"]
    row_id = new_id()
    with engine.begin() as connection:
        connection.execute(insert(runs).values(id=row_id, status="pending", body=request.get_data(as_text=True)))
    broker.enqueue(dramatiq.Message(queue_name=QUEUE, actor_name="run", args=(row_id, n), kwargs={}, options={}))
    return {"execution_id": row_id}, 202
