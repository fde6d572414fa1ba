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


@pytest.mark.parametrize(
    ("source", "value"),
    [
        ("{'a': 1, 'b': 2}.keys()", ["a", "b"]),
        ("result = {'a': 1}.values()", [1]),
        ("return {'é': 1}.items()", [["é", 1]]),
        ("range(3)", [0, 1, 2]),
        ("iter([1, 2])", [1, 2]),
        ("(n * 2 for n in range(2))", [0, 2]),
        ("map(str, [1])", ["1"]),
        ("sorted({'b', 'a'})", ["a", "b"]),
        (
            "result = {'rows': [{'ids': range(2)}], 'pair': (1, range(1))}",
            {"rows": [{"ids": [0, 1]}], "pair": [1, [0]]},
        ),
        ("list = type = repr = None\nrange(2)", [0, 1]),
        ("def f():\n    return range(2)\nf()", [0, 1]),
        ("x = 'é'; (x +\n  'ü')  # a comment", "éü"),
        ("if True:\r\n    return 1, 2", [1, 2]),
        ("'range(0, 3)'", "range(0, 3)"),
        ("(y := 5)", 5),
    ],
)
def test_what_is_a_list_becomes_one(code, source, value) -> None:
    assert code(source).result == value


@pytest.mark.parametrize(
    ("source", "words"),
    [
        ("lambda: 1", "result has the type function"),
        ("def f():\n    return 1\nresult = {'f': f}", "result['f'] has the type function"),
        ("import re\nre.match('a', 'a')", "result has the type Match"),
        ("import re\nreturn [re.compile('a')]", "result[0] has the type Pattern"),
        ("slice(1)", "result has the type slice"),
        ("import re\nre", "result has the type module"),
        ("def f():\n    return 1\n{f: 1}", "result has a key of the type function"),
        ("{1, 2}", "result has the type set"),
    ],
)
def test_what_python_can_only_describe_is_refused(code, source, words) -> None:
    with pytest.raises(StepError) as caught:
        code(source)
    assert words in caught.value.message


def test_a_failure_in_the_last_line_names_its_line(code) -> None:
    with pytest.raises(StepError, match="line 2: ZeroDivisionError"):
        code("x = 0\n1 / x")


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
