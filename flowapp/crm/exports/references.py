"""What the cells of many records name: owners by their addresses, companies by their names, tags, lists, contacts; as an
import finds them again."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence

from sqlalchemy import func, or_, select
from sqlalchemy.orm import Session

from flowapp.crm import tags
from flowapp.crm.imports.rows import joined
from flowapp.models import Company, Contact, ContactList, Deal, DealContact, ListMember, Stage, User, read_number
from flowapp.models.crm.base import Owned, Sourced
from flowapp.models.folding import folded as folded_column
from flowapp.values.text import folded

Texts = Mapping[str, str]  # by the record's id
Known = Mapping[str, Texts]  # by column
Records = Sequence[Sourced]


def read(session: Session, noun: str, records: Records, columns: Iterable[str]) -> Known:
    """The texts of those columns that name something else."""
    wanted = set(columns)
    known = {name: _READERS[name](session, records) for name in wanted & set(_READERS)}
    if noun == "deal" and wanted & {"stage", "pipeline"}:
        stages = {stage.id: stage for stage in session.scalars(select(Stage))}
        at = {record.id: stages[record.stage_id] for record in records if isinstance(record, Deal)}
        known["stage"] = {record_id: stage.name for record_id, stage in at.items()}
        known["pipeline"] = {record_id: stage.pipeline.name for record_id, stage in at.items()}
    return known


def _people(column: str) -> Callable[[Session, Records], Texts]:
    def emails(session: Session, records: Records) -> Texts:
        ids = {record.id: getattr(record, column) for record in records}
        people = select(User.id, User.email).where(User.id.in_({one for one in ids.values() if one}))
        known = {row.id: row.email for row in session.execute(people)}
        return {record_id: known.get(one, "") for record_id, one in ids.items()}

    return emails


def _companies(session: Session, records: Records) -> Texts:
    """By name, where that finds this company again; else by number."""
    ids = {record.id: getattr(record, "company_id") for record in records}  # noqa: B009 - tasks have one, too
    found = session.scalars(select(Company).where(Company.id.in_({one for one in ids.values() if one}))).all()
    names = {folded(company.name) for company in found}
    same = select(folded_column(Company.name), func.count(Company.id)).where(
        or_(folded_column(Company.name).in_(names), Company.domain.in_(names)), Company.deleted_at.is_(None)
    )
    counts = {row[0]: row[1] for row in session.execute(same.group_by(folded_column(Company.name)))}
    domains = set(session.scalars(select(Company.domain).where(Company.domain.in_(names))))
    known = {}
    for company in found:
        name = folded(company.name)
        alone = counts.get(name) == 1 and name not in domains and read_number(company.name) is None
        known[company.id] = company.name if alone else str(company.number)
    return {record_id: known.get(one, "") for record_id, one in ids.items()}


def _tags(session: Session, records: Records) -> Texts:
    owned = [record for record in records if isinstance(record, Owned)]
    if not owned:
        return {}
    found = tags.of_many(session, type(owned[0]), [record.id for record in owned])
    return {record_id: joined(names) for record_id, names in found.items()}


def _lists(session: Session, records: Records) -> Texts:
    pairs = select(ListMember.contact_id, ContactList.name).join(ContactList, ContactList.id == ListMember.list_id)
    mine = pairs.where(ListMember.contact_id.in_([record.id for record in records])).order_by(ContactList.name)
    found: dict[str, list[str]] = {}
    for contact_id, name in session.execute(mine):
        found.setdefault(contact_id, []).append(name)
    return {contact_id: joined(names) for contact_id, names in found.items()}


def _contacts(session: Session, records: Records) -> Texts:
    """The people of deals, the first one first."""
    pairs = select(DealContact.deal_id, Contact.email, Contact.number).join(
        Contact, Contact.id == DealContact.contact_id
    )
    mine = pairs.where(DealContact.deal_id.in_([record.id for record in records]), Contact.deleted_at.is_(None))
    found: dict[str, list[str]] = {}
    for deal_id, email, number in session.execute(mine.order_by(DealContact.position)):
        found.setdefault(deal_id, []).append(email or str(number))
    return {deal_id: joined(people) for deal_id, people in found.items()}


def _contact(session: Session, records: Records) -> Texts:
    ids = {record.id: getattr(record, "contact_id") for record in records}  # noqa: B009
    people = select(Contact.id, Contact.email, Contact.number).where(
        Contact.id.in_({one for one in ids.values() if one})
    )
    known = {row.id: row.email or str(row.number) for row in session.execute(people)}
    return {record_id: known.get(one, "") for record_id, one in ids.items()}


def _deal(session: Session, records: Records) -> Texts:
    ids = {record.id: getattr(record, "deal_id") for record in records}  # noqa: B009
    known = dict(
        session.execute(select(Deal.id, Deal.title).where(Deal.id.in_({one for one in ids.values() if one}))).all()
    )
    return {record_id: known.get(one, "") for record_id, one in ids.items()}


_READERS: Mapping[str, Callable[[Session, Records], Texts]] = {
    "owner_id": _people("owner_id"),
    "assignee_id": _people("assignee_id"),
    "company_id": _companies,
    "tags": _tags,
    "lists": _lists,
    "contacts": _contacts,
    "contact_id": _contact,
    "deal_id": _deal,
}
