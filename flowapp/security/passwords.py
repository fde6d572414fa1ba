"""Passwords: argon2id with the library's defaults (RFC 9106, low-memory profile)."""

from __future__ import annotations

from functools import cache

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from flowapp.errors import InvalidError
from flowapp.texts import say

MIN_LENGTH = 10
MAX_LENGTH = 200
_hasher = PasswordHasher()


def hash_password(password: str) -> str:
    """The hash to store. InvalidError for a password that is too short, too long or on everybody's list."""
    if len(password) < MIN_LENGTH:
        raise InvalidError.at("password", say("The password needs at least %(min)s characters.", min=MIN_LENGTH))
    if len(password) > MAX_LENGTH:
        raise InvalidError.at("password", say("The password may have at most %(max)s characters.", max=MAX_LENGTH))
    if len(set(password)) < 4 or password.lower() in {"1234567890", "password123", "motdepasse", "qwertyuiop"}:
        raise InvalidError.at(
            "password", say("This password is among the first that anyone would guess. Choose another one.")
        )
    return _hasher.hash(password)


def check_password(stored: str, password: str) -> bool:
    """Whether `password` is the one. Takes as long for a user who does not exist (`stored` empty)."""
    try:
        return _hasher.verify(stored or _nobodys_hash(), password) and bool(stored)
    except (VerificationError, InvalidHashError):
        return False


@cache
def _nobodys_hash() -> str:
    """Made when first needed: not every start shall wait for it."""
    return _hasher.hash("no such user")
