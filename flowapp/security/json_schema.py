"""JSON Schemas (2020-12) that users write: read and applied within a budget.

A schema can take exponential time and memory (`anyOf` of two references to itself), so checking runs in a helper process.
What is plain and small stays where it is: without references each part of a schema meets each part of the data once at
most, so that the product of their sizes bounds the work.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import cache, lru_cache
from typing import Any

from jsonschema import Draft202012Validator, FormatChecker, SchemaError, ValidationError
from jsonschema.validators import extend
from referencing import Registry
from referencing.exceptions import Unresolvable

from flowapp import exact_json
from flowapp.catalog import patterns
from flowapp.errors import StepError
from flowapp.security import helpers
from flowapp.texts import say

MAX_SCHEMA = 256 * 1024  # bytes as JSON
MAX_PROBLEMS = 50  # of one piece of data
MAX_IN_ALL = 500
PLAIN_SCHEMA = 150  # keywords whose schema is checked here: some milliseconds
PLAIN_WORK = 2_000  # keywords times values that are checked here: some milliseconds, too
_INSIDE = frozenset({"items", "additionalProperties", "not", "if", "then", "else", "propertyNames", "contains"})
_SEVERAL = frozenset({"allOf", "anyOf", "oneOf"})
_PLAIN = frozenset(
    [
        "$schema",
        "$comment",
        "title",
        "description",
        "default",
        "examples",
        "deprecated",
        "readOnly",
        "writeOnly",
        "type",
        "enum",
        "const",
        "minimum",
        "maximum",
        "exclusiveMinimum",
        "exclusiveMaximum",
        "multipleOf",
        "minLength",
        "maxLength",
        "minItems",
        "maxItems",
        "required",
        "minProperties",
        "maxProperties",
    ]
)
_FORMATS = frozenset({"email", "date", "time", "date-time", "uri", "uuid", "ipv4", "ipv6"})

Found = list[dict[str, str]]


def fault(schema: object) -> str:
    """Why a JSON Schema cannot be used, in words; nothing where it can. OverBudgetError."""
    try:
        written = exact_json.dumps(schema)
    except (TypeError, RecursionError):
        return say("This is not a valid JSON Schema: %(error)s.", error=say("it is nested too deeply"))
    if len(written) > MAX_SCHEMA:
        return say("A JSON Schema can be at most %(limit)s KiB.", limit=MAX_SCHEMA // 1024)
    return _fault(written)


@lru_cache(maxsize=128)
def _fault(written: bytes) -> str:
    schema = exact_json.loads(written)
    return find_fault(schema) if 0 < _plain(schema) <= PLAIN_SCHEMA else helpers.call(find_fault, schema)


def apply(schema: Mapping[str, object], items: Sequence[object]) -> list[Found]:
    """For each item its problems, [{"field", "message"}]; after MAX_IN_ALL of them the rest is not looked at.

    StepError (permanent) where the schema cannot be applied; OverBudgetError.
    """
    keywords = _plain(schema)
    if keywords and helpers.weight(items, PLAIN_WORK // keywords) * keywords <= PLAIN_WORK:
        return find_problems(schema, items)
    return helpers.call(find_problems, schema, items)


def _plain(schema: object) -> int:
    """How many keywords a schema has; 0 where it has one whose cost is not bounded by the sizes of schema and data."""
    if isinstance(schema, bool):
        return 1
    if not isinstance(schema, dict):
        return 0
    total = 1
    for key, value in schema.items():
        if key == "properties":
            inner: Iterable[object] = value.values() if isinstance(value, dict) else [None]
        elif key in _SEVERAL:
            inner = value if isinstance(value, list) else [None]
        elif key in _INSIDE:
            inner = [value]
        elif key in _PLAIN or (key == "format" and value in _FORMATS):
            total += helpers.weight(value, PLAIN_WORK)
            continue
        else:
            return 0
        counts = [_plain(part) for part in inner]
        if 0 in counts or total > PLAIN_WORK:
            return 0
        total += sum(counts) + 1
    return total


def find_fault(schema: Mapping[str, object] | bool) -> str:
    """`fault` without a budget."""
    try:
        Draft202012Validator.check_schema(schema)
        return next(_forbidden(schema), "")
    except SchemaError as error:
        return say("This is not a valid JSON Schema: %(error)s.", error=error.message[:300])
    except RecursionError:
        return say("This is not a valid JSON Schema: %(error)s.", error=say("it is nested too deeply"))


def _forbidden(schema: object) -> Iterator[str]:
    for key, value in _entries(schema):
        if key in ("$ref", "$dynamicRef") and isinstance(value, str) and not value.startswith("#"):
            yield say(
                "“%(value)s” is outside this schema. Only references such as #/$defs/x are supported.", value=value
            )
        elif key == "pattern" and isinstance(value, str) and not _usable(value):
            yield say("The pattern %(value)s cannot be used. Write it without look-around.", value=value)
        elif key == "patternProperties":
            yield say("patternProperties cannot be used. List the properties by name.")


def _usable(pattern: str) -> bool:
    try:
        patterns.compiled(pattern, whole=True)
    except ValueError:
        return False
    return True


def _entries(node: object) -> Iterator[tuple[str, object]]:
    listed = node if isinstance(node, list) else ()
    for key, value in node.items() if isinstance(node, dict) else (("", item) for item in listed):
        yield key, value
        if isinstance(value, dict | list):
            yield from _entries(value)


def find_problems(schema: Mapping[str, object], items: Sequence[object]) -> list[Found]:
    """`apply` without a budget."""
    validator = _judge()(schema, format_checker=FormatChecker(), registry=Registry())
    problems: list[Found] = []
    left = MAX_IN_ALL
    try:
        for item in items:
            problems.append([])
            for error in validator.iter_errors(item):
                field = ".".join(map(str, error.absolute_path))
                problems[-1].append({"field": field, "message": _capital(error.message)})
                if len(problems[-1]) >= MAX_PROBLEMS:
                    break
            left -= len(problems[-1])
            if left <= 0:
                break
    except (Unresolvable, RecursionError, ValueError, TypeError, LookupError, ArithmeticError) as error:
        # a reference may lead to anything (#/enum/0, #/required/x), which the library then takes for a schema
        raise StepError(say("The JSON Schema cannot be applied: %(error)s.", error=error), permanent=True) from None
    return problems


def _capital(text: str) -> str:
    return f"{text[:1].upper()}{text[1:300]}."


@cache
def _judge() -> Any:
    """The validator, with what takes too long in the library's way: patterns, and comparing each item with all others."""

    def matches(_validator: object, pattern: str, value: object, _schema: object) -> Iterator[ValidationError]:
        fits = isinstance(value, str) and len(value) <= patterns.MAX_MATCHED
        if isinstance(value, str) and not (fits and patterns.compiled(pattern, whole=True).isinstance_python(value)):
            yield ValidationError(
                say("“%(value)s” does not match the pattern %(pattern)s", value=value[:80], pattern=pattern)
            )

    def unique(_validator: object, wanted: bool, value: object, _schema: object) -> Iterator[ValidationError]:
        if wanted and isinstance(value, list) and len({_frozen(item) for item in value}) < len(value):
            yield ValidationError(say("The list has the same entry more than once"))

    return extend(  # type: ignore[no-untyped-call]
        Draft202012Validator, {"pattern": matches, "uniqueItems": unique}
    )


def _frozen(value: object) -> object:
    """Something that is equal, and has the same hash, where JSON Schema says that values are equal: true is not 1."""
    if isinstance(value, dict):
        return "object", frozenset((key, _frozen(entry)) for key, entry in value.items())
    if isinstance(value, list):
        return "list", tuple(map(_frozen, value))
    return ("truth", value) if isinstance(value, bool) else value
