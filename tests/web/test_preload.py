"""The first request after a start builds nothing that a server could have built before."""

from __future__ import annotations

from typing import Any

from flowapp import create_app
from flowapp.config import Settings
from flowapp.extensions import db


def test_the_first_page_compiles_its_own_templates_only(settings: Settings, monkeypatch: Any) -> None:
    app = create_app(settings)
    try:
        app.extensions["preload"]()
        compiled: list[str] = []
        compile_template = app.jinja_env.compile

        def note(source: Any, name: str | None = None, *rest: Any, **options: Any) -> Any:
            compiled.append(name or "")
            return compile_template(source, name, *rest, **options)

        monkeypatch.setattr(app.jinja_env, "compile", note)
        assert app.test_client().get("/setup").status_code == 200
        assert compiled
        assert [name for name in compiled if name.startswith("components/") or "/" not in name] == []
    finally:
        with app.app_context():
            db.engine.dispose()
