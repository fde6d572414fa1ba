"""The events of the CRM: what became of contacts, companies, deals, tasks and notes. Nested and flat (DESIGN §8)."""

from __future__ import annotations

from flowapp.catalog import N_
from flowapp.events.payloads import Change, EventType, Payload

View = dict[str, object]
# What has a timeline: events about these are kept as long as the record, whatever retention says.
IN_TIMELINES = ("contact", "company", "deal", "task", "note")


class ContactFound(Payload):
    """The person whom an event is about, null where it is about none."""

    contact_id: str | None
    contact_name: str | None
    contact_email: str | None


class ContactPayload(Payload):
    """The contact as expressions see it."""

    contact: View
    contact_id: str
    contact_name: str
    contact_email: str
    owner_id: str | None


class ContactChanged(ContactPayload):
    """`changes` by field; empty for a new contact."""

    changes: dict[str, Change]


class ContactMerged(ContactChanged):
    """Which contact became a part of it."""

    merged_id: str
    merged_number: int | None
    merged_name: str


class ContactTagged(ContactPayload):
    """Which tag."""

    tag: str
    tag_id: str


class ContactListed(ContactPayload):
    """Which list."""

    list: str
    list_slug: str
    list_id: str


class CompanyPayload(Payload):
    """The company as expressions see it."""

    company: View
    company_id: str
    company_name: str
    owner_id: str | None


class CompanyChanged(CompanyPayload):
    """`changes` by field; empty for a new company."""

    changes: dict[str, Change]


class CompanyMerged(CompanyChanged):
    """Which company became a part of it."""

    merged_id: str
    merged_number: int | None
    merged_name: str


class CompanyTagged(CompanyPayload):
    """Which tag."""

    tag: str
    tag_id: str


class DealPayload(ContactFound):
    """The deal as expressions see it, with its first contact and its company (null where it has none)."""

    deal: View
    deal_id: str
    deal_title: str
    owner_id: str | None
    company_id: str | None
    contact: View | None
    company: View | None


class DealChanged(DealPayload):
    """`changes` by field; empty for a new deal."""

    changes: dict[str, Change]


class DealMoved(DealChanged):
    """From which stage to which: their names, and their ids."""

    old_stage: str
    new_stage: str
    old_stage_id: str
    new_stage_id: str


class DealTagged(DealPayload):
    """Which tag."""

    tag: str
    tag_id: str


class LinkedPayload(ContactFound):
    """What a task or a note is about; null where it is about none of the kind."""

    company_id: str | None
    company_name: str | None
    deal_id: str | None
    deal_title: str | None
    changes: dict[str, Change]


class TaskChanged(LinkedPayload):
    """The task as expressions see it; its owner is its assignee."""

    task: View
    task_id: str
    task_title: str
    owner_id: str | None


class NoteChanged(LinkedPayload):
    """The note."""

    note: View
    note_id: str


CRM_EVENTS = (
    EventType("contact.created", N_("A contact was created"), "contact", ContactChanged),
    EventType("contact.updated", N_("A contact was changed"), "contact", ContactChanged),
    EventType("contact.deleted", N_("A contact was put into the trash"), "contact", ContactChanged),
    EventType("contact.restored", N_("A contact was taken out of the trash"), "contact", ContactChanged),
    EventType("contact.merged", N_("Another contact was merged into it"), "contact", ContactMerged),
    EventType("contact.tag_added", N_("A contact got a tag"), "contact", ContactTagged),
    EventType("contact.tag_removed", N_("A contact lost a tag"), "contact", ContactTagged),
    EventType("contact.list_added", N_("A contact was added to a list"), "contact", ContactListed),
    EventType("contact.list_removed", N_("A contact was removed from a list"), "contact", ContactListed),
    EventType("company.created", N_("A company was created"), "company", CompanyChanged),
    EventType("company.updated", N_("A company was changed"), "company", CompanyChanged),
    EventType("company.deleted", N_("A company was put into the trash"), "company", CompanyChanged),
    EventType("company.restored", N_("A company was taken out of the trash"), "company", CompanyChanged),
    EventType("company.merged", N_("Another company was merged into it"), "company", CompanyMerged),
    EventType("company.tag_added", N_("A company got a tag"), "company", CompanyTagged),
    EventType("company.tag_removed", N_("A company lost a tag"), "company", CompanyTagged),
    EventType("deal.created", N_("A deal was created"), "deal", DealChanged),
    EventType("deal.updated", N_("A deal was changed"), "deal", DealChanged),
    EventType("deal.stage_changed", N_("A deal moved to another stage"), "deal", DealMoved),
    EventType("deal.value_changed", N_("The value of a deal changed"), "deal", DealChanged),
    EventType("deal.won", N_("A deal was won"), "deal", DealChanged),
    EventType("deal.lost", N_("A deal was lost"), "deal", DealChanged),
    EventType("deal.deleted", N_("A deal was put into the trash"), "deal", DealChanged),
    EventType("deal.restored", N_("A deal was taken out of the trash"), "deal", DealChanged),
    EventType("deal.tag_added", N_("A deal got a tag"), "deal", DealTagged),
    EventType("deal.tag_removed", N_("A deal lost a tag"), "deal", DealTagged),
    EventType("task.created", N_("A task was created"), "task", TaskChanged),
    EventType("task.updated", N_("A task was changed"), "task", TaskChanged),
    EventType("task.completed", N_("A task was completed"), "task", TaskChanged),
    EventType("task.deleted", N_("A task was put into the trash"), "task", TaskChanged),
    EventType("task.restored", N_("A task was taken out of the trash"), "task", TaskChanged),
    EventType("note.created", N_("A note was written"), "note", NoteChanged),
    EventType("note.updated", N_("A note was changed"), "note", NoteChanged),
    EventType("note.deleted", N_("A note was put into the trash"), "note", NoteChanged),
    EventType("note.restored", N_("A note was taken out of the trash"), "note", NoteChanged),
)
