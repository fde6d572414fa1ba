"""Built files: `asset('app.css')` gives the address of the one with the content's hash, from the build's manifest.

They are sent as the build compressed them, where the browser takes that.
"""

from __future__ import annotations

import json
import mimetypes
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

from flask import Flask, Response, current_app, request, send_from_directory, url_for
from werkzeug.security import safe_join

from flowapp.errors import ConfigError


class Form(NamedTuple):
    """A compressed form of a built file: what HTTP calls it, and how its name ends."""

    encoding: str
    suffix: str


_FORMS = (Form("br", ".br"), Form("gzip", ".gz"))


@lru_cache(maxsize=1)
def _manifest(folder: str) -> dict[str, str]:
    path = Path(folder) / "dist" / "manifest.json"
    if not path.exists():
        raise ConfigError("The assets are not built. Run `make setup`.")
    manifest: dict[str, str] = json.loads(path.read_text(encoding="utf-8"))
    return manifest


def send_static(filename: str) -> Response:
    """A static file in the smallest form that the browser takes and the build made. Each form has an ETag of its own."""
    folder = str(current_app.static_folder)
    made = [form for form in _FORMS if Path(safe_join(folder, filename + form.suffix) or "").is_file()]
    form = next((form for form in made if request.accept_encodings[form.encoding]), None)
    if form is None:
        response = current_app.send_static_file(filename)
    else:
        kind = mimetypes.guess_type(filename)[0]
        age = current_app.get_send_file_max_age(filename)
        response = send_from_directory(folder, filename + form.suffix, mimetype=kind, max_age=age)
        response.content_encoding = form.encoding
    if made:
        response.vary.add("Accept-Encoding")
    return response


def init_app(app: Flask) -> None:
    """Gives the templates `asset(name)`, and sends the files."""

    def asset(name: str) -> str:
        return url_for("static", filename="dist/" + _manifest(str(app.static_folder))[name])

    app.jinja_env.globals["asset"] = asset
    app.view_functions["static"] = send_static
