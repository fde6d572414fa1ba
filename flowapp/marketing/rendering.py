"""A template with values in it: the one way for steps, previews and tests."""

from __future__ import annotations

from collections.abc import Mapping

from flowapp.catalog import FilledTemplate
from flowapp.catalog.entities import ENTITIES
from flowapp.engine.language.expression import compile_value
from flowapp.engine.language.insertion import compile_html
from flowapp.engine.language.scope import LANGUAGE, Scope
from flowapp.engine.language.values import to_text
from flowapp.errors import ExpressionError
from flowapp.marketing.plain_text import text_of
from flowapp.models import EmailTemplate
from flowapp.texts import say


def fill(template: EmailTemplate, scope: Scope, data: object = None) -> FilledTemplate:
    """Subject, text and HTML; what `data` names goes before what `scope` has.

    Values are escaped in HTML. ExpressionError names the template and what is missing.
    """
    known = scope.extended({**(data if isinstance(data, Mapping) else {}), **({} if data is None else {"data": data})})
    known.language = LANGUAGE  # templates are written in the present one, whichever the workflow is in
    try:
        html = to_text(compile_html(template.html).evaluate(known))
        text = to_text(compile_value(template.text).evaluate(known))
        subject = to_text(compile_value(template.subject).evaluate(known))
    except ExpressionError as error:
        message = say(
            "The e-mail template “%(name)s” cannot be filled in: %(reason)s", name=template.name, reason=error.message
        )
        raise ExpressionError(message) from None
    return FilledTemplate(" ".join(subject.split()), text or text_of(html), html)


def example(template: EmailTemplate, data: object = None, notation: str = "") -> FilledTemplate:
    """The template with sample values: those of records, and in place of what only a workflow knows its name."""
    given: dict[str, object] = {**(data if isinstance(data, Mapping) else {})}
    samples: dict[str, object] = {}
    for one in ENTITIES.values():
        samples.update(one.names(dict(one.sample)))
    wanted = [path for part in _parts(template) for path in compile_value(part).references]
    for path in wanted:
        if path[0] not in given:
            _complete(samples, path)
    scope = Scope(input=samples, extra=samples, now="2026-01-05T09:00:00+00:00", notation=lambda: notation)
    return fill(template, scope, data)


def _parts(template: EmailTemplate) -> tuple[str, str, str]:
    return template.subject, template.html, template.text


def _complete(samples: dict[str, object], path: tuple[str, ...]) -> None:
    """Puts `[name]` where the path leads and there is nothing."""
    if path[0] in ("now", "timestamp"):
        return
    at = samples
    for key in path[:-1]:
        inner = at.get(key)
        if inner is None:
            inner = at[key] = {}
        if not isinstance(inner, dict):
            return
        at = inner
    at.setdefault(path[-1], f"[{'.'.join(path)}]")
