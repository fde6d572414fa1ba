"""Field types that several actions share. They accept what an expression gives: a number where text is asked, say."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from decimal import Decimal
from typing import Annotated

from pydantic import AfterValidator, BeforeValidator, ValidationInfo, WithJsonSchema
from pydantic_core import PydanticKnownError
from urllib3.exceptions import LocationParseError
from urllib3.util import parse_url

from flowapp import exact_json
from flowapp.catalog.context import StepContext
from flowapp.catalog.mail_text import read_mailboxes
from flowapp.catalog.times import parse_duration, resolve_relative
from flowapp.errors import ExpressionError, StepError
from flowapp.texts import say
from flowapp.values.numbers import plain_number

# The context in which a model checks what somebody enters: stricter than with what an older release stored.
ENTERED = "entered"
_HEADER_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_YEAR_LAST = re.compile(r"\s*[0-9]{1,2}([./-])[0-9]{1,2}\1[0-9]{2,4}\b.*", re.DOTALL)


def _is_header_name(value: str, info: ValidationInfo) -> str:
    if info.context == ENTERED and value and _HEADER_NAME.fullmatch(value) is None:
        raise ValueError(say("“%(name)s” is not a valid header name.", name=value[:100]))
    return value


def bounded(least: int | None, most: int | None) -> AfterValidator:
    """Bounds of what is entered."""

    def check(value: int, info: ValidationInfo) -> int:
        if info.context == ENTERED and least is not None and value < least:
            raise PydanticKnownError("greater_than_equal", {"ge": least})
        if info.context == ENTERED and most is not None and value > most:
            raise PydanticKnownError("less_than_equal", {"le": most})
        return value

    return AfterValidator(check)


def _as_text(value: object) -> object:
    """A JSON value as text: nothing for null, JSON for lists and objects."""
    if isinstance(value, str):
        return value
    if value is None:
        return ""
    if isinstance(value, bool | int | float):
        return str(value).lower() if isinstance(value, bool) else f"{value}"
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"), default=str)


def _as_field(value: object) -> object:
    """A field of a web form: a text, or a list of them where it comes several times."""
    return [_as_text(entry) for entry in value] if isinstance(value, list | tuple) else _as_text(value)


def _as_lines(value: object) -> object:
    """A list of names: as a list, or as text with commas or line breaks between."""
    if isinstance(value, str):
        return [part.strip() for part in value.replace("\n", ",").split(",") if part.strip()]
    return [] if value is None else value


def _as_addresses(value: object) -> object:
    """E-mail addresses: a list of texts, or one text with commas between; each comes out as `"name" <address>`.

    A text with {{ stays: it is still to be evaluated, or was read when values were put in (engine.language.insertion).
    """
    texts = [value] if isinstance(value, str) else [] if value is None else value
    if not isinstance(texts, list | tuple) or not all(isinstance(text, str) for text in texts):
        raise ValueError(say("Enter addresses such as ann@example.com, separated by commas."))
    read = ([text] if has_expression(text) else read_mailboxes(text) for text in texts)
    return [str(mailbox) for mailboxes in read for mailbox in mailboxes]


def _as_address(value: object) -> object:
    """One address, or nothing."""
    found = _as_addresses(value)
    if not isinstance(found, list) or len(found) > 1:
        raise ValueError(say("Enter one address, for example ann@example.com."))
    return found[0] if found else ""


def _as_number(value: object) -> object:
    """A number as JSON carries it: whole ones with all their digits, and decimals that a float would round as Decimal."""
    number = plain_number(value)
    if number is None:
        raise ValueError(say("Enter a number as programs write it, for example 1234.5."))
    if not isinstance(value, str) or not isinstance(number, float):
        return number
    exact = Decimal(value.strip())
    return number if Decimal(repr(number)) == exact else exact


def _as_whole(value: object) -> object:
    number = None if plain_number(value) is None else Decimal(value.strip() if isinstance(value, str) else value)  # type: ignore[arg-type]
    if number is None or number != number.to_integral_value():
        raise ValueError(say("Enter a whole number, for example 12."))
    return int(number)


def _is_duration(value: object) -> object:
    if has_expression(value):
        return value
    try:
        long = str(value).strip()[:1] != "-" and parse_duration(value)
    except ExpressionError as error:
        raise ValueError(error.message) from None
    if not long:
        raise ValueError(say("Enter more than 0, for example “2 hours”."))
    return value


def _is_duration_or_nothing(value: object) -> object:
    return value if value == "" else _is_duration(value)


def is_moment(value: str) -> str:
    """Refuses a text that means no moment."""
    if not value.strip() or has_expression(value):
        return value
    if _YEAR_LAST.fullmatch(value):
        raise ValueError(say("Enter the date with the year first, for example 2026-12-31 09:00."))
    try:
        resolve_relative(value, datetime.now(UTC))
    except ExpressionError as error:
        raise ValueError(error.message) from None
    return value


def _is_web_address(value: str) -> str:
    """Refuses what nothing can be called at. The egress guard judges where it leads."""
    try:
        found = parse_url(value.strip())
        sound = found.scheme in ("http", "https") and bool(found.host) and not found.auth
    except LocationParseError:
        sound = False
    if value and not sound:
        raise ValueError(say("Enter a web address such as https://api.example.com, without user name and password."))
    return value


def has_expression(value: object) -> bool:
    """Whether text is to be evaluated first, so that it cannot be checked yet."""
    return isinstance(value, str) and "{{" in value


Text = Annotated[str, BeforeValidator(_as_text), WithJsonSchema({"type": "string"})]
FormField = Annotated[str | list[str], BeforeValidator(_as_field)]
Lines = Annotated[list[str], BeforeValidator(_as_lines)]
Addresses = Annotated[list[str], BeforeValidator(_as_addresses)]
Address = Annotated[str, BeforeValidator(_as_address), WithJsonSchema({"type": "string"})]
Moment = Annotated[str, BeforeValidator(_as_text), AfterValidator(is_moment), WithJsonSchema({"type": "string"})]
# Limits of waits: longer than nothing.
Number = Annotated[int | float | Decimal, BeforeValidator(_as_number), WithJsonSchema({"type": "number"})]
Whole = Annotated[int, BeforeValidator(_as_whole), WithJsonSchema({"type": "integer"})]
WebAddress = Annotated[str, AfterValidator(_is_web_address)]
HeaderName = Annotated[str, AfterValidator(_is_header_name)]
Duration = Annotated[str | int | float, AfterValidator(_is_duration)]
OptionalDuration = Annotated[str | int | float, AfterValidator(_is_duration_or_nothing)]


def says_json(headers: Mapping[str, str]) -> bool:
    """Whether these headers call the body JSON."""
    kind = next((value for name, value in headers.items() if name.lower() == "content-type"), "")
    return kind.split(";")[0].strip().lower().endswith(("/json", "+json"))


def json_fault(name: str, text: str) -> str:
    """Why a text is no JSON, empty where it is some."""
    try:
        exact_json.loads(text)
    except ValueError as error:
        return say(
            "“%(name)s” is not valid JSON: %(error)s. Insert values with the filter tojson.",
            name=name,
            error=str(error),
        )
    return ""


def until(ctx: StepContext, limit: str | float) -> datetime | None:
    """When a limit that is counted from now is over; None where there is none. StepError where it cannot be read."""
    if limit == "":
        return None
    try:
        return ctx.now() + parse_duration(limit)
    except ExpressionError as error:
        raise wrong(error) from None


def wrong(error: ExpressionError) -> StepError:
    """A parameter that cannot be read will be as wrong the next time."""
    return StepError(error.message, permanent=True)
