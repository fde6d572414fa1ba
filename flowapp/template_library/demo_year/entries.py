"""What happened in the made-up year, in its order. The same seed, language and end give the same entries."""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import lru_cache

from faker import Faker

from flowapp.template_library.demo_year import words
from flowapp.texts import localized
from flowapp.values.text import slug

YEAR = 365
_LOCALES = {"fr": "fr_FR"}
_PHONES = {"fr": "+3319900{:04d}", "en": "+1202555{:04d}"}  # numbers that are kept for fiction


@dataclass(frozen=True, slots=True)
class Size:
    """How much of each; tasks, notes, tags and lists follow from the contacts."""

    contacts: int = 2000
    companies: int = 300
    deals: int = 400


@dataclass(frozen=True, slots=True)
class Entry:
    """One thing that happened. `key` names the row that it makes or is about; `links` are fields that lead to other rows."""

    at: datetime
    verb: str
    key: str
    data: Mapping[str, object] = field(default_factory=dict)
    links: Mapping[str, str] = field(default_factory=dict)


Entries = Sequence[Entry]


@lru_cache(1)
def make(size: Size, language: str, until: datetime, seed: int = 1) -> Entries:
    """Everything that happened, the oldest first."""
    return _DemoYear(size, language, until, seed).all()


class _DemoYear:
    def __init__(self, size: Size, language: str, until: datetime, seed: int) -> None:
        self.size, self.language, self.until = size, language, until
        self.random = random.Random(seed)  # noqa: S311 - made-up records, no secret
        self.faker = Faker(_LOCALES.get(language, "en_US"))
        self.faker.seed_instance(seed)
        self.begin = until - timedelta(days=YEAR)
        self.companies: list[tuple[datetime, str, str]] = []  # since when, name, domain
        self.contacts: list[tuple[datetime, str, int | None]] = []  # since when, name, company

    def all(self) -> Entries:
        parts = (
            self._settings, self._make_companies, self._make_contacts, self._make_deals, self._work, self._groups,
            self._changes,
        )  # fmt: skip
        entries = [one for part in parts for one in part()]
        return sorted((one for one in entries if one.at < self.until), key=lambda one: one.at)

    def _say(self, text: str) -> str:
        return localized(text, self.language)

    def _moment(self, since: datetime | None = None) -> datetime:
        """Some moment of a working day since then."""
        start = since or self.begin
        length = max((self.until - start).total_seconds(), 1.0)
        found = start + timedelta(seconds=self.random.uniform(0, length))
        day = found.replace(hour=self.random.randint(8, 17), minute=self.random.randint(0, 59))
        weekend = timedelta(days=max(0, day.weekday() - 4))
        return min(max(day - weekend, start + timedelta(minutes=1)), self.until - timedelta(minutes=1))

    def _settings(self) -> Iterator[Entry]:
        def defined(noun: str, key: str, label: str, kind: str, options: Sequence[str] = ()) -> Entry:
            choices = [self._say(option) for option in options]
            data = {"object": noun, "key": key, "label": self._say(label), "type": kind, "options": choices}
            return Entry(self.begin, "define", f"{noun}.{key}", data)

        yield defined("contact", "source", words.SOURCE, "choice", words.SOURCES)
        yield defined("company", "industry", words.INDUSTRY, "choice", words.INDUSTRIES)
        yield defined("company", "employees", words.EMPLOYEES, "number")
        yield defined("deal", "products", words.PRODUCTS_LABEL, "multiple_choice", words.PRODUCTS)
        for at, name in enumerate(words.LISTS):
            yield Entry(self.begin, "list", f"list:{at}", {"name": self._say(name)})

    def _make_companies(self) -> Iterator[Entry]:
        for at in range(self.size.companies):
            since, name = self._moment(), self.faker.unique.company()
            domain = f"{slug(name, '-')[:40] or 'company'}-{at}.example"
            self.companies.append((since, name, domain))
            yield Entry(since, "company", f"company:{at}", {
                "name": name, "domain": domain, "owner_id": self._owner(),
                "montant_potentiel": self.random.randint(2, 200) * 1000,
                "industry": self._say(self.random.choice(words.INDUSTRIES)),
                "employees": int(self.random.lognormvariate(3.5, 1.3)) + 1,
                "stage": self.random.choice(("", "0", "0", "1", "2", "won")),
            })  # fmt: skip

    def _make_contacts(self) -> Iterator[Entry]:
        for at in range(self.size.contacts):
            first, last = self.faker.first_name(), self.faker.last_name()
            works_at = self.random.randrange(len(self.companies)) if self.random.random() < 0.85 else None
            known, _company, domain = (
                self.companies[works_at] if works_at is not None else (self.begin, "", "mail.example")
            )
            since = self._moment(known)
            self.contacts.append((since, f"{first} {last}", works_at))
            address = f"{slug(first, '-')}.{slug(last, '-')}.{at}@{domain}"
            yield Entry(since, "contact", f"contact:{at}", {
                "first_name": first, "last_name": last, "email": address, "owner_id": self._owner(),
                "phone": _PHONES.get(self.language, _PHONES["en"]).format(100 + at % 100) if self.random.random() < 0.7 else "",
                "language": self.language, "score": self.random.choice((0, 0, 5, 10, 20, 40, 80)),
                "consent": self.random.choice(("granted", "granted", "unknown", "denied")),
                "source": self._say(self.random.choice(words.SOURCES)),
            }, {"company_id": f"company:{works_at}"} if works_at is not None else {})  # fmt: skip

    def _owner(self) -> str:
        """A member by their place, nobody now and then; the writer knows them."""
        return self.random.choice(("0", "1", "2", "0", "1", ""))

    def _make_deals(self) -> Iterator[Entry]:
        people = [at for at, (_since, _name, company) in enumerate(self.contacts) if company is not None]
        for at in range(self.size.deals if people else 0):
            person = self.random.choice(people)
            since, _name, company = self.contacts[person]
            start = max(self._moment(since) - timedelta(days=self.random.randint(0, 90)), since + timedelta(hours=1))
            product = self.random.choice(words.PRODUCTS)
            title = words.deal_title(product, self.companies[company or 0][1])
            yield Entry(start, "deal", f"deal:{at}", {
                "title": self._say(title), "value": round(self.random.lognormvariate(9, 1)) // 50 * 50 + 100,
                "expected_close": (start + timedelta(days=self.random.randint(30, 150))).date().isoformat(),
                "products": [self._say(product)], "owner_id": self._owner(),
            }, {"company_id": f"company:{company}", "contact": f"contact:{person}"})  # fmt: skip
            yield from self._moves(f"deal:{at}", start)

    def _moves(self, key: str, at: datetime) -> Iterator[Entry]:
        """Through the stages, until it is won, lost, or still open."""
        for stage in ("1", "2", "end"):
            at += timedelta(days=self.random.uniform(4, 45))
            lost = self.random.random() < (0.18 if stage != "end" else 0.3)
            if lost:
                reason = self._say(self.random.choice(words.REASONS))
                yield Entry(at, "move", key, {"stage": "lost", "lost_reason": reason})
                return
            if self.random.random() < 0.12:
                return
            yield Entry(at, "move", key, {"stage": "won" if stage == "end" else stage})

    def _work(self) -> Iterator[Entry]:
        """Tasks, most of them done, and notes."""
        for at in range(int(self.size.contacts * 0.3)):
            person, kind = self.random.randrange(len(self.contacts)), self.random.randrange(len(words.TASKS))
            since, name, _company = self.contacts[person]
            made = self._moment(since if at % 4 else max(since, self.until - timedelta(days=14)))
            due = made + timedelta(days=self.random.randint(0, 14))
            task_type, priority = words.TASKS[kind]
            key, data = f"task:{at}", {
                "title": self._say(words.task_title(kind, name)), "type": task_type, "priority": priority,
                "due_date": due.date().isoformat(), "assignee_id": self._owner() or "0",
            }  # fmt: skip
            yield Entry(made, "task", key, data, {"contact_id": f"contact:{person}"})
            if due < self.until - timedelta(days=1) and self.random.random() < 0.93:
                done = due + timedelta(hours=self.random.uniform(-8, 20))
                yield Entry(max(done, made + timedelta(minutes=5)), "complete", key)
        for at in range(int(self.size.contacts * 0.35)):
            person = self.random.randrange(len(self.contacts))
            kind_of_note, text = self.random.choice(words.NOTES)
            data = {"type": kind_of_note, "text": self._say(text)}
            moment = self._moment(self.contacts[person][0])
            yield Entry(moment, "note", f"note:{at}", data, {"contact_id": f"contact:{person}"})

    def _groups(self) -> Iterator[Entry]:
        """Tags and lists."""
        for at, (since, _name, company) in enumerate(self.contacts):
            if self.random.random() < 0.4:
                tag = self._say(self.random.choice(words.TAGS))
                yield Entry(self._moment(since), "tag", f"contact:{at}", {"tag": tag})
            if self.random.random() < 0.3:
                chosen = self._say(self.random.choice(words.LISTS))
                yield Entry(self._moment(since), "enlist", f"contact:{at}", {"list": chosen})
            if company is not None and self.random.random() < 0.05:
                tag = self._say(self.random.choice(words.TAGS[:4]))
                yield Entry(self._moment(since), "tag", f"company:{company}", {"tag": tag})

    def _changes(self) -> Iterator[Entry]:
        """What people corrected meanwhile."""
        for at, (since, _name, _company) in enumerate(self.contacts):
            if self.random.random() < 0.2:
                score: dict[str, object] = {"score": self.random.randint(1, 20) * 5}
                data = self.random.choice((score, {"consent": "granted"}, {"consent": "denied"}))
                yield Entry(self._moment(since), "change", f"contact:{at}", data)
