"""What stands between a request and a view: who calls, errors, headers, language, navigation, rendering."""

from __future__ import annotations

import json
from functools import partial

from flask import Flask, g
from flask_login import AnonymousUserMixin

from flowapp import tasks
from flowapp.catalog import ACTIONS
from flowapp.extensions import csrf, htmx, limiter, login
from flowapp.web import assets, headers, locale, nav, problems, texts
from flowapp.web.access import access, guard, public
from flowapp.web.nav import Nav
from flowapp.web.preload import preload
from flowapp.web.render import go, page, safe_next, to_url, wants_fragment
from flowapp.web.sessions import SessionInterface, load_user

__all__ = ["Nav", "access", "go", "init_app", "page", "public", "safe_next", "to_url", "wants_fragment"]


class Nobody(AnonymousUserMixin):  # type: ignore[misc]
    """The user of a request without a session."""

    name = ""
    email = ""


def _context() -> dict[str, object]:
    pause = tasks.runtime().pause.state
    return {"paused": pause, "actor": g.get("actor"), "organization": g.get("organization"), "member": g.get("member")}


def init_app(app: Flask) -> None:
    """Installs it all on the app."""
    app.session_interface = SessionInterface()
    htmx.init_app(app)
    csrf.init_app(app)
    limiter.init_app(app)
    login.init_app(app)
    login.user_loader(load_user)
    login.anonymous_user = Nobody
    login.session_protection = "basic"
    for part in (headers, locale, nav, assets, problems):
        part.init_app(app)
    app.context_processor(_context)
    app.jinja_env.filters["pretty_json"] = lambda data: json.dumps(data, indent=2, ensure_ascii=False, default=str)
    app.jinja_env.globals["spec_of"] = ACTIONS.get
    app.jinja_env.filters.update(branch_word=texts.branch_word, translated=texts.translated)
    app.before_request(guard)
    app.extensions["preload"] = partial(preload, app)  # a server calls it: gunicorn.conf.py
