"""A CRM as large as job R needs it: contacts, companies, deals and tasks, written in bulk."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any, cast

from sqlalchemy import Engine, Table, insert, select
from sqlalchemy.orm import Session

from flowapp.crm import fields as field_defs
from flowapp.crm import pipelines
from flowapp.crm.search.words import text_of
from flowapp.models import Company, Contact, Counter, Deal, Member, Stage, Tag, Tagging, Task, new_id
from flowapp.models.tenancy import system_session, tenant_session

AT_ONCE = 2000
_BEGIN = ("Ba", "Ca", "Da", "Fe", "Ga", "Ju", "Ka", "Le", "Ma", "Mo", "Na", "Pa", "Ro", "Sa", "Té", "Vi")
_MIDDLE = ("", "ri", "ne", "lo", "mi", "ba", "di", "ge", "sta", "cé")
_END = ("n", "ne", "rd", "s", "ux", "t", "lle", "ck", "r", "tte", "ille", "on", "in", "ard", "el", "y")
FIRST = [begin + end for begin in _BEGIN for end in _END]
LAST = [
    begin + middle + middle2 + end
    for begin in _BEGIN
    for middle in _MIDDLE
    for middle2 in _MIDDLE[:4]
    for end in _END[:10]
]
MAILS = ("gmail.com", "gmail.com", "outlook.fr", "orange.fr")
_TRADES = ("Conseil", "Transports", "Boulangerie", "Industries", "Services", "Café", "Assurances", "Studio")
_SUBJECTS = ("Refonte", "Licence", "Audit", "Maintenance", "Formation", "Projet", "Extension", "Renouvellement")
Row = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Sizes:
    """How many there are."""

    contacts: int = 100_000
    companies: int = 15_000
    deals: int = 20_000
    tasks: int = 20_000


QUICK = Sizes(2000, 300, 400, 400)


@dataclass(frozen=True, slots=True)
class Some:
    """Some of those that were written, for who looks for them."""

    names: list[tuple[str, str]]
    emails: list[str]
    phones: list[str]
    companies: list[str]
    ids: list[str]
    last_page: int


def write(engine: Engine, sizes: Sizes) -> Some:
    """Writes them into the only organization. With a custom field of contacts, `plan`."""
    with system_session(engine) as session:
        organization_id, owner_id = session.execute(select(Member.organization_id, Member.user_id)).first() or ("", "")
    with tenant_session(engine, organization_id) as session:
        field_defs.create(session, {"object": "contact", "label": "Plan", "key": "plan", "type": "text"})
        _Writer(session, organization_id, owner_id, sizes).write()
        every = select(Contact).where(Contact.number % max(1, sizes.contacts // 100) == 1, Contact.phone != "")
        rows = session.scalars(every).all()
        names = [(row.first_name, row.last_name) for row in rows]
        companies = list(session.scalars(select(Company.domain).where(Company.number <= 100)))
        phones = [row.phone for row in rows]
        ids = [row.id for row in rows]
        return Some(names, [row.email for row in rows], phones, companies, ids, sizes.contacts // 50)


class _Writer:
    def __init__(self, session: Session, organization_id: str, owner_id: str, sizes: Sizes) -> None:
        self.session, self.organization_id, self.owner_id, self.sizes = session, organization_id, owner_id, sizes
        self.random, self.now = random.Random(10), datetime.now(UTC)
        self.ids: dict[type[Any], list[str]] = {}

    def write(self) -> None:
        stages = pipelines.default(self.session).stages
        self.session.commit()
        self._insert(Company, self.sizes.companies, self._company)
        self._insert(Contact, self.sizes.contacts, self._contact)
        self._insert(Deal, self.sizes.deals, lambda n: self._deal(n, stages))
        self._insert(Task, self.sizes.tasks, self._task)
        self._tag()

    def _insert(self, model: type[Any], count: int, row: Callable[[int], Row]) -> None:
        table, ids = cast(Table, model.__table__), self.ids.setdefault(model, [])
        for first in range(1, count + 1, AT_ONCE):
            rows = [{**self._base(n, count), **row(n)} for n in range(first, min(first + AT_ONCE, count + 1))]
            if model is Task:
                rows = [{name: value for name, value in one.items() if name in table.c} for one in rows]
            ids += [one["id"] for one in rows]
            self.session.execute(insert(table), rows)
            self.session.commit()
        if model is not Task:
            self.session.merge(Counter(organization_id=self.organization_id, noun=table.name, last=count))
            self.session.commit()

    def _base(self, n: int, count: int) -> Row:
        at = self.now - timedelta(days=365) * (1 - n / count)
        return {
            "id": new_id(), "organization_id": self.organization_id, "number": n, "created_at": at, "updated_at": at,
            "last_activity_at": at + timedelta(days=self.random.random() * 20), "fields": {"plan": self.random.choice(("free", "pro", "team"))},
            "owner_id": self.owner_id if n % 5 else None,
        }  # fmt: skip

    def _company(self, n: int) -> Row:
        name, domain = f"{self.random.choice(LAST)} {self.random.choice(_TRADES)} {n}", f"company{n}.example"
        value = Decimal(self.random.randrange(100_000)) if n % 3 else None
        return {"name": name, "domain": domain, "montant_potentiel": value, "search": text_of(name, addresses=[domain])}

    def _contact(self, n: int) -> Row:
        first, last = self.random.choice(FIRST), self.random.choice(LAST)
        email = f"{first}.{last}{n}@{self.random.choice(MAILS)}".lower().replace("é", "e")
        phone = f"+336{self.random.randrange(10**8):08}" if n % 3 else ""
        return {
            "first_name": first, "last_name": last, "email": email, "phone": phone, "score": self.random.randrange(100),
            "company_id": self.random.choice(self.ids[Company]) if n % 2 else None,
            "search": text_of(first, last, addresses=[email], phone=phone),
        }  # fmt: skip

    def _deal(self, n: int, stages: list[Stage]) -> Row:
        title, stage = f"{self.random.choice(_SUBJECTS)} {self.random.choice(LAST)} {n}", self.random.choice(stages)
        return {
            "title": title, "search": text_of(title), "value": Decimal(self.random.randrange(100_000)), "stage_id": stage.id,
            "pipeline_id": stage.pipeline_id, "status": stage.kind, "lost_reason": "price" if stage.kind == "lost" else "",
            "expected_close": self.now.date() + timedelta(days=n % 300) if n % 4 else None,
            "company_id": self.random.choice(self.ids[Company]) if n % 4 else None,
            "stage_entered_at": self.now - timedelta(minutes=n),
        }  # fmt: skip

    def _task(self, n: int) -> Row:
        title = f"{self.random.choice(('Call', 'Write to', 'Visit'))} {self.random.choice(LAST)} {n}"
        return {
            "title": title, "search": text_of(title), "due_date": self.now.date() + timedelta(days=n % 200 - 100),
            "assignee_id": self.owner_id, "contact_id": self.random.choice(self.ids[Contact]), "made_by": {},
            "done_at": self.now if n % 2 else None,
        }  # fmt: skip

    def _tag(self) -> None:
        tag = Tag(id=new_id(), organization_id=self.organization_id, name="Newsletter", key="newsletter")
        self.session.add(tag)
        self.session.flush()
        self.session.execute(
            insert(cast(Table, Tagging.__table__)),
            [
                {
                    "id": new_id(),
                    "organization_id": self.organization_id,
                    "tag_id": tag.id,
                    "contact_id": one,
                    "created_at": self.now,
                }
                for one in self.ids[Contact][::4]
            ],
        )
        self.session.commit()
