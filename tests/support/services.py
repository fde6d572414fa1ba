"""Services for steps that reach for nothing."""

from __future__ import annotations

from typing import Any


class NoServices:
    """What engine tests hand to their steps; a test sets what it needs."""

    http: Any = None
    mail: Any = None
    schemas: Any = None
    sandbox: Any = None
    timezone = "UTC"

    def tables(self, _key: str) -> Any:
        return None

    def integration(self, _reference: str) -> Any:
        return None

    def resume_url(self, execution_id: str) -> str:
        return f"http://flowapp.test/resume/{execution_id}"

    def workflows(self, _visit: Any, _token: str, _key: str) -> Any:
        return None

    def people(self, _visit: Any, _step_id: str, _key: str) -> Any:
        return None
