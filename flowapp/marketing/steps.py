"""What a step may do with e-mail templates: catalog.Templates over sessions."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol, TypeVar

from sqlalchemy.orm import Session

from flowapp.catalog import FilledTemplate
from flowapp.engine.language.scope import Scope
from flowapp.errors import StepError
from flowapp.marketing import email_templates, rendering
from flowapp.texts import say

T = TypeVar("T")


class Run(Protocol):
    """Runs `work` in a session of the organization."""

    def __call__(self, work: Callable[[Session], T]) -> T: ...


class StepTemplates:
    """The templates of a project, filled with what one visit of a step sees."""

    def __init__(self, run: Run, project_id: str, scope: Callable[[], Scope]) -> None:
        self._run, self._project_id, self._scope = run, project_id, scope

    def fill(self, reference: str, data: object) -> FilledTemplate | None:
        template = self._run(lambda session: email_templates.find(session, reference, self._project_id))
        return rendering.fill(template, self._scope(), data) if template else None

    def unknown(self, reference: str) -> StepError:
        near = self._run(lambda session: email_templates.suggestion(session, reference, self._project_id))
        message = say("There is no e-mail template “%(name)s”.%(near)s", name=reference[:200], near=near)
        return StepError(message, permanent=True)
