"""Addresses of built files: `asset('app.css')` gives the one with the content's hash, from the build's manifest."""

from __future__ import annotations

import json
from functools import lru_cache
from pathlib import Path

from flask import Flask, url_for

from flowapp.errors import ConfigError


@lru_cache(maxsize=1)
def _manifest(folder: str) -> dict[str, str]:
    path = Path(folder) / "dist" / "manifest.json"
    if not path.exists():
        raise ConfigError("The assets are not built. Run `make setup`.")
    manifest: dict[str, str] = json.loads(path.read_text(encoding="utf-8"))
    return manifest


def init_app(app: Flask) -> None:
    """Gives the templates `asset(name)`."""

    def asset(name: str) -> str:
        return url_for("static", filename="dist/" + _manifest(str(app.static_folder))[name])

    app.jinja_env.globals["asset"] = asset
