"""Files as values of steps: what a step gave, a form was sent, or text."""

from __future__ import annotations

import json
from base64 import b64decode
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from mimetypes import guess_type

from flowapp.errors import StepError
from flowapp.texts import say


def packed(value: object) -> str | None:
    """The base64 in a value that is a file: as steps give it (`base64`), or as a hook got it (`filename`, `content`)."""
    if not isinstance(value, Mapping):
        return None
    found = value.get("base64") if "base64" in value or "filename" not in value else value.get("content")
    return found if isinstance(found, str) else None


@dataclass(frozen=True, slots=True)
class File:
    """What a param of kind file gives: text, or {"base64", "content_type", "filename"} as other steps give it."""

    content: bytes
    content_type: str
    filename: str

    @classmethod
    def of(cls, value: object) -> File:
        """StepError where it is neither."""
        if not isinstance(value, Mapping):
            return cls(_text(value).encode(), "text/plain; charset=utf-8", "file.txt")
        found = packed(value)
        try:
            content = b64decode("?" if found is None else found, validate=True)
        except ValueError:
            raise StepError(
                say("This is no file: text is wanted, or base64, content_type and filename."), permanent=True
            ) from None
        kind = _text(value.get("content_type")) or "application/octet-stream"
        return cls(content, kind, _text(value.get("filename")) or "file")


def files_of(given: object) -> Iterator[File]:
    """Attachments: by their names, as a list, or one file alone. StepError (permanent) where they are none."""
    if given in (None, "", [], {}):
        return
    if isinstance(given, list):
        for entry in given:
            yield from files_of(entry)
    elif packed(given) is not None:
        yield File.of(given)
    elif isinstance(given, dict):
        for name, entry in given.items():
            yield from [] if entry in (None, "") else [_named(name, entry)]
    else:
        words = say("“attachments” must hold files: the name and the content of each.")
        raise StepError(words, permanent=True)


def _named(name: str, content: object) -> File:
    """A file under the name that the step gives it; what is no file stands in it as text."""
    if packed(content) is None and isinstance(content, dict | list):
        content = json.dumps(content, ensure_ascii=False, indent=2, default=str)
    file = File.of(content)
    kind = guess_type(name)[0] if isinstance(content, str) else None
    return File(file.content, kind or file.content_type, name)


def _text(value: object) -> str:
    if value is None:
        return ""
    return str(value).lower() if isinstance(value, bool) else str(value)
