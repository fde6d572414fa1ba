"""Reading what a client sent: bodies and query parameters. Bad input is named, never guessed."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import TypeVar
from urllib.parse import parse_qsl, urlencode
from uuid import UUID

from flask import request
from pydantic import BaseModel, ValidationError
from werkzeug import Request

from flowapp import exact_json, tasks
from flowapp.engine.language.validation_messages import known_list, nearest, plain_problems
from flowapp.errors import InvalidError, MalformedError, Problem, StaleError, TooLargeError, UnsupportedMediaError
from flowapp.extensions import db
from flowapp.models import Workflow, id_of
from flowapp.records.paging import Page
from flowapp.texts import say
from flowapp.workflows.extras import refuse_other_organization

MAX_NESTING = 64
MAX_FIELDS = 1000  # of a form or multipart body
NOBODY = str(UUID(int=0))  # the id of what is not there
_Read = TypeVar("_Read", bound=BaseModel)


def raw_body() -> bytes:
    """The body as it came. TooLargeError over FLOWAPP_MAX_BODY, also where no length was announced."""
    limit = tasks.runtime().settings.max_body
    if (request.content_length or 0) > limit:
        raise TooLargeError(f"The body can have at most {limit} bytes.")
    raw = request.get_data(cache=True)
    if len(raw) > limit:
        raise TooLargeError(f"The body can have at most {limit} bytes.")
    return raw


def parse_json(raw: bytes) -> object:
    """The JSON value of a body.

    MalformedError for what is not JSON (NaN neither), not UTF-8, nested over 64 levels, or a whole number of over 300 digits.
    """
    try:
        value = exact_json.loads(raw)
    except exact_json.LongNumberError:
        raise MalformedError(
            say(
                "The body holds a whole number of more than %(limit)s digits. Send it as text, in quotes.",
                limit=exact_json.MAX_DIGITS,
            )
        ) from None
    except ValueError as error:
        raise MalformedError(_fault(raw, error)) from None
    if raw.count(b"{") + raw.count(b"[") > MAX_NESTING and _deeper_than(value, MAX_NESTING):
        raise MalformedError(f"The body is nested more than {MAX_NESTING} levels deep.")
    if b"\\u0000" in raw and _has_nul(value):
        raise MalformedError("The body contains a NUL character, which cannot be stored.")
    return value


def _fault(raw: bytes, error: ValueError) -> str:
    try:
        raw.decode()
    except UnicodeDecodeError as wrong:
        return f"The body is not UTF-8: its byte {wrong.start + 1} does not fit."
    return f"The body is not valid JSON: {error}."


def _deeper_than(value: object, levels: int) -> bool:
    level = [value]
    for _ in range(levels):
        level = [inner for item in level for inner in _inside(item)]
    return any(isinstance(item, dict | list) for item in level)


def _inside(value: object) -> list[object]:
    return list(value.values()) if isinstance(value, dict) else value if isinstance(value, list) else []


def _has_nul(value: object) -> bool:
    if isinstance(value, str):
        return "\0" in value
    names = value if isinstance(value, dict) else ()
    return any("\0" in name for name in names) or any(_has_nul(inner) for inner in _inside(value))


def read_input(request: Request, raw: bytes) -> object:
    """The body, whatever its type, as an execution's `input`; of a GET, and of a request without a body, the query.

    UnsupportedMediaError for a type that is not read, MalformedError for a body that is not what it says.
    """
    kind = request.mimetype
    if not raw:
        return query(request)
    if kind == "application/json" or kind.endswith("+json"):
        return parse_json(raw)
    if kind == "application/x-www-form-urlencoded":
        return _urlencoded(raw)
    if kind == "multipart/form-data":
        return _multipart(request, raw)
    raise UnsupportedMediaError(
        "Send application/json, application/x-www-form-urlencoded or multipart/form-data, "
        f"and set Content-Type accordingly; this request has “{kind[:100] or 'nothing'}”."
    )


def _urlencoded(raw: bytes) -> dict[str, object]:
    try:
        fields = parse_qsl(raw.decode(), keep_blank_values=True, errors="strict", max_num_fields=MAX_FIELDS)
    except UnicodeDecodeError:
        raise MalformedError("The form is not UTF-8.") from None
    except ValueError as error:
        raise MalformedError(f"The form cannot be read: {error}.") from None
    return _gathered(fields)


def _multipart(request: Request, raw: bytes) -> dict[str, object]:
    texts = list(request.form.items(multi=True))
    if any("\ufffd" in text for field in texts for text in field) and "\ufffd".encode() not in raw:
        raise MalformedError("The form is not UTF-8.")
    fields: list[tuple[str, object]] = [*texts]
    for name, file in request.files.items(multi=True):
        size = len(file.stream.read())
        fields.append((name, {"filename": file.filename or "", "content_type": file.mimetype, "size": size}))
    if not fields:
        raise MalformedError("The form has no fields, or its parts do not use the boundary given in Content-Type.")
    return _gathered(fields)


def _gathered(fields: Iterable[tuple[str, object]]) -> dict[str, object]:
    """One value as itself, several of one name as a list."""
    values_by_name: dict[str, list[object]] = {}
    for name, value in fields:
        if "\0" in name or (isinstance(value, str) and "\0" in value):
            raise MalformedError("The request contains a NUL character, which cannot be stored.")
        values_by_name.setdefault(name, []).append(value)
    return {name: values[0] if len(values) == 1 else values for name, values in values_by_name.items()}


def query(request: Request) -> dict[str, object]:
    """The query parameters."""
    return _gathered(request.args.items(multi=True))


def read_object() -> dict[str, object]:
    """The JSON object of the body, {} where there is no body. `organization` may only name the caller's own."""
    raw = raw_body()
    if not raw.strip():
        return {}
    if not request.is_json:
        raise UnsupportedMediaError("Send JSON, with Content-Type: application/json.")
    value = parse_json(raw)
    if not isinstance(value, dict):
        raise InvalidError.at("", "Send a JSON object: {…}.")
    refuse_other_organization(db.session(), value.get("organization"))
    return value


