"""R: how fast the lists, searches and pages of a large CRM come."""

from __future__ import annotations

import time
from typing import Any
from urllib.parse import quote

from sqlalchemy import Engine

from bench import people
from bench.history import _milliseconds
from bench.stacks import Product
from bench.stats import Row, Target, percentile
from flowapp.models.sqlite import refresh_statistics

API = "/api/v1"
LIMIT = Target("≤", 150)
_FILTER = quote('{"all":[{"field":"score","operator":">","value":50}]}')
_OWN = quote('{"all":[{"field":"plan","operator":"==","value":"pro"}]}')
_SORTS = {
    "contacts": ("created_at", "last_activity_at", "number", "name", "email", "score"),
    "companies": ("created_at", "name", "domain", "montant_potentiel"),
    "deals/list": ("created_at", "title", "value", "expected_close", "stage_entered_at"),
}


def measure(product: Product, sizes: people.Sizes, calls: int) -> tuple[list[Row], dict[str, Any]]:
    """Writes the CRM, and asks for its pages and lists, one at a time, each kind `calls` times."""
    began = time.monotonic()
    some = people.write(product.engine, sizes)
    refresh(product.engine)
    written = time.monotonic() - began
    rows = []
    for name, paths in _asked(some).items():
        times = [_milliseconds(product, paths[n % len(paths)]) for n in range(calls)]
        rows += [
            Row(f"CRM, {name}, p50, ms", percentile(times, 50)),
            Row(f"CRM, {name}, p95, ms", percentile(times, 95), target=LIMIT),
        ]
    return rows, {"written_in_seconds": round(written, 1), "contacts": sizes.contacts}


def refresh(engine: Engine) -> None:
    """Has the database count its rows, as it does by itself sooner or later."""
    refresh_statistics(engine)
    if engine.dialect.name == "postgresql":
        with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            connection.exec_driver_sql("VACUUM ANALYZE")


def _asked(some: people.Some) -> dict[str, list[str]]:
    """By name, the addresses that are asked for in turn."""
    asked = {
        f"{noun.partition('/')[0]} by {sort}": [f"/{noun}?sort={sort}", f"/{noun}?sort=-{sort}"]
        for noun, sorts in _SORTS.items()
        for sort in sorts
    }
    found = {
        "full name": [f"{first} {last}" for first, last in some.names],
        "begun name": [last[:3] for _first, last in some.names],
        "two letters": [last[:2] for _first, last in some.names],
        "e-mail": some.emails,
        "phone": [phone.replace("+33", "0") for phone in some.phones],
        "company": some.companies,
        "nothing": ["xyzzy"],
    }
    asked |= {f"search, {name}": [f"/contacts?q={quote(text)}" for text in texts] for name, texts in found.items()}
    asked |= {
        f"search by API, {name}": [f"{API}/contacts/?search={quote(text)}" for text in found[name]]
        for name in ("full name", "e-mail")
    }
    asked |= {f"everything, {name}": [f"/search?q={quote(text)}" for text in texts] for name, texts in found.items()}
    return asked | {
        "contacts, second page": ["/contacts?cursor=2", "/contacts?sort=name&cursor=2"],
        "contacts, last page": [f"/contacts?cursor={some.last_page}", f"/contacts?sort=name&cursor={some.last_page}"],
        "contacts with a tag": ["/contacts?tag=Newsletter", "/contacts?tag=Newsletter&sort=name"],
        "contacts of mine": ["/contacts?owner=me"],
        "contacts by a condition": [f"/contacts?filter={_FILTER}"],
        "contacts by an own field": [f"/contacts?filter={_OWN}"],
        "board": ["/deals"],
        "tasks": ["/tasks"],
        "contact, page": [f"/contacts/{one}" for one in some.ids],
        "contacts, API": [f"{API}/contacts/", f"{API}/contacts/?sort=-score"],
        "deals, API": [f"{API}/deals/"],
    }
