"""P: how fast the pages of a workflow's history come when it has a million executions."""

from __future__ import annotations

import json
import time
import urllib.request
from typing import Any

from sqlalchemy import delete, func, select, update

from bench.bulk import EXECUTIONS, LINES, RUNS, Copies, analyze
from bench.measure import Sink, send
from bench.stacks import BenchError, Product
from bench.stats import Row, Target, p50_p99, percentile
from flowapp.executions import search
from flowapp.models import ExecutionWord, InstallationSetting, utcnow
from flowapp.models.tenancy import SYSTEM, system_session, use_tenant

API = "/api/v1/automation/executions/"
WITH_STEPS = 50  # one execution in so many has its steps and its log: the others are there to be counted and paged


def measure(product: Product, sink: Sink, count: int, calls: int) -> tuple[list[Row], dict[str, Any]]:
    """Copies an execution of W3 `count` times over 30 days, and asks for lists and details, one at a time."""
    began = time.monotonic()
    already = product.completed()
    (template,) = send(product, sink, 1, path=product.hooks["W3"]).ids
    product.wait_completed(already + 1)
    copies = _insert(product, template, count)
    inserted = time.monotonic() - began
    workflow = json.loads(_get(product, f"{API}{template}/"))["workflow"]
    listed = f"{API}?workflow={workflow}"
    further = json.loads(_get(product, listed))["next"]
    ids = [copies.id(n) for n in range(WITH_STEPS, count + 1, WITH_STEPS)]
    some = ids[:: max(1, len(ids) // calls)][:calls]
    asked = {
        "list, page": [f"/executions?workflow={workflow}"] * calls,
        "list of failed ones, page": [f"/executions?workflow={workflow}&status=failed"] * calls,
        "workflow, page": [f"/workflows/{workflow}"] * calls,
        "list, API": [listed, further] * (calls // 2),
        "detail, page": [f"/executions/{id_}" for id_ in some],
        "detail, API": [f"{API}{id_}/" for id_ in some],
    }
    rows, indexed = [], _index(product)
    for name, paths in _searches(count, calls).items():
        times = [_milliseconds(product, path) for path in paths]
        rows += [
            Row(f"search, {name}, p50, ms", percentile(times, 50)),
            Row(f"search, {name}, p95, ms", percentile(times, 95), target=Target("≤", 150)),
        ]
    for name, paths in asked.items():
        p50, p99 = p50_p99([_milliseconds(product, path) for path in paths])
        rows += [Row(f"history, {name}, p50, ms", p50), Row(f"history, {name}, p99, ms", p99, target=Target("≤", 100))]
    return rows, {"executions": count, "inserted_in_seconds": round(inserted, 1), **indexed}


def _searches(count: int, calls: int) -> dict[str, list[str]]:
    """What people look for: addresses, order numbers and names; `common` is in every second execution."""
    some = [count * at // calls for at in range(1, calls + 1)]
    return {
        "e-mail, page": [f"/executions?q=person{n}@example.com" for n in some],
        "order number, page": [f"/executions?q=A-{n}" for n in some],
        "name, page": [f"/executions?q=Ada+Lee{n % 1000}" for n in some],
        "common, page": ["/executions?q=common"] * calls,
        "nothing, page": [f"/executions?q=nobody{n}" for n in some],
        "e-mail, API": [f"{API}?search=person{n}@example.com" for n in some],
    }


def _index(product: Product) -> dict[str, Any]:
    """Has all copies taken up, as the scheduler does by itself, which had none left to take up before they were made."""
    began, taken_up = time.monotonic(), 0
    with system_session(product.engine) as session:
        session.execute(delete(InstallationSetting).where(InstallationSetting.name.startswith("words_")))
        while some := search.take_up(session, utcnow()):
            taken_up += some
            session.commit()
        session.commit()
        words = session.scalar(select(func.count()).select_from(ExecutionWord))
    analyze(product.engine)
    return {"taken_up": taken_up, "words": words, "taken_up_in_seconds": round(time.monotonic() - began, 1)}


def _input(copies: Copies) -> str:
    """The SQL of an order: each has an address and a number of its own, a thousand share a name."""
    text = '{"name":"Ada Lee%s","email":"person%s@example.com","order_number":"A-%s","plan":"%s"}'
    plan = "CASE WHEN n = n / 2 * 2 THEN 'common' ELSE 'rare' || (n / 1000) END"
    values = f"n - n / 1000 * 1000, n, n, {plan}"
    return f"printf('{text}', {values})" if copies.is_sqlite else f"format('{text}', {values})::json"


def _insert(product: Product, template: str, count: int) -> Copies:
    month = 30 * 86_400_000
    copies = Copies(product.engine, template, count, int(time.time() * 1000) - month, month - 60_000)
    moment = copies.sql_time()
    with product.engine.begin() as connection:  # a body of 1 KB in each would be the disk's time, not the pages'
        use_tenant(connection, SYSTEM)
        connection.execute(update(EXECUTIONS).where(EXECUTIONS.c.id == template).values(input_data={"n": 1}))
    copies.insert(
        EXECUTIONS,
        "id",
        {
            "id": copies.sql_id(),
            "status": "CASE WHEN n = n / 100 * 100 THEN 'failed' ELSE 'completed' END",
            "created_at": moment,
            "started_at": moment,
            "completed_at": moment,
            "input_data": _input(copies),
        },
    )
    for table in (RUNS, LINES):
        copies.insert(table, "execution_id", {"execution_id": copies.sql_id()}, every=WITH_STEPS)
    analyze(product.engine)
    return copies


def _milliseconds(product: Product, path: str) -> float:
    began = time.perf_counter()
    _get(product, path)
    return (time.perf_counter() - began) * 1000


def _get(product: Product, path: str) -> bytes:
    request = urllib.request.Request(product.group.url + path, headers={"Authorization": f"Bearer {product.token}"})
    try:
        with urllib.request.urlopen(request, timeout=60) as response:
            return bytes(response.read())
    except urllib.error.HTTPError as error:
        raise BenchError(f"GET {path} answered {error.code}.") from None
