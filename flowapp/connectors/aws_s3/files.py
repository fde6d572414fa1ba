"""What can be done with the objects of a bucket. https://docs.aws.amazon.com/AmazonS3/latest/API/"""

from __future__ import annotations

import re
from base64 import b64encode
from collections.abc import Mapping
from datetime import datetime
from mimetypes import guess_type
from typing import BinaryIO, cast

from flowapp import exact_json
from flowapp.catalog import StepContext
from flowapp.catalog.outgoing.files import File
from flowapp.connectors.aws_s3.library import Storage
from flowapp.connectors.runner import Service
from flowapp.connectors.runner.paging import tell_of_more
from flowapp.errors import StepError
from flowapp.texts import say

Values = Mapping[str, object]
Result = dict[str, object]
PAGE = 1000
_NOT_FOUND = 404
_LONGEST_KEY = 1024  # bytes
_HALF = re.compile("[\ud800-\udfff]")  # of a surrogate pair
_SENDABLE = re.compile(r"[\x20-\x7e]+")
_TEXT = "text/plain; charset=utf-8"


def put_object(_ctx: StepContext, service: Service, values: Values) -> Result:
    """Writes an object, in the place of one that is there."""
    place = _place(service, values)
    content, kind = _content(values.get("data"), place["Key"])
    kind = str(values.get("content_type") or kind).strip()
    if not _SENDABLE.fullmatch(kind):
        raise StepError(say("“Content type” is none: enter one such as text/plain."), permanent=True)
    made = Storage(service).ask("put_object", say("Upload an object"), **place, Body=content, ContentType=kind)
    bucket, key = place["Bucket"], place["Key"]
    return {"bucket": bucket, "key": key, "size": len(content), "etag": _etag(made), "uri": f"s3://{bucket}/{key}"}


def get_object(_ctx: StepContext, service: Service, values: Values) -> Result:
    """Reads an object, of at most MAX_OBJECT bytes."""
    place = _place(service, values)
    found = Storage(service).ask("get_object", say("Read an object"), **place)
    content, kind = cast(BinaryIO, found["Body"]).read(), str(found.get("ContentType") or "")
    data = _data(content, kind, place["Key"], str(values["format"]))
    return {"data": data, "content_type": kind, "size": len(content), "etag": _etag(found), "key": place["Key"],
            "last_modified": _moment(found)}  # fmt: skip


def list_objects(ctx: StepContext, service: Service, values: Values) -> Result:
    """The objects whose keys begin with `prefix`, up to `most`, by pages of PAGE."""
    storage, most = Storage(service), cast(int, values["most"])
    asked: dict[str, object] = {"Bucket": _bucket(service, values), "Prefix": str(values.get("prefix") or "")}
    found: list[dict[str, object]] = []
    more = True
    while more and len(found) < most:
        page = storage.ask("list_objects_v2", say("List objects"), **asked, MaxKeys=min(PAGE, most - len(found)))
        found += [_entry(one) for one in cast(list[Result], page.get("Contents", []))]
        more = bool(page.get("IsTruncated")) and bool(page.get("NextContinuationToken"))
        asked["ContinuationToken"] = page.get("NextContinuationToken")
    if more:
        tell_of_more(ctx, len(found))
    return {"objects": found, "count": len(found), "more": more}


def copy_object(_ctx: StepContext, service: Service, values: Values) -> Result:
    """Copies within the storage, which does it by itself."""
    place = _place(service, values)
    source = _place(service, {"bucket": values.get("source_bucket"), "key": values["source_key"]})
    made = Storage(service).ask("copy_object", say("Copy an object"), **place, CopySource=source)
    bucket, key = place["Bucket"], place["Key"]
    answer = cast(Values, made.get("CopyObjectResult", {}))
    return {"bucket": bucket, "key": key, "etag": _etag(answer), "uri": f"s3://{bucket}/{key}"}


def head_object(_ctx: StepContext, service: Service, values: Values) -> Result:
    """What the storage knows of an object. That there is none is an answer, too."""
    try:
        found = Storage(service).ask("head_object", say("Look up an object"), **_place(service, values))
    except StepError as error:
        if error.details.get("status") != _NOT_FOUND:
            raise
        return {"found": False, "size": None, "content_type": None, "etag": None, "last_modified": None}
    return {"found": True, "size": found.get("ContentLength"), "content_type": str(found.get("ContentType") or ""),
            "etag": _etag(found), "last_modified": _moment(found)}  # fmt: skip


