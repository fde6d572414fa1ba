"""Data that grows, and operations that go on and on: a step ends within its time, and holds little."""

from __future__ import annotations

import threading

import pytest

from flowapp.actions.data import custom_code
from flowapp.errors import StepError
from flowapp.security import helpers
from tests.support.cost import at_most, promptly

MANY = {f"f{at}": at for at in range(3_000)}
GROWING = {
    "lists of the same list": ([1], [{"op": "map", "value": "{{ [item, item] }}"}] * 90),
    "a field of itself twice": (
        {"a": 1},
        [{"op": "set", "values": {"a": {"x": "{{ item.a }}", "y": "{{ item.a }}"}}}] * 90,
    ),
    "a record for each item": ({**MANY, "l": list(range(3_000))}, [{"op": "split_out", "field": "l"}]),
    "what was looked up": ([{"k": 1}] * 3_000, [{"op": "merge", "field": "k", "value": [{"k": 1, **MANY}]}]),
    "fields one by one": ([MANY] * 300, [{"op": "set", "values": {f"g{at}": 1 for at in range(300)}}] * 3),
    "JSON of nothing": ("[" + "{}," * 2_000_000 + "{}]", [{"op": "json", "way": "parse"}]),
    "JSON of brackets": ("[" * 2_000_000, [{"op": "json", "way": "parse"}]),
    "CSV of commas": ("," * 5_000_000, [{"op": "csv", "way": "parse"}]),
    "a text of commas": (",a" * 2_000_000, [{"op": "split"}]),
    "a pattern": (["a" * 20_000] * 100, [{"op": "text", "text": "extract", "find": "(a|b)*c"}]),
    "a large text for each item": (
        ["x" * 400_000] * 1_000,
        [{"op": "map", "value": "{{ index }}{{ item }}{{ item }}"}],
    ),
    "groups that all of the stack remembers": (
        "a" * 20_000,
        [{"op": "text", "text": "extract", "find": f"(?:{'()?' * 155}a)*b"}],
    ),
    "sorting again": (list(range(300_000)), [{"op": "sort"}, {"op": "sort", "descending": True}] * 50),
}


@pytest.mark.parametrize("name", GROWING)
def test_what_grows_is_refused_before_it_is_large(run, refused, name) -> None:
    data, operations = GROWING[name]
    with at_most(seconds=60, memory=250):  # about 4 at worst, most of them 0.05
        error = refused("transform_data", data, operations=operations)
    assert error.permanent
    assert "processes too much data" in error.message or "too large" in error.message


def test_what_people_do_is_not_refused(run) -> None:
    rows = [{"id": at, "name": f"n{at}", "email": f"n{at}@example.com", "total": at * 1.5} for at in range(10_000)]
    operations = [
        {"op": "filter", "conditions": {"all": [{"field": "item.id", "operator": ">", "value": 10}]}},
        {"op": "set", "values": {"label": "{{ item.name }}"}}, {"op": "rename", "field": "total", "to": "sum"},
        {"op": "sort", "field": "sum", "descending": True}, {"op": "dedupe", "field": "email"},
        {"op": "pick", "fields": ["id", "label", "sum"]},
    ]  # fmt: skip
    assert len(run("transform_data", rows, operations=operations).result) == 9_989


def test_a_step_ends_at_its_time(refused) -> None:
    slow = [{"op": "map", "value": "{{ item }}"}] * 50
    with at_most(seconds=10, memory=100), helpers.within(0.2):  # 0.2; 40,000 evaluations take longer
        error = refused("transform_data", list(range(40_000)), operations=slow)
    assert "longer than the step's" in error.message


def test_another_thread_ends_a_step(run) -> None:
    told = []
    begun = threading.Event()

    def work() -> None:
        with helpers.within(60):
            begun.set()
            try:
                run("transform_data", list(range(40_000)), operations=[{"op": "map", "value": "{{ item }}"}] * 50)
            except StepError as error:
                told.append(error.message)

    thread = threading.Thread(target=work)
    thread.start()
    begun.wait()
    with promptly():
        assert helpers.stop_thread(thread.ident)
        thread.join()
    assert "The step was stopped" in told[0]


@pytest.mark.parametrize(
    "code",
    ["(" * 49_999, "1 + " * 12_000 + "1", "-" * 49_999 + "1", "[x for x in " * 4_000, "lambda: " * 6_000 + "1",
     "{1: " * 12_000, "not " * 12_000 + "1", "f(" * 24_000, "a[" * 20_000, "if 1:\n x\n" + "elif 1:\n x\n" * 4_000],
    ids=lambda code: code[:12],
)  # fmt: skip
def test_code_that_is_long_and_makes_no_sense(code) -> None:
    with at_most(seconds=60, memory=60):  # about 0.1
        assert custom_code._fault(code).startswith("The code cannot be read")
