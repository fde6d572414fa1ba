"""One application for all tests whose settings are equal: to make one, and the code of its templates, takes half a second.

What belongs to one run of it is made anew for each test: the engine, the runtime (broker, connections to Redis, what is
remembered of the installation), the hub of the WebSockets, the heart, what limits counted
in this process, and what requests keep in `app.extensions`.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

from flowapp import create_app, live, tasks
from flowapp.api.public import hooks
from flowapp.config import Settings
from flowapp.extensions import db, limiter
from flowapp.tasks.fleet.heartbeats import Heart
from flowapp.web import throttle
from tests.support.databases import connected

MOST = 6


class _Application:
    def __init__(self, settings: Settings) -> None:
        self.app, self.settings = create_app(settings), settings
        self.extensions, self.config = dict(self.app.extensions), dict(self.app.config)
        self.runtime = tasks.runtime()
        self.runs, self.connection = False, ExitStack()

    def start(self) -> Any:
        """As if it had just been made."""
        self.runs = True
        for now, then in ((self.app.extensions, self.extensions), (self.app.config, self.config)):
            now.clear()
            now.update(then)
        with self.app.app_context():
            db.engines[None] = self.connection.enter_context(connected(self.settings))
            self.runtime = tasks.Runtime.make(self.settings, db.engine)
        tasks.init(self.runtime)
        limiter._storage_dead = False  # what it counted while Redis was slow, or away
        limiter._fallback_limiter.storage.reset()
        throttle._own_limiter.cache_clear()
        self.app.extensions["heart"] = Heart(self.runtime, "web", lambda: 0.0)
        live.open_hub(self.app)
        hooks.shorten(self.app)
        return self.app

    def stop(self) -> None:
        self.runs = False
        with self.app.app_context():
            db.session.remove()
        self.connection.close()


_made: OrderedDict[Settings, _Application] = OrderedDict()


@contextmanager
def running(settings: Settings) -> Iterator[Any]:
    """The application with these settings, just started."""
    made = _made.pop(settings, None)
    if made is None or made.runs:
        made = _Application(settings)
    _made[settings] = made
    if len(_made) > MOST:
        _made.popitem(last=False)
    try:
        yield made.start()
    finally:
        made.stop()
        # Flask's extensions are objects of the process: one that was made elsewhere, or for another Redis, has them now.
        if all(one.runtime is not tasks.runtime() for one in _made.values()) or len({s.redis_url for s in _made}) > 1:
            _made.clear()
