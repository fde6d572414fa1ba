"""moto's server as an S3: an implementation that is not ours, with buckets and objects that tests can look into."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

KEYS = {"access_key_id": "AKIDEXAMPLE", "secret_access_key": "s3cr3t-key"}
_ACCOUNT = "123456789012"
_ALL = '{"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "s3:*", "Resource": "*"}]}'


@dataclass(frozen=True)
class Kept:
    """An object as it is kept."""

    body: bytes
    content_type: str


@dataclass(frozen=True)
class Storage:
    """The server and what it holds. Tests fill it without a call."""

    url: str

    @property
    def _backend(self) -> Any:
        from moto.s3.models import s3_backends

        return s3_backends[_ACCOUNT]["aws"]

    def bucket(self, name: str) -> None:
        """Makes a bucket."""
        self._backend.create_bucket(name, "eu-west-3")

    def put(self, bucket: str, key: str, content: bytes) -> None:
        """Puts an object into a bucket."""
        self._backend.put_object(bucket, key, content)

    @property
    def objects(self) -> dict[str, dict[str, Kept]]:
        """All objects by bucket and key."""
        return {
            name: {key: Kept(one.value, str(one.metadata.get("Content-Type"))) for key, one in bucket.keys.items()}
            for name, bucket in self._backend.buckets.items()
        }

    def etag(self, bucket: str, key: str) -> str:
        """As its owner sees it."""
        return str(self._backend.buckets[bucket].keys[key].etag).strip('"')

    def role(self) -> dict[str, str]:
        """Temporary keys of a role that may do anything with S3."""
        from moto.iam.models import iam_backends
        from moto.sts.models import sts_backends

        iam = iam_backends[_ACCOUNT]["aws"]
        role = iam.create_role("flowapp", "{}", "/", None, "", [], 3600)
        iam.put_role_policy("flowapp", "s3", _ALL)
        given = sts_backends[_ACCOUNT]["aws"].assume_role("eu-west-3", "session", role.arn, None, 900, "")
        return {
            "access_key_id": given.access_key_id,
            "secret_access_key": given.secret_access_key,
            "session_token": given.session_token,
        }

    def user(self) -> dict[str, str]:
        """The keys of a new user who may do anything with S3."""
        from moto.iam.models import iam_backends

        iam = iam_backends[_ACCOUNT]["aws"]
        iam.create_user("aws", "flowapp")
        iam.put_user_policy("flowapp", "s3", _ALL)
        key = iam.create_access_key("flowapp")
        return {"access_key_id": key.access_key_id, "secret_access_key": key.secret_access_key}


@contextmanager
def serving() -> Iterator[str]:
    """The address of a server on this machine."""
    from moto.server import ThreadedMotoServer

    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    try:
        host, port = server.get_host_and_port()
        yield f"http://{host}:{port}"
    finally:
        server.stop()


def emptied() -> None:
    """Forgets everything that is kept."""
    from moto.backends import get_backend

    for name in ("s3", "iam", "sts"):
        get_backend(name).reset()
