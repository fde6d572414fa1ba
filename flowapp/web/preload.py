"""What the first request would otherwise wait for: the mappers' configuration, and the templates that every page is made of."""

from __future__ import annotations

from flask import Flask
from sqlalchemy.orm import configure_mappers


def preload(app: Flask) -> None:
    """Builds it now. Called by a server once it has loaded the application (gunicorn.conf.py)."""
    configure_mappers()
    for name in app.jinja_env.list_templates(extensions=["html"]):
        if name.startswith("components/") or "/" not in name:
            app.jinja_env.get_template(name)