def read_model(model: type[_Read]) -> _Read:
    """The body as `model`, in JSON's own types: no text for a number. InvalidError names every field that is wrong."""
    body = {key: value for key, value in read_object().items() if key != "organization"}
    return _validated(model, body, lambda: model.model_validate_json(exact_json.dumps(body), strict=True))


def read_query(model: type[_Read]) -> _Read:
    """The query parameters as `model`. InvalidError names every one that is wrong, or not known: it would change nothing."""
    known = {f.alias or name for name, f in model.model_fields.items()}
    problems = [Problem(name, _no_parameter(name, known)) for name in request.args if name not in known]
    if problems:
        raise InvalidError(problems)
    given = request.args.to_dict()
    return _validated(model, given, lambda: model.model_validate(given))


def _no_parameter(name: str, known: set[str]) -> str:
    near, listed = nearest(name, known), known_list(known)
    return say("There is no parameter “%(name)s” here.%(near)s%(known)s", name=name, near=near, known=listed)


def _validated(model: type[_Read], data: Mapping[str, object], read: Callable[[], _Read]) -> _Read:
    try:
        return read()
    except ValidationError as error:
        raise InvalidError(plain_problems(error, data, model)) from None


def id_of_workflow(reference: object) -> str:
    """The id of the workflow that an id or number names; empty where none is given, nobody's where there is none."""
    return (id_of(db.session(), Workflow, str(reference)) or NOBODY) if reference else ""


def list_of(page: Page[object], results: list[dict[str, object]]) -> dict[str, object]:
    """A list as the API prints it: `next` and `previous` are the paths of those pages, or null."""
    name = "page" if page.numbered else "cursor"
    links = {"next": path_with(name, page.next), "previous": path_with(name, page.previous)}
    return {"count": page.total, **links, "results": results}


def path_with(name: str, value: object) -> str | None:
    """The path of this request with a parameter set; None where there is no value."""
    return f"{request.path}?{urlencode({**request.args, name: value})}" if value is not None else None


def expected_revision(workflow: Workflow) -> int | None:
    """What If-Match asks for, None where it asks for nothing. StaleError where it names another revision."""
    tags = request.if_match
    if "If-Match" not in request.headers or tags.star_tag:
        return None
    if str(workflow.revision) not in tags.as_set(include_weak=True):
        raise StaleError("This workflow was changed in the meantime: If-Match does not match its ETag.")
    return workflow.revision
