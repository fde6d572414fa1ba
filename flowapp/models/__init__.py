"""The tables: one file for each family of nouns."""

from flowapp.models.base import Base, Tenant, first_id, iso, new_id, read_id, utcnow
from flowapp.models.crm import (
    CONSENTS,
    DEAL_STATUSES,
    FIELD_OBJECTS,
    FIELD_TYPES,
    TASK_PRIORITIES,
    TASK_TYPES,
    VIEW_LAYOUTS,
    VIEW_OBJECTS,
    Company,
    Contact,
    ContactEmail,
    ContactList,
    Deal,
    DealContact,
    DistinctPair,
    FieldDef,
    FieldValue,
    Import,
    ImportPart,
    ListMember,
    Note,
    Pipeline,
    RecordMerge,
    Stage,
    Tag,
    Tagging,
    Task,
    View,
    ViewDefault,
)
from flowapp.models.execution import (
    EXECUTION_STATUSES,
    IS_ABOUT,
    IS_DEAD,
    IS_HELD,
    IS_OPEN,
    OPEN,
    TERMINAL,
    TEST,
    Execution,
    Lease,
    LogLine,
    StepRun,
    Timer,
)
from flowapp.models.identity import (
    CREDENTIAL_TYPES,
    ROLES,
    AccessToken,
    AuditEntry,
    EndedSession,
    Integration,
    Invitation,
    Member,
    Organization,
    OrganizationKey,
    PasswordReset,
    User,
    conventions_of,
)
from flowapp.models.marketing import EmailTemplate
from flowapp.models.numbers import Counter, Numbered, by_reference, id_of, read_number
from flowapp.models.operations import (
    JOB_OPEN,
    JOB_STATUSES,
    PROCESS_KINDS,
    REPLAY_STATUSES,
    Heartbeat,
    InstallationSetting,
    IntegrationUsage,
    Job,
    JobFailure,
    JobFile,
    JobRun,
    Notification,
    NotificationSetting,
    Replay,
)
from flowapp.models.project import CaughtMail, DataTable, Form, Project, Schema, Submission
from flowapp.models.search import ExecutionWord
from flowapp.models.signal import BranchCount, Event, EventKey, Signal, Subscription
from flowapp.models.workflow import (
    POLL_STATUSES,
    WORKFLOW_STATUSES,
    ReceivedCall,
    Trigger,
    TriggerPoll,
    Version,
    Workflow,
    WorkflowSize,
)

__all__ = [
    "CONSENTS", "CREDENTIAL_TYPES", "DEAL_STATUSES", "EXECUTION_STATUSES", "FIELD_OBJECTS", "FIELD_TYPES", "IS_ABOUT", "IS_DEAD", "IS_HELD", "IS_OPEN", "JOB_OPEN", "JOB_STATUSES", "OPEN", "POLL_STATUSES", "PROCESS_KINDS", "REPLAY_STATUSES", "ROLES", "TASK_PRIORITIES", "TASK_TYPES", "TERMINAL", "TEST", "VIEW_LAYOUTS", "VIEW_OBJECTS", "WORKFLOW_STATUSES", "AccessToken", "AuditEntry", "Base", "BranchCount", "CaughtMail", "Company", "Contact", "ContactEmail", "ContactList", "Counter", "DataTable", "Deal", "DealContact", "DistinctPair", "EmailTemplate", "EndedSession", "Event", "EventKey", "Execution", "ExecutionWord", "FieldDef", "FieldValue", "Form", "Heartbeat", "Import", "ImportPart", "InstallationSetting", "Integration", "IntegrationUsage", "Invitation", "Job", "JobFailure", "JobFile", "JobRun", "Lease", "ListMember", "LogLine", "Member", "Note", "Notification", "NotificationSetting", "Numbered", "Organization", "OrganizationKey", "PasswordReset", "Pipeline", "Project", "ReceivedCall", "RecordMerge", "Replay", "Schema", "Signal", "Stage", "StepRun", "Submission", "Subscription", "Tag", "Tagging", "Task", "Tenant", "Timer", "Trigger", "TriggerPoll", "User", "Version", "View", "ViewDefault", "Workflow", "WorkflowSize", "by_reference", "conventions_of", "first_id", "id_of", "iso", "new_id", "read_id", "read_number", "utcnow",
]  # fmt: skip
