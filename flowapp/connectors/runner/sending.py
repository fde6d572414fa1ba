"""Makes requests of what a manifest says of a call: address, query, headers and body."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from io import BytesIO
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

from flowapp.catalog import FilePart
from flowapp.catalog.manifests import Action, Call, ManifestTrigger
from flowapp.catalog.outgoing.files import File, packed
from flowapp.connectors.runner.filling import ABSENT, Values, as_text, filled, filled_path, is_empty


@dataclass(slots=True)
class Request:
    """A request before it is signed. At most one of `json`, `form` (with `files`: multipart) and `body`."""

    method: str
    url: str
    headers: dict[str, str] = field(default_factory=dict)
    json: object = None
    form: dict[str, str | list[str]] | None = None
    files: dict[str, File] | None = None
    body: bytes | None = None
    basic: tuple[str, str] | None = None

    @property
    def parts(self) -> dict[str, FilePart] | None:
        """The files, from their beginning each time: the request may be sent again."""
        if self.files is None:
            return None
        return {
            name: FilePart(file.filename, BytesIO(file.content), file.content_type) for name, file in self.files.items()
        }

    def add_query(self, more: Mapping[str, object]) -> None:
        """Adds to the query; a value that is there already is replaced."""
        parts = urlsplit(self.url)
        new = [(key, text) for name, value in more.items() for key, text in _pairs(name, value, repeated=True)]
        names = {key for key, _text in new}
        kept = [(key, text) for key, text in parse_qsl(parts.query, keep_blank_values=True) if key not in names]
        self.url = urlunsplit(parts._replace(query=urlencode([*kept, *new])))


def request_of(call: Call, base: str, values: Values, sent: Mapping[str, str], more: Values | None = None) -> Request:
    """The request of a call to a path under `base`. `sent`: the fields that go along, by the names they are sent under; `more` too.

    Those that the call names somewhere stand there only.
    """
    request = Request(call.method, joined(base, filled_path(call.path, values)))
    rest = {name: values[of] for name, of in sent.items() if of not in call.named and not is_empty(values.get(of))}
    rest |= more or {}
    request.headers = {name: as_text(value) for name, value in _mapping(filled(call.headers, values)).items()}
    query = _mapping(filled(call.query, values))
    if call.kind == "none":
        request.add_query({**query, **rest})
        return request
    if query:
        request.add_query(query)
    content = filled(call.content, values) if call.content is not None else ABSENT
    _put_body(request, call, content, rest)
    return request


def sent_names(action: Action | ManifestTrigger) -> dict[str, str]:
    """The fields of an action or a trigger by the names that they are sent under."""
    return {one.send_as or one.name: one.name for one in action.fields}


def joined(base: str, path: str) -> str:
    """An address under a base address; a query of the base stays."""
    if not path:
        return base
    parts, inner = urlsplit(base), urlsplit(f"/{path.lstrip('/')}")  # a path, whatever it begins with
    query = "&".join(filter(None, (parts.query, inner.query)))
    return urlunsplit(parts._replace(path=f"{parts.path.rstrip('/')}/{inner.path.lstrip('/')}", query=query))


def _mapping(value: object) -> Mapping[str, object]:
    return value if isinstance(value, Mapping) else {}


def _put_body(request: Request, call: Call, content: object, rest: Values) -> None:
    if call.kind == "bytes":
        file = File.of(next(iter(rest.values()), "") if content is ABSENT else content)
        request.body = file.content
        request.headers.setdefault("Content-Type", file.content_type)
    elif call.kind == "multipart":
        parts = {**_mapping(content), **rest}
        request.files = {name: File.of(value) for name, value in parts.items() if packed(value) is not None}
        fields = {name: value for name, value in parts.items() if name not in request.files}
        request.form = _form(fields, repeated=False)
    elif call.kind == "form":
        request.form = _form({**_mapping(content), **rest}, repeated=call.lists == "repeated")
    else:
        request.json = _json(content, rest)


def _json(content: object, rest: Values) -> object:
    """The JSON body: what the call says, and the fields that it does not name; a dotted name lies in an object."""
    if content is not ABSENT and not isinstance(content, Mapping):
        return content
    body = {name: _copied(value) for name, value in _mapping(content).items()}
    for name, value in rest.items():
        *outer, last = name.split(".")
        place = body
        for part in outer:
            inner = place.setdefault(part, {})
            place = inner if isinstance(inner, dict) else place
        place[last] = value
    return body


def _copied(value: object) -> object:
    return dict(value) if isinstance(value, Mapping) else value


def _pairs(name: str, value: object, *, repeated: bool) -> Iterator[tuple[str, str]]:
    """A value of a form or a query: of an object name[key], of a list name[0], or the name several times."""
    if isinstance(value, Mapping):
        for key, entry in value.items():
            yield from _pairs(f"{name}[{key}]", entry, repeated=repeated)
    elif isinstance(value, list):
        for at, entry in enumerate(value):
            yield from _pairs(name if repeated else f"{name}[{at}]", entry, repeated=repeated)
    else:
        yield name, as_text(value)


def _form(fields: Values, *, repeated: bool) -> dict[str, str | list[str]]:
    form: dict[str, str | list[str]] = {}
    for name, value in fields.items():
        for key, text in _pairs(name, value, repeated=repeated):
            before = form.get(key)
            form[key] = text if before is None else [*([before] if isinstance(before, str) else before), text]
    return form
