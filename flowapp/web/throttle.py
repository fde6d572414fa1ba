"""Guessing passwords, and asking for new ones: how many tries one address has, for one person and altogether."""

from __future__ import annotations

import hashlib
import time
from functools import lru_cache

import redis
from flask import current_app
from flask_babel import gettext as _
from limits import RateLimitItemPerMinute
from limits.storage import MemoryStorage
from limits.strategies import FixedWindowRateLimiter, RateLimiter

from flowapp.errors import ThrottledError
from flowapp.extensions import limiter, peer

PER_PERSON = RateLimitItemPerMinute(10, 15)
PER_ADDRESS = RateLimitItemPerMinute(100, 15)


def count_try(email: str, what: str = "login") -> None:
    """Counts a try at the password of `email` (as accounts.read_email gives it), or at something else that is counted by
    itself. ThrottledError after too many.

    The address comes first: one that has used up its tries makes no new key for whatever it writes.
    """
    for limit, key in ((PER_ADDRESS, (what, peer())), (PER_PERSON, _person(email, what))):
        if not _limiter().hit(limit, *key):
            seconds = max(1, int(_limiter().get_window_stats(limit, *key).reset_time - time.time()) + 1)
            minutes = -(-seconds // 60)
            raise ThrottledError(
                _("Too many sign-in attempts. Try again in %(minutes)s min.", minutes=minutes)
                if what == "login"
                else _("Too many attempts. Try again in %(minutes)s min.", minutes=minutes),
                seconds,
            )


def forget_tries(email: str) -> None:
    """After the right password: the person's tries begin anew, those of the address do not."""
    _limiter().clear(PER_PERSON, *_person(email))


def _person(email: str, what: str = "login") -> tuple[str, ...]:
    return what, hashlib.sha256(email.encode()).hexdigest(), peer()


def _limiter() -> RateLimiter:
    """Counts in Redis, for all processes together; while Redis does not answer, in this process."""
    try:
        if limiter.storage.check():
            return limiter.limiter
    except redis.RedisError:
        current_app.logger.warning("Redis does not respond: sign-in attempts are counted in this process only")
    return _own_limiter()


@lru_cache(maxsize=1)
def _own_limiter() -> RateLimiter:
    return FixedWindowRateLimiter(MemoryStorage())
