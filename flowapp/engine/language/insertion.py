"""Values inside a parameter that is more than text: a value stays inside the place that it is inserted in.

Among addresses the text is read first, with a mark for each expression, and only then are values put in: into a name,
into an address, or in the place of a whole one. So a value, whatever commas or angles it has, adds no recipient. In HTML
a value is escaped, unless its expression ends with `| safe`.

Definitions of the languages 1 and 2 keep what they had: nothing is escaped, and a value alone may hold several addresses.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from html import escape

from flowapp.catalog import Params
from flowapp.catalog.mail_text import AddressError, Mailbox, checked, has_controls, read_mailboxes, split
from flowapp.catalog.params import hints_of
from flowapp.engine.language.expression import (
    Compiled,
    Expression,
    Run,
    compile_object,
    compile_value,
    cut,
    has_expression,
)
from flowapp.engine.language.operators import Frame, text_of
from flowapp.engine.language.scope import Scope
from flowapp.engine.language.values import MISSING, kind, to_text
from flowapp.errors import ExpressionError, Problem
from flowapp.texts import labelled, say

SINCE = 3  # the language in which a value stays inside its place
_MARK = re.compile("\0([0-9]+)\0")


def compile_params(model: type[Params], params: Mapping[str, object]) -> Compiled:
    """A step's params, their expressions compiled, each as its field asks (`ui(inserts=…)`).

    Addresses that cannot be read are an ExpressionError when they are evaluated.
    """
    compiled = {}
    for name, value in params.items():
        try:
            compiled[name] = _compiler(model, name)(value)
        except AddressError as error:
            compiled[name] = Compiled(value, _failing(labelled(name, str(error))))
    return compile_object(compiled, params)


def check(model: type[Params], name: str, value: object, path: str) -> list[Problem]:
    """Why no values can be inserted into a param whose expressions are right."""
    try:
        _compiler(model, name)(value)
    except AddressError as error:
        return [Problem(path, str(error), code="invalid")]
    return []


def _compiler(model: type[Params], name: str) -> Callable[[object], Compiled]:
    return _COMPILERS.get(hints_of(model, name).get("inserts") or "", compile_value)


def _failing(message: str) -> Run:
    def run(_: Frame) -> object:
        raise ExpressionError(message)

    return run


def compile_html(value: object) -> Compiled:
    """HTML, in which each value is escaped unless its expression ends with `| safe`."""
    if not isinstance(value, str) or not has_expression(value):
        return compile_value(value)
    parts = cut(value)

    def run(frame: Frame) -> object:
        return text_of(frame, [part if isinstance(part, str) else _escaped(part, frame) for part in parts])

    return Compiled(value, run, _paths(parts))


def _escaped(part: Expression, frame: Frame) -> str:
    text = to_text(part.run(frame))
    return text if part.safe or _of_before(frame) else escape(text)


def _of_before(frame: Frame) -> bool:
    return isinstance(frame.scope, Scope) and frame.scope.language < SINCE


def _addresses(value: object) -> Compiled:
    if isinstance(value, list):
        return _each([_addresses(entry) for entry in value], value)
    if not isinstance(value, str) or not has_expression(value):
        return compile_value(value)
    parts = cut(value)
    expressions = [part for part in parts if isinstance(part, Expression)]
    if any(isinstance(part, str) and has_controls(part) for part in parts):
        raise AddressError(say("The addresses must be on a single line, without control characters."))
    numbers = iter(range(len(expressions)))
    mailboxes = split("".join(part if isinstance(part, str) else f"\0{next(numbers)}\0" for part in parts))
    for mailbox in mailboxes:
        if not _MARK.search(mailbox.address):
            checked(Mailbox("", mailbox.address))

    def run(frame: Frame) -> list[str]:
        values = [expression.run(frame) for expression in expressions]
        try:
            several = _of_before(frame)
            return [str(made) for mailbox in mailboxes for made in _filled(mailbox, values, several=several)]
        except AddressError as error:
            raise ExpressionError(error.args[0]) from None

    return Compiled(value, run, _paths(parts))


def _each(entries: list[Compiled], value: Sequence[object]) -> Compiled:
    """A list whose entries may stand for several addresses, or for none."""
    paths = tuple(dict.fromkeys(path for entry in entries for path in entry.references))
    if not paths:
        return compile_value(value)

    def run(frame: Frame) -> list[object]:
        made = [entry.within(frame) for entry in entries]
        return [address for one in made for address in (one if isinstance(one, list) else [one])]

    return Compiled(value, run, paths)


def _filled(mailbox: Mailbox, values: Sequence[object], *, several: bool) -> list[Mailbox]:
    """The mailbox with the values in the places of its marks; a text in place of a whole one may hold `several`."""
    whole = _MARK.fullmatch(mailbox.address.strip())
    if whole and not mailbox.name:
        return _people(values[int(whole[1])], several=several)

    def put(text: str) -> str:
        return _MARK.sub(lambda mark: to_text(values[int(mark[1])]), text)

    return [checked(Mailbox(put(mailbox.name), put(mailbox.address)))]


def _people(value: object, *, several: bool) -> list[Mailbox]:
    """Whom a value means that stands for a whole mailbox: one, or one for each entry of a list."""
    if value is None or value is MISSING:
        return []
    if isinstance(value, list | tuple):
        return [mailbox for entry in value for mailbox in _person(entry, several=several)]
    return _person(value, several=several)


def _person(value: object, *, several: bool) -> list[Mailbox]:
    if not isinstance(value, str):
        raise AddressError(say("An address must be text, not %(kind)s.", kind=kind(value)))
    found = read_mailboxes(value)
    if len(found) > 1 and not several:
        raise AddressError(
            say(
                "“%(text)s” is more than one address, and an inserted value stands for one. Insert a list, for example "
                "with the filter split(',').",
                text=value[:100],
            )
        )
    return found


def _paths(parts: Sequence[str | Expression]) -> tuple[tuple[str, ...], ...]:
    return tuple(dict.fromkeys(path for part in parts if isinstance(part, Expression) for path in part.paths))


_COMPILERS: Mapping[str, Callable[[object], Compiled]] = {"html": compile_html, "addresses": _addresses}
