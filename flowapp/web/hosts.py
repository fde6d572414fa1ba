"""Under which names this installation is asked for.

A page of another site can give its own name this machine's address (DNS rebinding) and then read what is answered to
it: what nobody has to sign in for is answered under known names only.
"""

from __future__ import annotations

import ipaddress
from urllib.parse import urlsplit

from flask import current_app, request

from flowapp.accounts import installation
from flowapp.extensions import db


def is_known_host() -> bool:
    """Whether the request names a loopback name, the public address's host, or one of FLOWAPP_ALLOWED_HOSTS."""
    settings, name = current_app.extensions["settings"], _name(f"//{request.host}")
    if _is_loopback(name) or name in settings.allowed_hosts:
        return True
    return bool(name) and name == _name(installation.address(db.engine, settings))


def _name(url: str) -> str:
    """The host's name in lower case; empty where there is none."""
    try:
        return (urlsplit(url).hostname or "").rstrip(".")
    except ValueError:
        return ""


def _is_loopback(name: str) -> bool:
    try:
        return ipaddress.ip_address(name).is_loopback
    except ValueError:
        return name == "localhost"
