"""AWS's own library, whose calls go out as all others do: behind the egress guard.

It knows what the integration says and nothing else: no environment, no ~/.aws, no metadata service of a cloud.
"""

from __future__ import annotations

import io
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from threading import Lock
from typing import TYPE_CHECKING, cast

from flowapp.catalog import HttpResponse
from flowapp.catalog.http_answers import failed
from flowapp.connectors.runner import Service
from flowapp.errors import StepError
from flowapp.texts import say

if TYPE_CHECKING:
    import boto3
    from _typeshed import ReadableBuffer
    from botocore.awsrequest import AWSPreparedRequest, AWSResponse
    from botocore.client import BaseClient

MAX_OBJECT = 10 * 2**20  # bytes that a step reads
DEFAULT_REGION = "us-east-1"
# What the guard's HTTP says itself; none of it is signed but the host, which it says alike.
_NOT_OURS = frozenset({"host", "content-length", "transfer-encoding", "connection", "expect", "user-agent"})
# https://docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html
_TEMPORARY = frozenset({"OperationAborted", "RequestTimeout", "SlowDown"})
_making = Lock()  # sessions of the library make one client at a time


@dataclass(slots=True)
class Storage:
    """The calls of one attempt. `last`: what was answered last."""

    service: Service
    client: BaseClient = field(init=False)
    last: HttpResponse | None = None

    def __post_init__(self) -> None:
        self.client = _client(self.service)
        self.client.meta.events.register("before-send.s3", self._send)

    def ask(self, operation: str, name: str, **params: object) -> dict[str, object]:
        """What the storage answers. StepError with its own words where it refuses. `name`: what is done, for people."""
        from botocore.exceptions import BotoCoreError, ClientError

        with self.service.used(self.service.handle.id):
            try:
                answer: dict[str, object] = getattr(self.client, operation)(**params)
            except ClientError as error:
                raise self._refused(error.response, name) from None
            except BotoCoreError as error:  # a bucket or key that cannot be one, an answer that is none
                raise StepError(_told(name, str(error)), permanent=True) from None
        return answer

    def presigned(self, operation: str, name: str, params: Mapping[str, object], seconds: int) -> str:
        """An address that needs no credentials for so long. Nobody is called."""
        from botocore.exceptions import BotoCoreError

        try:
            return str(self.client.generate_presigned_url(operation, Params=dict(params), ExpiresIn=seconds))
        except BotoCoreError as error:
            raise StepError(_told(name, str(error)), permanent=True) from None

    def _send(self, request: AWSPreparedRequest, **_: object) -> AWSResponse:
        """In the place of the library's own connections: what answers `before-send` is never sent by the library."""
        from botocore.awsrequest import AWSResponse
        from urllib3 import HTTPResponse

        body = _Answer()
        answer = self.service.http.request(
            request.method,
            request.url,
            headers=_headers(request.headers),
            body=_bytes(request.body),
            timeout=self.service.timeout,
            into=body,
        )
        self.last = answer
        content = body.getvalue() if answer.status < 400 else answer.text.encode()
        headers = {name: one if isinstance(one, str) else ", ".join(one) for name, one in answer.headers.items()}
        told = next((one for name, one in headers.items() if name.lower() == "content-length"), "0")
        size = told if request.method == "HEAD" else str(len(content))
        headers = {
            name: one for name, one in headers.items() if name.lower() not in ("content-length", "transfer-encoding")
        }
        raw = HTTPResponse(io.BytesIO(content), preload_content=False)
        return AWSResponse(request.url, answer.status, {**headers, "content-length": size}, raw)

    def _refused(self, response: Mapping[str, Mapping[str, object]], name: str) -> StepError:
        error, answer = response.get("Error", {}), self.last
        code = str(error.get("Code") or "")
        message = _told(name, ": ".join(filter(None, (code, str(error.get("Message") or "")))))
        if answer is None:
            return StepError(message, permanent=True)
        refused = failed(answer, message, self.service.now())
        status = cast(
            int, response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
        )  # 500 also for an error under status 200
        if status >= 500 or code in _TEMPORARY:
            refused.permanent = False
        if status == 429 or code == "SlowDown":
            refused.details["busy"] = True
        return refused


class _Answer(io.BytesIO):
    """An answer in memory, of MAX_OBJECT bytes at most."""

    def write(self, data: ReadableBuffer, /) -> int:
        if self.tell() + memoryview(data).nbytes > MAX_OBJECT:
            message = say(
                "The object is larger than %(most)s MiB. Hand on a presigned URL instead.", most=MAX_OBJECT // 2**20
            )
            raise StepError(message, permanent=True)
        return super().write(data)


def _told(name: str, reason: str) -> str:
    return say("%(service)s refused “%(action)s”: %(reason)s", service="S3", action=name, reason=reason[:300])


def _headers(given: Mapping[str, object]) -> dict[str, str]:
    sent = {str(name): value.decode() if isinstance(value, bytes) else str(value) for name, value in given.items()}
    # An object that is kept packed comes packed only where that is asked for.
    return {name: value for name, value in sent.items() if name.lower() not in _NOT_OURS} | {
        "Accept-Encoding": "identity"
    }


def _bytes(body: object) -> bytes | None:
    """The library has it as bytes, or as a file of them in memory."""
    if body is None:
        return None
    if isinstance(body, io.IOBase):
        body = body.read()
    return body.encode() if isinstance(body, str) else bytes(cast("ReadableBuffer", body))


def _client(service: Service) -> BaseClient:
    from botocore.config import Config

    config, credentials = service.handle.config, service.handle.credentials
    endpoint, style = config["endpoint"].strip(), config["addressing"]
    if style == "auto":
        style = "path" if endpoint else "virtual"
    with _making:
        return _session().client(
            "s3",
            region_name=config["region"].strip() or DEFAULT_REGION,
            endpoint_url=endpoint or None,
            aws_access_key_id=credentials["access_key_id"],
            aws_secret_access_key=credentials["secret_access_key"],
            aws_session_token=credentials["session_token"].strip() or None,
            verify=True,
            config=Config(
                signature_version="s3v4",
                s3={"addressing_style": style},
                retries={"total_max_attempts": 1},  # the engine tries again
                ignore_configured_endpoint_urls=True,
                request_checksum_calculation="when_required",  # storages besides AWS's refuse more
                response_checksum_validation="when_required",
            ),
        )


@cache
def _session() -> boto3.Session:
    """The library takes 20 MB: it is loaded by the first step that uses it. It reads its settings here, and nowhere else."""
    import boto3
    import botocore.session
    from botocore.configprovider import BOTOCORE_DEFAUT_SESSION_VARIABLES, ConfigValueStore, ConstantProvider

    settings = {name: said[2] for name, said in BOTOCORE_DEFAUT_SESSION_VARIABLES.items()}
    settings |= {"config_file": os.devnull, "credentials_file": os.devnull}
    session = botocore.session.Session()
    store = ConfigValueStore({name: ConstantProvider(value) for name, value in settings.items()})
    session.register_component("config_store", store)
    return boto3.Session(botocore_session=session)
