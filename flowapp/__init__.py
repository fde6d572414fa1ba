"""Flowapp: self-hosted workflow automation with its own CRM.

Imports are made inside create_app(): the launcher lives in this package too, and must stay small.
"""

from __future__ import annotations

from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from apiflask import APIFlask

    from flowapp.config import Settings

ROOT = Path(__file__).resolve().parent.parent


def create_app(settings: Settings | None = None) -> APIFlask:
    """The application: settings, extensions, catalog, pages, API. ConfigError where a setting cannot be used."""
    from flowapp import catalog, logs, web
    from flowapp.config import VERSION, Settings
    from flowapp.extensions import sock
    from flowapp.web.fast_path import Application

    settings = settings or Settings.from_env()
    logs.configure(settings.log_level, settings.log_format)
    app = Application(
        "flowapp",
        title="Flowapp",
        version=VERSION,
        json_errors=False,
        docs_path=None,
        spec_path=None,
        root_path=str(ROOT / "flowapp"),
        template_folder=str(ROOT / "templates"),
        static_folder=str(ROOT / "static"),
        static_url_path="/static",
    )
    app.extensions["settings"] = settings
    _configure(app, settings)
    _connect(app, settings)
    sock.init_app(app)
    web.init_app(app)
    catalog.load()
    _register_rooms(app)
    return app


def _configure(app: APIFlask, settings: Settings) -> None:
    from werkzeug.middleware.proxy_fix import ProxyFix

    from flowapp.broker import PATIENCE
    from flowapp.config import MAX_FILE
    from flowapp.models.tenancy import engine_options

    redis_url = settings.redis_url.replace("unix://", "redis+unix://")
    app.config.update(
        SECRET_KEY=settings.secret_key,
        SQLALCHEMY_DATABASE_URI=settings.database_url,
        SQLALCHEMY_ENGINE_OPTIONS=engine_options(settings),
        MAX_CONTENT_LENGTH=settings.max_body + 65_536,
        MAX_FORM_MEMORY_SIZE=settings.max_body + 65_536,
        MAX_FILE_LENGTH=MAX_FILE + settings.max_body + 65_536,  # of a form with files, which are written to disk
        PERMANENT_SESSION_LIFETIME=timedelta(days=14),
        SESSION_COOKIE_NAME="flowapp_session",
        SESSION_COOKIE_HTTPONLY=True,
        SESSION_COOKIE_SAMESITE="Lax",
        SESSION_COOKIE_SECURE=settings.cookie_secure == "yes",
        SEND_FILE_MAX_AGE_DEFAULT=timedelta(days=365),
        WTF_CSRF_CHECK_DEFAULT=False,  # web.access checks it where a session, not a token, signed the caller in
        WTF_CSRF_TIME_LIMIT=None,
        RATELIMIT_STORAGE_URI=redis_url,
        RATELIMIT_STORAGE_OPTIONS=PATIENCE,
        BABEL_TRANSLATION_DIRECTORIES=str(ROOT / "flowapp" / "translations"),
        SOCK_SERVER_OPTIONS={"ping_interval": 25, "max_message_size": 65_536},
    )
    if settings.trusted_proxies:
        hops = settings.trusted_proxies
        app.wsgi_app = ProxyFix(app.wsgi_app, x_for=hops, x_proto=hops, x_host=hops)  # type: ignore[method-assign]


def _connect(app: APIFlask, settings: Settings) -> None:
    """Database and broker; neither is spoken to yet."""
    from flowapp import tasks
    from flowapp.extensions import db
    from flowapp.models.tenancy import prepare_engine
    from flowapp.security import installation_keys
    from flowapp.tasks.fleet.heartbeats import Heart

    db.init_app(app)
    with app.app_context():
        prepare_engine(db.engine, settings)
        runtime = tasks.Runtime.make(settings, db.engine)
    tasks.init(runtime)
    app.extensions["key_check"] = partial(installation_keys.refuse_wrong, settings, runtime.engine)
    app.extensions["heart"] = Heart(runtime, "web", lambda: 0.0)  # a server starts it: gunicorn.conf.py


def _register_rooms(app: APIFlask) -> None:
    """Every file of pages/ and api/ brings its own `bp` (and a page its NAV entries): adding one touches nothing else."""
    import importlib
    import pkgutil

    from flowapp import cli, live
    from flowapp.web import nav

    for room in ("pages", "api"):
        package = importlib.import_module(f"flowapp.{room}")
        for info in pkgutil.walk_packages(package.__path__, f"{package.__name__}."):
            module = importlib.import_module(info.name)
            if hasattr(module, "bp"):
                app.register_blueprint(module.bp)
            nav.add(getattr(module, "NAV", None))
    live.init_app(app)
    cli.init_app(app)
