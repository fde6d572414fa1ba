"""The CRM: whom the organization deals with, what it sells them, and what is to be done."""

from flowapp.models.crm.activities import TASK_PRIORITIES, TASK_TYPES, Note, Task
from flowapp.models.crm.deals import DEAL_STATUSES, Deal, DealContact, Pipeline, Stage
from flowapp.models.crm.fields import FIELD_OBJECTS, FIELD_TYPES, FieldDef, FieldValue
from flowapp.models.crm.imports import Import, ImportPart
from flowapp.models.crm.labels import ContactList, ListMember, Tag, Tagging
from flowapp.models.crm.merges import DistinctPair, RecordMerge
from flowapp.models.crm.people import CONSENTS, Company, Contact, ContactEmail
from flowapp.models.crm.views import VIEW_LAYOUTS, VIEW_OBJECTS, View, ViewDefault

__all__ = [
    "CONSENTS", "DEAL_STATUSES", "FIELD_OBJECTS", "FIELD_TYPES", "TASK_PRIORITIES", "TASK_TYPES", "VIEW_LAYOUTS", "VIEW_OBJECTS", "Company", "Contact", "ContactEmail", "ContactList", "Deal", "DealContact", "DistinctPair", "FieldDef", "FieldValue", "Import", "ImportPart", "ListMember", "Note", "Pipeline", "RecordMerge", "Stage", "Tag", "Tagging", "Task", "View", "ViewDefault",
]  # fmt: skip
