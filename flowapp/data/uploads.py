"""Files between their upload and what is done with them: on disk, each for who uploaded it, and for a day at most."""

from __future__ import annotations

import errno
import hashlib
import re
import secrets
import time
from pathlib import Path
from typing import BinaryIO

from flowapp.errors import InvalidError, StorageFullError, TooLargeError
from flowapp.texts import say

KEPT = 24 * 3600  # seconds
AT_ONCE = 5  # of one owner; an older one gives way
_CHUNK = 1 << 16
_TOKEN = re.compile(r"[A-Za-z0-9_-]{32}")


class Uploads:
    """The files in a folder; `owner` is any text that names whose they are."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def keep(self, owner: str, stream: BinaryIO, limit: int) -> str:
        """Writes a file, and returns the token by which its owner finds it again. TooLargeError past `limit` bytes."""
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._tidy(owner)
        token = secrets.token_urlsafe(24)
        path = self._path(owner, token)
        try:
            _write(path, stream, limit)
        except BaseException as error:
            path.unlink(missing_ok=True)
            if isinstance(error, OSError) and error.errno == errno.ENOSPC:
                raise StorageFullError(say("The disk is full, so the file could not be stored.")) from None
            raise
        return token

    def read(self, owner: str, token: str) -> bytes:
        """The file. InvalidError at `file` where it is not there, any more or on this machine."""
        try:
            if _TOKEN.fullmatch(token):
                return self._path(owner, token).read_bytes()
        except FileNotFoundError:
            pass
        raise InvalidError.at("file", say("The upload was lost. Choose the file again."))

    def drop(self, owner: str, token: str) -> None:
        """The file is not needed any more."""
        if _TOKEN.fullmatch(token):
            self._path(owner, token).unlink(missing_ok=True)

    def _path(self, owner: str, token: str) -> Path:
        return self._folder / f"{_digest(owner)}.{token}"

    def _tidy(self, owner: str) -> None:
        """Deletes what is too old, and all but the newest of the owner's."""
        now, own = time.time(), []
        for path in self._folder.iterdir():
            try:
                age = now - path.stat().st_mtime
            except FileNotFoundError:
                continue
            if age > KEPT:
                path.unlink(missing_ok=True)
            elif path.name.startswith(f"{_digest(owner)}."):
                own.append((age, path))
        for _, path in sorted(own)[AT_ONCE - 1 :]:
            path.unlink(missing_ok=True)


def _write(path: Path, stream: BinaryIO, limit: int) -> None:
    size = 0
    with path.open("xb") as file:
        path.chmod(0o600)
        while chunk := stream.read(_CHUNK):
            size += len(chunk)
            if size > limit:
                raise TooLargeError(say("The file can have at most %(limit)s MiB.", limit=limit // 2**20))
            file.write(chunk)


def _digest(owner: str) -> str:
    return hashlib.sha256(owner.encode()).hexdigest()[:32]
