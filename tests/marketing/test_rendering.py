"""A template with values in it, wherever they come from."""

from __future__ import annotations

import time

import pytest

from flowapp.catalog import load
from flowapp.engine.language.scope import Scope
from flowapp.errors import ExpressionError
from flowapp.marketing.plain_text import text_of
from flowapp.marketing.rendering import example, fill
from flowapp.models import EmailTemplate


def template(**parts: str) -> EmailTemplate:
    return EmailTemplate(**{"name": "Welcome", "subject": "Hi", "html": "", "text": "", **parts})


def scope(language: int = 3) -> Scope:
    return Scope(input={"n": 3}, context={"contact": {"first_name": "Ada <b>", "company": None}}, language=language)


@pytest.mark.parametrize("language", [1, 2, 3])
def test_values_are_escaped_in_html_alone_whichever_language_the_workflow_is_in(language: int) -> None:
    written = template(
        subject="Hi {{ contact.first_name }}\n", text="{{ contact.first_name }}", html="<p>{{ contact.first_name }} {{ '<i>' | safe }}</p>"
    )  # fmt: skip
    assert fill(written, scope(language)) == ("Hi Ada <b>", "Ada <b>", "<p>Ada &lt;b&gt; <i></p>")


def test_data_goes_before_the_context_and_is_there_as_a_whole() -> None:
    written = template(text="{{ n }} {{ order.id }} {{ data.order.id }}")
    assert fill(written, scope(), {"n": 4, "order": {"id": 7}}).text == "4 7 7"
    assert fill(template(text="{{ data }} {{ n }}"), scope(), "whole").text == "whole 3"


def test_what_is_missing_is_named_with_the_template() -> None:
    with pytest.raises(
        ExpressionError, match=r"“Welcome” cannot be filled in: contact\.frist_name .*contact\.first_name"
    ):
        fill(template(text="{{ contact.frist_name }}"), scope())


def test_a_sample_is_there_for_everything() -> None:
    load()
    written = template(
        text="{{ contact.first_name }} {{ order_id }} {{ order.lines.total }} {{ organisation.nom }} {{ steps.a.id }}"
    )
    assert example(written).text == "Ada [order_id] [order.lines.total] Analytical Engines [steps.a.id]"
    assert example(written, {"order_id": 8}).text.startswith("Ada 8 [order")


@pytest.mark.parametrize(
    ("html", "text"),
    [
        ("<style>p{}</style><h1>Hello</h1><p>one<br>two &amp; three</p><script>x</script>", "Hello\n\none\ntwo & three"),
        ('<p>See <a href="https://x.example/a">our page</a>.</p>', "See our page (https://x.example/a)."),
        ('<a href="mailto:a@b.example">a@b.example</a>', "a@b.example"),
        ("<ul><li>a</li><li>b</li></ul>", "- a\n- b"),
        ("1 < 2 &lt;b&gt; <!-- no --><title>no</title>", "1 < 2 <b>"),
        ("<p>unclosed <a href='x'>", "unclosed"),
    ],
)  # fmt: skip
def test_text_is_made_from_html(html: str, text: str) -> None:
    assert text_of(html) == text


@pytest.mark.parametrize("piece", ["<!", "<ul><li>", "<a href=x>", "</a>", "<", "&", "<script>", "<a href='", "<!--"])
def test_text_is_made_in_a_time_that_grows_with_the_length_alone(piece: str) -> None:
    began = time.process_time()
    text_of(piece * (300_000 // len(piece)))
    assert time.process_time() - began < 2
