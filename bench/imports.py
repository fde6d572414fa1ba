"""I: how long a file of many contacts takes to be imported, from its upload to the last row written."""

from __future__ import annotations

import csv
import io
import random
import time
import urllib.request
from typing import Any

from urllib3 import encode_multipart_formdata

from bench import people
from bench.burst import ended, until
from bench.crm import API
from bench.stacks import BenchError, Product, answer_of
from bench.stats import Row, Target

ROWS, QUICK = 50_000, 2000  # 50,000 is the most that one file may have
COMPANIES = 300
_COLUMNS = ("First name", "Last name", "E-mail", "Phone", "Company", "Score", "Tags")


def measure(product: Product, rows: int) -> tuple[list[Row], dict[str, Any]]:
    """Imports a file of new contacts, with their companies and tags, and the same file again, which changes nothing."""
    content = _csv(rows)
    first, second = _import(product, content), _import(product, content)
    if (first["changed"], second["changed"]) != (rows, 0):
        raise BenchError(f"{first['changed']} of {rows} were imported, and {second['changed']} the second time.")
    return [
        Row(f"import, {rows} new contacts, s", first["seconds"], target=Target("≤", 120)),
        Row(f"import, the same {rows} again, s", second["seconds"]),
    ], {"rows": rows, "bytes": len(content)}


def _csv(rows: int) -> bytes:
    file, chosen = io.StringIO(), random.Random(11)
    writer = csv.writer(file)
    writer.writerow(_COLUMNS)
    for n in range(rows):
        first, last = chosen.choice(people.FIRST), chosen.choice(people.LAST)
        email = f"import{n}@{chosen.choice(people.MAILS)}"
        company = f"{chosen.choice(people.LAST)} {n % COMPANIES}"
        writer.writerow((first, last, email, f"+336{n:08}", company, n % 100, "Imported, Newsletter"))
    return file.getvalue().encode()


def _import(product: Product, content: bytes) -> dict[str, Any]:
    began = time.monotonic()
    fields = {"object": "contact", "create_companies": "true", "file": ("people.csv", content, "text/csv")}
    body, kind = encode_multipart_formdata(fields)
    request = urllib.request.Request(
        f"{product.group.url}{API}/imports/", data=body, headers={**product.signed_in, "Content-Type": kind}
    )
    started = answer_of(request)
    path = f"{product.group.url}{API}/jobs/{started['job']}/"
    done = until(lambda: ended(answer_of(urllib.request.Request(path, headers=product.signed_in))))
    if done["status"] != "completed":
        raise BenchError(f"The import ended as {done['status']}: {done['error']}")
    return {"seconds": time.monotonic() - began, "changed": done["changed"]}
