"""The answer of a call, read within bounds: into memory, or into a file."""

from __future__ import annotations

from collections.abc import Iterator
from http.client import HTTPException
from time import monotonic
from typing import BinaryIO

from urllib3.exceptions import HTTPError
from urllib3.response import BaseHTTPResponse
from urllib3.util import Url

from flowapp.catalog import HttpResponse
from flowapp.errors import StepError
from flowapp.security.egress.connections import NotSentError
from flowapp.security.egress.headers import name
from flowapp.security.failures import causes_of, why_failed
from flowapp.security.responses import Body, read, shown_headers
from flowapp.texts import say

MAX_READ = 10 * 2**20  # bytes of an answer, unpacked
MAX_HEADERS = 64 * 1024  # bytes; http.client takes 100 of 64 KiB each
MAX_SPARED = 64 * 1024  # bytes of an answer that are read to keep a connection
CHUNK = 65536


def read_all(answer: BaseHTTPResponse, target: Url, begun: float) -> HttpResponse:
    """The whole answer. StepError where it is too large to be of use, and for what breaks off."""
    _refuse_headers(answer, target)
    body = Body(answer.headers.get("content-type", ""))
    chunks, size = [], 0
    for chunk in _chunks(answer, target):
        chunks.append(chunk)
        size += len(chunk)
        if size > MAX_READ:
            break
    data = b"".join(chunks)
    if size > MAX_READ:
        answer.close()  # the rest is not read, so the connection cannot be used again
        if body.is_json or body.is_binary(data, whole=False):
            raise _too_large(target, MAX_READ)
    else:
        answer.release_conn()
    return read(answer.status, answer.headers, data, whole=size <= MAX_READ, duration_ms=since(begun))


def read_into(file: BinaryIO, answer: BaseHTTPResponse, target: Url, begun: float, most: int) -> HttpResponse:
    """The answer, its body written to the file while it comes. StepError where it is larger than `most` bytes."""
    _refuse_headers(answer, target)
    length = answer.headers.get("content-length", "")
    if length.isdigit() and int(length) > most:
        answer.close()
        raise _too_large(target, most)
    size = 0
    for chunk in _chunks(answer, target):
        size += len(chunk)
        if size > most:
            answer.close()
            raise _too_large(target, most)
        file.write(chunk)
    answer.release_conn()
    return HttpResponse(answer.status, shown_headers(answer.headers), "", None, since(begun), size=size)


def spare(answer: BaseHTTPResponse) -> None:
    """Keeps the connection of an answer that nobody reads, where little is left of it."""
    length = answer.headers.get("content-length", "")
    if length.isdigit() and int(length) <= MAX_SPARED:
        answer.drain_conn()
        answer.release_conn()
    else:
        answer.close()


def since(begun: float) -> int:
    """Milliseconds."""
    return round((monotonic() - begun) * 1000)


def broken(error: Exception, target: Url) -> StepError:
    """What a step is told of a call that came to nothing. Its detail `sent`: the other side may have received it."""
    causes = list(causes_of(error))
    for cause in causes:
        if isinstance(cause, StepError):  # of the guard, wrapped by urllib3
            return cause
    sent = not any(isinstance(cause, NotSentError) for cause in causes)
    message = say("The request to %(url)s failed. %(reason)s", url=name(target), reason=why_failed(error))
    return StepError(message, details={"sent": True} if sent else None)


def _refuse_headers(answer: BaseHTTPResponse, target: Url) -> None:
    """StepError for more of them than anybody needs."""
    if sum(len(key) + len(value) for key, value in answer.headers.items()) > MAX_HEADERS:
        answer.close()
        raise StepError(
            say("%(target)s responded with more than 64 KiB of headers.", target=name(target)), permanent=True
        )


def _chunks(answer: BaseHTTPResponse, target: Url) -> Iterator[bytes]:
    try:
        while chunk := answer.read(CHUNK):
            yield chunk
    except (HTTPError, HTTPException, OSError) as error:
        raise broken(error, target) from error


def _too_large(target: Url, most: int) -> StepError:
    return StepError(
        say(
            "%(target)s responded with more than %(most)s MiB. Request less data.",
            target=name(target),
            most=most // 2**20,
        ),
        permanent=True,
        details={"too_large": True},
    )
