"""Reading what a client sent: bodies and query parameters. Bad input is named, never guessed."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TypeVar
from urllib.parse import urlencode
from uuid import UUID

from flask import request
from pydantic import BaseModel, ValidationError
from werkzeug import Request

from flowapp import exact_json, tasks
from flowapp.api import body_text
from flowapp.api.form_bodies import as_file, multipart, query, urlencoded
from flowapp.engine.language.validation_messages import known_list, nearest, plain_problems
from flowapp.errors import InvalidError, MalformedError, Problem, StaleError, TooLargeError, UnsupportedMediaError
from flowapp.extensions import db
from flowapp.models import Workflow, id_of
from flowapp.records.paging import Page
from flowapp.texts import say
from flowapp.workflows.extras import refuse_other_organization

MAX_NESTING = 64
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

    JSON is known by its type or by how it looks, forms by their type; any other text is {"body": text}, and what is no
    text a file, see form_bodies.as_file. UnsupportedMediaError for an encoding that is not read, MalformedError for a body
    that is not what it says.
    """
    if not raw:
        return query(request)
    kind = request.mimetype
    is_json = kind == "application/json" or kind.endswith(("+json", "/json"))
    if is_json and _is_plain(request, raw):
        return parse_json(raw)
    request, raw = body_text.unpacked(request, raw, tasks.runtime().settings.max_body)
    if kind == "multipart/form-data":
        return multipart(request, raw)
    text = body_text.text_of(request, raw, is_json=is_json)
    return {"body": as_file("", kind, raw)} if text is None else _of_text(text, request, is_json=is_json)


def _is_plain(request: Request, raw: bytes) -> bool:
    """Whether a JSON body is read as it came: neither packed nor in another encoding than UTF-8."""
    if "HTTP_CONTENT_ENCODING" in request.environ or not raw[:2].isascii() or 0 in raw[:2]:
        return False
    charset = request.mimetype_params.get("charset")
    return charset is None or charset.lower() == "utf-8"


def _of_text(text: str, request: Request, *, is_json: bool) -> object:
    if is_json or _holds_json(text):
        return parse_json(text.encode())
    if request.mimetype == "application/x-www-form-urlencoded":
        return urlencoded(text, request.mimetype_params.get("charset", "utf-8"))
    if "\0" in text:
        raise MalformedError("The request contains a NUL character, which cannot be stored.")
    return {"body": text}


def _holds_json(text: str) -> bool:
    """Whether a text that is not called JSON is an object or a list of it: a number or a word may mean something else."""
    if text.lstrip()[:1] not in ("{", "["):
        return False
    try:
        exact_json.loads(text)
    except exact_json.LongNumberError:
        return True
    except ValueError:
        return False
    return True


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
    if unstorable := [name for name, value in given.items() if "\0" in value]:  # no text of the database has it
        raise InvalidError.at(unstorable[0], say("Enter text."))
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
