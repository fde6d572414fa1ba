"""The outgoing connections of this process: HTTP pools, and for each organization the guard that judges its calls.

Organizations that allow nothing of their own share one pool. Others have theirs: a connection that one of them opened
inside must never be used for another.
"""

from __future__ import annotations

import socket
import time
from collections.abc import Callable
from functools import lru_cache

from sqlalchemy import Engine, make_url

from flowapp.accounts.installation import first_organization
from flowapp.accounts.outgoing import allowed_of, may_allow, refused
from flowapp.catalog import HttpResponse
from flowapp.config import Settings
from flowapp.models import Organization
from flowapp.models.tenancy import system_session
from flowapp.security.addresses import Guard
from flowapp.security.database_files import DatabaseFiles
from flowapp.security.egress import SafeHttp

KNOWN_SECONDS = 10  # what an organization allows is asked for at most so often
ORGANIZATIONS = 1000  # of which a process remembers it
POOLS = 64  # kept at once


class Outgoing:
    """Gives each organization the HTTP that it may call with."""

    def __init__(self, settings: Settings, engine: Engine) -> None:
        self._settings, self._engine = settings, engine
        self._http = lru_cache(POOLS)(self._made)
        self._known = lru_cache(ORGANIZATIONS)(self._asked)

    def http(self, organization_id: str) -> SafeHttp:
        """Its pools, and their guard."""
        own, settable, first = self._known(organization_id, int(time.monotonic() // KNOWN_SECONDS))
        return self._http(organization_id if own else "", own, settable, first)

    def is_settable(self, organization_id: str) -> bool:
        """Whether the organization may allow private addresses for itself."""
        return self._known(organization_id, int(time.monotonic() // KNOWN_SECONDS))[1]

    def refuse_setting(self, organization_id: str) -> None:
        """ForbiddenError where it may not."""
        if not self.is_settable(organization_id):
            raise refused()

    def forget(self) -> None:
        """What organizations allow is asked for again: it was changed here."""
        self._known.cache_clear()

    def _asked(self, organization_id: str, _when: int) -> tuple[tuple[str, ...], bool, bool]:
        """What it allows, whether it may, and whether it is the one that runs the installation."""
        with system_session(self._engine) as system:
            settable = may_allow(system, self._settings, organization_id)
            organization = system.get(Organization, organization_id) if settable else None
            first = bool(self._settings.sqlite_folder) and first_organization(system) == organization_id
            return tuple(allowed_of(organization)) if organization else (), settable, first

    def _made(self, _organization_id: str, own: tuple[str, ...], settable: bool, first: bool) -> SafeHttp:
        url = make_url(self._settings.database_url)
        ours = [url.database] if self._settings.is_sqlite and url.database else []
        files = DatabaseFiles(self._settings.sqlite_folder, ours) if first else None
        guard = Guard(self._settings.egress_allow, own=own, settable=settable, files=files)
        return SafeHttp(guard=guard, max_download=self._settings.download_size * 2**20)


class StepConnections:
    """What the steps of an organization open connections with. It is looked up with the first of them: most have none."""

    def __init__(self, outgoing: Outgoing, organization_id: str) -> None:
        self._outgoing, self._organization_id = outgoing, organization_id

    @property
    def http(self) -> SafeHttp:
        """The organization's, by what it allows now."""
        return self._outgoing.http(self._organization_id)

    @property
    def request(self) -> Callable[..., HttpResponse]:
        """Implements `catalog.Http`."""
        return self.http.request

    @property
    def guard(self) -> Guard:
        """It judges every connection."""
        return self.http.guard

    def connect(self, host: str, port: int, timeout: float) -> socket.socket:
        """Implements `ctx.connect`."""
        return self.guard.connect(host, port, timeout)

    def addresses(self, host: str, port: int) -> list[str]:
        """Implements `ctx.addresses`."""
        return self.guard.addresses(host, port)

    def database_file(self, name: str) -> str:
        """Implements `ctx.database_file`."""
        return self.guard.database_file(name)
