"""The workflow service: the only writer of workflows, versions and triggers.

Every function works in the caller's transaction and never commits. The session is one organization's. A draft is the
canonical definition (engine.language.definition) with the secrets of its triggers and steps sealed.
"""

from flowapp.workflows.branches import taken
from flowapp.workflows.drafts import create, delete, duplicate, restore, save_draft, undo, update
from flowapp.workflows.listing import find
from flowapp.workflows.manual_starts import Kind, trigger_meant
from flowapp.workflows.publishing import (
    activate,
    archive,
    pause,
    publish,
    reset_clocks,
    validate,
    version_to_run,
    version_to_test,
)
from flowapp.workflows.reading import definition_of, get, listed, shown_definition, workflow_json
from flowapp.workflows.statistics import Stats, statistics, totals

__all__ = [
    "Kind", "Stats", "activate", "archive", "create", "definition_of", "delete", "duplicate", "find",
    "get", "listed", "pause", "publish", "reset_clocks", "restore", "save_draft", "shown_definition", "statistics", "taken",
    "totals", "trigger_meant", "undo", "update", "validate", "version_to_run", "version_to_test", "workflow_json",
]  # fmt: skip
