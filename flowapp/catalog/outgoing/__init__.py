"""Calls of web services, as steps make them: through `ctx.http`, and what those of one integration have in common."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import BinaryIO, Protocol, TypedDict, Unpack


@dataclass(frozen=True, slots=True)
class HttpResponse:
    """Answer of a call. `json` is the parsed body where its type says JSON, else None. `text` is cut at 1 MiB.

    A header that came several times is a list. `content`: the bytes of a body that is no text; its `text` is empty.
    `size`: how many bytes the body has, or went into the file of the call.
    `assumed`: nobody was called, it is a simulation.
    """

    status: int
    headers: Mapping[str, str | list[str]]
    text: str
    json: object
    duration_ms: int
    content: bytes | None = None
    size: int = 0
    assumed: bool = False


@dataclass(frozen=True, slots=True)
class FilePart:
    """A file in a multipart form. `content`: bytes, a file open for reading, or what gives its bytes piece by piece."""

    filename: str
    content: bytes | Iterable[bytes]
    content_type: str = "application/octet-stream"


class HttpOptions(TypedDict, total=False):
    """What a request takes beside method and URL. `timeout` is 30 seconds where nobody says otherwise.

    What is sent is one of `json`, `form`, `files` (a multipart form, with the fields of `form`) and `body`. Files and
    iterators are read while they are sent; a file is sent from where it stands. With `into`, an answer below 400 is written
    to this file while it comes, at most as much as FLOWAPP_DOWNLOAD_SIZE says; after an error the file holds a part of it.
    """

    headers: Mapping[str, str] | None
    json: object
    form: Mapping[str, str | list[str]] | None
    files: Mapping[str, FilePart | Sequence[FilePart]] | None
    body: bytes | Iterable[bytes] | None
    auth: tuple[str, str] | None
    timeout: float
    into: BinaryIO | None


class Http(Protocol):
    """Outgoing HTTP behind the egress guard. Raises StepError (network, timeout) and EgressError."""

    def request(self, method: str, url: str, **how: Unpack[HttpOptions]) -> HttpResponse: ...


class Calls(Protocol):
    """What calls through an integration have in common, wherever they are made.

    `assumed`: nobody is called, it is a simulation. What no call through `ctx.http` shows is told by `note`.
    """

    assumed: bool

    def turn(self, integration_id: str, calls_per_minute: int, ticket: str) -> float:
        """Seconds until this call may be made: 0 now, else when its turn comes, which is kept for the `ticket`."""
        ...

    def keep(self, ticket: str, progress: object) -> bool:
        """Keeps what an attempt has so far (JSON; None: nothing any more), for the next one. Whether it is kept; it may be lost."""
        ...

    def kept(self, ticket: str) -> object:
        """What an earlier attempt kept; None where there is nothing."""
        ...

    def note(self, operation: str, **what: object) -> None:
        """In a simulation: a call that would have been made. Else nothing."""
        ...
