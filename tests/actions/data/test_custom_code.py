from __future__ import annotations

from dataclasses import MISSING, fields
from types import SimpleNamespace

import pytest

from flowapp.catalog import StepContext, get_action
from flowapp.engine.runtime.program import validate
from flowapp.errors import FlowError, StepError
from flowapp.security.sandbox import ProcessSandbox


@pytest.fixture(scope="module")
def sandbox():
    sandbox = ProcessSandbox()
    yield sandbox
    sandbox.close()


@pytest.fixture
def code(sandbox):
    """Runs the action with a context that has a sandbox, a log and a timeout, and nothing else."""
    spec = get_action("custom_code")

    def attempt(source, lines=None, **inputs):
        unused = {field.name: None for field in fields(StepContext) if field.default is MISSING}
        log = [].append if lines is None else lines.append
        services = SimpleNamespace(sandbox=sandbox)
        context = StepContext(**{**unused, "services": services, "timeout": 30.0, "log": log})
        return spec.run(context, validate(spec, {"code": source, "input": inputs}))

    return attempt


def test_result_is_the_codes(code) -> None:
    lines = []
    source = "print('lines:', len(rows))\nresult = {'total': sum(row['amount'] for row in input['rows'])}"
    outcome = code(source, lines, rows=[{"amount": 10}, {"amount": 2.5}])
    assert outcome.result == {"total": 12.5}
    assert outcome.branch == "next"
    assert lines == ["lines: 2"]


def test_expressions_in_the_code_are_left_alone() -> None:
    assert get_action("custom_code").raw == {"code"}


def test_failure_is_permanent(code) -> None:
    with pytest.raises(StepError, match="line 2: KeyError") as caught:
        code("x = {}\nx[who]", who="Ada")
    assert caught.value.permanent


@pytest.mark.parametrize(
    ("source", "words"),
    [
        ("x = 1\nif x\n    y = 2", "line 2: expected ':'"),
        ("x = 1\n  y = 2", "line 2: unexpected indent"),
        ("print 'hello'", "line 1: Missing parentheses"),
        ("x = (1", "line 1: '(' was never closed"),
        ("x = '\0'", "null"),
        ("-" * 20_000 + "1", "nested too deeply"),
        ("", "Write some code."),
        ("# nothing yet\n", "Write some code."),
        ("x = 1 #" + "x" * 50_000, "50000"),
    ],
)
def test_code_that_does_not_parse_is_refused_when_saved(source, words) -> None:
    with pytest.raises(FlowError) as caught:
        validate(get_action("custom_code"), {"code": source})
    assert words in caught.value.message
    assert "code" in str(caught.value)


@pytest.mark.parametrize("name", ["input", "result"])
def test_names_that_the_code_needs_itself(name) -> None:
    with pytest.raises(FlowError, match=f"a name other than “{name}”"):
        validate(get_action("custom_code"), {"code": "1", "input": {name: 1}})
