"""Services for steps that reach for nothing."""

from __future__ import annotations

from contextlib import nullcontext
from typing import Any

from flowapp.catalog.context import StepServices
from flowapp.engine.runtime.visit import Visit
from flowapp.values.conventions import Conventions


class NoServices(StepServices):
    """What engine tests hand to their steps, of every visit the same; a test sets what it needs."""

    timezone = "UTC"

    def __init__(self) -> None:
        self.http: Any = None
        self.connect: Any = None
        self.addresses: Any = None
        self.database_file: Any = None
        self.integration_used: Any = lambda _integration_id: nullcontext()
        self.mail: Any = None
        self.tables: Any = None
        self.schemas: Any = None
        self.integration: Any = None
        self.access_token: Any = None
        self.sandbox: Any = None
        self.workflows: Any = None
        self.people: Any = None
        self.crm: Any = None
        self.templates: Any = None
        self.conventions = Conventions
        self.calls: Any = None

    def of_visit(self, _visit: Visit, _step_id: str, _key: str) -> StepServices:
        return self

    def resume_url(self, execution_id: str) -> str:
        return f"http://flowapp.test/resume/{execution_id}"
