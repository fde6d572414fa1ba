"""What is shown once: a secret that a post made is carried to the page after it, and is forgotten when that is shown.

It is carried in the session's cookie, sealed, and stored nowhere. There is room for one.
"""

from __future__ import annotations

from flask import session

from flowapp import tasks
from flowapp.errors import ConfigError

_ROOM = "shown_once"


def keep(name: str, text: str) -> None:
    """Keeps a secret for the next page that asks for `name`."""
    session[_ROOM] = [name, tasks.runtime().vault.encrypt(text).decode()]


def take(name: str) -> str:
    """The secret that was kept under that name, which then is gone; empty where there is none."""
    kept, sealed = session.get(_ROOM) or ("", "")
    if kept != name:
        return ""
    del session[_ROOM]
    try:
        return str(tasks.runtime().vault.decrypt(sealed.encode()))
    except ConfigError:  # the key was taken away meanwhile
        return ""
