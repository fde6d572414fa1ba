"""Values in addresses and in HTML stay inside their place."""

from __future__ import annotations

import pytest

from flowapp.catalog import get_action, load
from flowapp.engine.language.insertion import check, compile_params
from flowapp.engine.language.scope import Scope
from flowapp.errors import ExpressionError

INPUT = {
    "name": "victim@example.net, Ann", "family": "Müller, Jürgen", "quoted": 'Ann "The Boss" <x@y.z>', "user": "ann",
    "email": "ann@example.com", "two": "ann@example.com, victim@example.net", "spaced": "ann@example.com victim@example.net",
    "utf8": "é@example.com,victim@example.net", "named": "Ann Lee <ann@example.com>", "none": None, "empty": "",
    "people": ["ann@example.com", "Bob <bob@example.com>"], "line": "ann@example.com\nBcc: x@y.z", "count": 3,
    "html": "<b>1 & 2</b>",
}  # fmt: skip
load()
MODEL = get_action("send_email").params


def evaluated(**params):
    return compile_params(MODEL, params).evaluate(Scope(input=INPUT))


@pytest.mark.parametrize(
    ("written", "addresses"),
    [
        ("{{ input.name }} <{{ input.email }}>", ['"victim@example.net, Ann" <ann@example.com>']),
        ('"{{ input.name }}" <{{ input.email }}>', ['"victim@example.net, Ann" <ann@example.com>']),
        ("{{ input.quoted }} <{{ input.email }}>", ['"Ann \\"The Boss\\" <x@y.z>" <ann@example.com>']),
        ("{{ input.family }} <{{ input.email }}>, bob@example.com", ['"Müller, Jürgen" <ann@example.com>', "bob@example.com"]),
        ("Dr. {{ input.user }} <{{ input.user }}@example.com>", ['"Dr. ann" <ann@example.com>']),
        ("Müller, {{ input.user }} <{{ input.email }}>", ['"Müller, ann" <ann@example.com>']),
        ("{{ input.user }}@example.com; {{ input.email }}", ["ann@example.com", "ann@example.com"]),
        ("{{ input.email }} ({{ input.name }})", ['"victim@example.net, Ann" <ann@example.com>']),
        ("{{ input.email }} {{ input.email }}", ["ann@example.com"] * 2),
        ("{{ input.named }}", ['"Ann Lee" <ann@example.com>']),
        ("<{{ input.email }}>", ["ann@example.com"]),
        ("{{ input.people }}", ["ann@example.com", '"Bob" <bob@example.com>']),
        ("{{ input.two | split(', ') }}", ["ann@example.com", "victim@example.net"]),
        ("{{ input.none }}, {{ input.empty }}, {{ input.email }}", ["ann@example.com"]),
        (["{{ input.people }}", "carl@example.com", "{{ input.none }}"], ["ann@example.com", '"Bob" <bob@example.com>', "carl@example.com"]),
        ("ann@example.com", "ann@example.com"),
        (["ann@example.com"], ["ann@example.com"]),
    ],
)  # fmt: skip
def test_a_value_adds_no_recipient(written, addresses) -> None:
    assert check(MODEL, "to", written, "to") == []
    assert evaluated(to=written) == {"to": addresses}


@pytest.mark.parametrize(
    ("written", "told"),
    [
        ("{{ input.two }}", "more than one address"),
        ("{{ input.spaced }}", "more than one address"),
        ("bob@example.com, {{ input.two }}", "more than one address"),
        (["{{ input.two }}"], "more than one address"),
        ("Ann <{{ input.two }}>", "is not an e-mail address"),
        ("Ann <{{ input.spaced }}>", "is not an e-mail address"),
        ("Ann <{{ input.utf8 }}>", "is not an e-mail address"),
        ("Ann <{{ input.named }}>", "is not an e-mail address"),
        ("Ann <{{ input.none }}>", "is not an e-mail address"),
        ("{{ input.user }}", "is not an e-mail address"),
        ("{{ input.email }}@example.com", "is not an e-mail address"),
        ("x{{ input.two }}", "is not an e-mail address"),
        ("{{ input.line }}", "single line"),
        ("Ann {{ input.line }} <ann@example.com>", "single line"),
        ("{{ input.count }}", "must be text, not a number"),
    ],
)
def test_what_is_no_address_is_refused_when_the_step_runs(written, told) -> None:
    assert check(MODEL, "to", written, "to") == []
    with pytest.raises(ExpressionError, match=told):
        evaluated(to=written)


@pytest.mark.parametrize(
    ("written", "told"),
    [
        ("{{ input.email }}, nobody", "“nobody” is not"),
        ("Ann <{{ input.email }}", "is not an e-mail address"),
        ("{{ input.email }}, ann@@example.com", "is not an e-mail address"),
        ("{{ input.email }},\nann@example.com", "single line"),
    ],
)
def test_addresses_around_values_are_checked_before(written, told) -> None:
    (problem,) = check(MODEL, "to", written, "steps.0.params.to")
    assert told in problem.message and problem.path == "steps.0.params.to"
    with pytest.raises(ExpressionError, match=f"to: .*{told}"):
        evaluated(to=written)


@pytest.mark.parametrize(
    ("written", "html"),
    [
        ("<p>{{ input.html }}</p>", "<p>&lt;b&gt;1 &amp; 2&lt;/b&gt;</p>"),
        ('<a title="{{ input.quoted }}">', '<a title="Ann &quot;The Boss&quot; &lt;x@y.z&gt;">'),
        ("{{ input.html }}", "&lt;b&gt;1 &amp; 2&lt;/b&gt;"),
        ("{{ input.html | safe }}", "<b>1 & 2</b>"),
        (
            "<p>{{ input.html | upper | safe }}{{ input.html|safe|upper }}</p>",
            "<p><B>1 & 2</B>&lt;B&gt;1 &amp; 2&lt;/B&gt;</p>",
        ),
        ("{{ input.none }}{{ input.count }}", "3"),
        ("<p>1 & 2</p>", "<p>1 & 2</p>"),
    ],
)
def test_html_is_escaped_unless_marked_safe(written, html) -> None:
    assert evaluated(html=written, message="{{ input.html }}") == {"html": html, "message": "<b>1 & 2</b>"}


@pytest.mark.parametrize("language", [1, 2])
def test_definitions_of_before_keep_their_meaning(language) -> None:
    scope = Scope(input=INPUT, language=language)
    written = {"to": "{{ input.two }}", "cc": ["{{ input.two }}"], "html": "<p>{{ input.html }}</p>"}
    both = ["ann@example.com", "victim@example.net"]
    assert compile_params(MODEL, written).evaluate(scope) == {"to": both, "cc": both, "html": "<p><b>1 & 2</b></p>"}
    named = {"to": "{{ input.name }} <{{ input.email }}>"}
    assert compile_params(MODEL, named).evaluate(scope) == {"to": ['"victim@example.net, Ann" <ann@example.com>']}
    with pytest.raises(ExpressionError, match="is not an e-mail address"):
        compile_params(MODEL, {"to": "{{ input.user }}"}).evaluate(scope)
