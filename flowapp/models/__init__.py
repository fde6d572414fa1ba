"""The tables: one file for each family of nouns."""

from flowapp.models.base import Base, Tenant, new_id, utcnow
from flowapp.models.execution import (
    EXECUTION_STATUSES,
    TERMINAL,
    Event,
    Execution,
    Lease,
    LogLine,
    StepRun,
    Timer,
)
from flowapp.models.identity import (
    ROLES,
    AccessToken,
    AuditEntry,
    Integration,
    Invitation,
    Member,
    Organization,
    User,
)
from flowapp.models.studio import CaughtMail, DataTable, Form, Project, Schema, Submission
from flowapp.models.workflow import WORKFLOW_STATUSES, Trigger, Version, Workflow

__all__ = [
    "EXECUTION_STATUSES", "ROLES", "TERMINAL", "WORKFLOW_STATUSES", "AccessToken", "AuditEntry", "Base", "CaughtMail",
    "DataTable", "Event", "Execution", "Form", "Integration", "Invitation", "Lease", "LogLine", "Member",
    "Organization", "Project", "Schema", "StepRun", "Submission", "Tenant", "Timer", "Trigger", "User", "Version",
    "Workflow", "new_id", "utcnow",
]  # fmt: skip
