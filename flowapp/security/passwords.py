"""Passwords: argon2id with the library's defaults (RFC 9106, low-memory profile).

A hash takes 64 MiB and a tenth of a second: few are made at once, some callers wait, the others are told to come back.
Whoever calls holds no database connection meanwhile.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from flowapp.errors import BusyError, InvalidError
from flowapp.texts import say

MIN_LENGTH = 10
MAX_LENGTH = 200
LONGEST_TRY = 1000
AT_ONCE = 3  # hashes in one process
WAITING = 32  # callers behind them
PATIENCE = 3.0  # seconds that one waits
RETRY_AFTER = 2  # seconds
_hasher = PasswordHasher()
_hashing = threading.BoundedSemaphore(AT_ONCE)
_inside = threading.BoundedSemaphore(AT_ONCE + WAITING)


def hash_password(password: str) -> str:
    """The hash to store. InvalidError for a password that is too short, too long or on everybody's list; BusyError."""
    if len(password) < MIN_LENGTH:
        raise InvalidError.at("password", say("The password needs at least %(min)s characters.", min=MIN_LENGTH))
    if len(password) > MAX_LENGTH:
        raise InvalidError.at("password", say("The password can have at most %(max)s characters.", max=MAX_LENGTH))
    if len(set(password)) < 4 or password.lower() in {"1234567890", "password123", "motdepasse", "qwertyuiop"}:
        raise InvalidError.at("password", say("This password is too easy to guess. Choose another one."))
    with _turn():
        return _hasher.hash(password)


def check_password(stored: str, password: str) -> bool:
    """Whether `password` is the one. Takes as long for a user who does not exist (`stored` empty). BusyError."""
    with _turn():
        try:
            return _hasher.verify(stored or _nobodys_hash(), password[:LONGEST_TRY]) and bool(stored)
        except (VerificationError, InvalidHashError):
            return False


@contextmanager
def _turn() -> Iterator[None]:
    """Waits for one of the places. BusyError where too many wait already, or it takes too long."""
    if not _inside.acquire(blocking=False):
        raise _busy()
    try:
        if not _hashing.acquire(timeout=PATIENCE):
            raise _busy()
        try:
            yield
        finally:
            _hashing.release()
    finally:
        _inside.release()


def _busy() -> BusyError:
    return BusyError(say("Too many people are signing in right now. Try again in a few seconds."), RETRY_AFTER)


@cache
def _nobodys_hash() -> str:
    """Made when first needed: not every start shall wait for it."""
    return _hasher.hash("no such user")