def delete_object(_ctx: StepContext, service: Service, values: Values) -> Result:
    """Deletes an object. The storage says the same where there was none."""
    place = _place(service, values)
    Storage(service).ask("delete_object", say("Delete an object"), **place)
    return {"bucket": place["Bucket"], "key": place["Key"]}


def presign_url(_ctx: StepContext, service: Service, values: Values) -> Result:
    """An address for who has no credentials, made without a call."""
    operation = "put_object" if values["use"] == "upload" else "get_object"
    minutes = cast(int, values["minutes"])
    place = _place(service, values)
    url = Storage(service).presigned(operation, say("Make a presigned URL"), place, minutes * 60)
    return {"url": url, "minutes": minutes}


def try_out(service: Service, _context: object) -> str:
    """Lists one object of the bucket, or the buckets where none is named."""
    storage = Storage(service)
    if bucket := str(service.handle.config["default_bucket"]).strip():
        storage.ask("list_objects_v2", say("Test"), Bucket=bucket, MaxKeys=1)
        return say("The bucket “%(bucket)s” can be read.", bucket=bucket)
    storage.ask("list_buckets", say("Test"))
    return say("The keys are accepted.")


def _bucket(service: Service, values: Values) -> str:
    bucket = str(values.get("bucket") or service.handle.config["default_bucket"]).strip()
    if not bucket:
        raise StepError(say("Enter a bucket, in the step or in the integration."), permanent=True)
    return bucket


def _place(service: Service, values: Values) -> dict[str, str]:
    key = str(values["key"])
    size = len(key.encode("utf-8", "surrogatepass"))
    if size > _LONGEST_KEY:
        raise StepError(say("A key can have at most %(most)s bytes; this one has %(size)s.", most=_LONGEST_KEY, size=size), permanent=True)  # fmt: skip
    if "\0" in key or _HALF.search(key):
        raise StepError(say("A key cannot have a NUL or half a character in it."), permanent=True)
    if {".", ".."} & set(key.split("/")):  # HTTP resolves them, and the signature would be of another address
        raise StepError(say("A key cannot have “.” or “..” between slashes: “%(key)s”.", key=key[:200]), permanent=True)
    return {"Bucket": _bucket(service, values), "Key": key}


def _content(data: object, key: str) -> tuple[bytes, str]:
    """The bytes to write, and their content type: of text as it is, of a file of an earlier step, else JSON."""
    if data is None:
        raise StepError(say("There is nothing to upload: “data” has no value."), permanent=True)
    if isinstance(data, str):
        if _HALF.search(data):
            raise StepError(say("“Data” holds half a character (an unpaired surrogate). Replace it."), permanent=True)
        return data.encode(), guess_type(key)[0] or _TEXT
    if isinstance(data, Mapping) and isinstance(data.get("base64"), str):
        file = File.of(data)
        return file.content, file.content_type
    try:
        return exact_json.dumps(data, default=str), "application/json"
    except TypeError as error:
        raise StepError(say("This cannot be sent as JSON: %(error)s.", error=error), permanent=True) from None


def _data(content: bytes, kind: str, key: str, wanted: str) -> object:
    """An object as it is wanted; `auto`: JSON where it says that it is, text where it is text, else a file."""
    says_json = kind.partition(";")[0].strip().lower() == "application/json" or key.lower().endswith(".json")
    if wanted == "json" or (wanted == "auto" and says_json):
        try:
            return exact_json.loads(content)
        except ValueError:
            if wanted == "json":
                raise StepError(say("The object “%(key)s” is not JSON.", key=key[:200]), permanent=True) from None
    if wanted != "file":
        try:
            return content.decode()
        except UnicodeDecodeError:
            if wanted == "text":
                raise StepError(
                    say("The object “%(key)s” is not text in UTF-8.", key=key[:200]), permanent=True
                ) from None
    return {"base64": b64encode(content).decode(), "content_type": kind or "application/octet-stream",
            "filename": key.rpartition("/")[2] or "file"}  # fmt: skip


def _entry(one: Values) -> dict[str, object]:
    return {"key": one["Key"], "size": one.get("Size"), "etag": _etag(one), "last_modified": _moment(one)}


def _etag(answer: Values) -> str:
    return str(answer.get("ETag") or "").strip('"')


def _moment(answer: Values) -> str | None:
    moment = answer.get("LastModified")
    return moment.isoformat() if isinstance(moment, datetime) else None
