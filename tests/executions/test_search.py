"""Executions found by what they are about: before and after the index has them, their own organization's only."""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import func, select, update

from flowapp.engine.retention.purge import purge
from flowapp.executions import history, search
from flowapp.executions.subjects import asked_words, fits, subject_of, words_of
from flowapp.models import Contact, Execution, ExecutionWord, InstallationSetting, utcnow
from flowapp.models.tenancy import system_session, tenant_session
from flowapp.records.paging import PageAt
from flowapp.scheduler import INDEXING, Scheduler
from tests.engine.place import Place, _actions, place, step
from tests.support.tenant import add_organization
from tests.test_scheduler import scheduler

__all__ = ["_actions", "place", "scheduler"]

ORDER = {
    "order": {"number": "A-1001", "customer": {"name": "Élodie Müller", "email": "Elodie.M@example.com"}},
    "api_token": "tok-123456", "note": "password=hunter22", "link": "https://shop.example/1", "vip": True,
}  # fmt: skip


@pytest.fixture
def begin(place: Place) -> Callable[..., str]:
    workflow_id = place.workflow([step("a")])

    def start(input_data: Any, **more: Any) -> str:
        return place.begin(workflow_id, input_data, **more)

    return start


def found(place: Place, text: str, **more: Any) -> list[str]:
    with place.session() as session:
        rows, _page = history.find(session, history.Search(text=text, **more))
        return [row.execution.id for row in rows]


def take_up(place: Place, now: datetime | None = None) -> None:
    """Everything that there is."""
    with system_session(place.engine) as session:
        while search.take_up(session, now or utcnow() + timedelta(hours=1)):
            session.commit()
        session.commit()


def words(place: Place) -> set[str]:
    with system_session(place.engine) as session:
        return set(session.scalars(select(ExecutionWord.word)))


@pytest.mark.parametrize("indexed", [False, True])
def test_an_execution_is_found_by_whom_and_what_it_is_about(place: Place, begin: Any, indexed: bool) -> None:
    wanted, other = begin(ORDER), begin({"order": {"number": "A-1002"}, "email": "bob@example.com"})
    if indexed:
        take_up(place)
    for text in ("elodie.m@example.com", "ELODIE.M@EX", "A-1001", "1001", "élodie", "müller elodie", " Mull , 100 "):
        assert found(place, text) == [wanted], text
    for text in ("example.com", "a-100", "100"):
        assert found(place, text) == [other, wanted], text
    for text in ("lodie", "elodie 1002", "1", "tok-123456", "hunter22", "shop.example", "?!"):
        assert found(place, text) == [], text
    assert found(place, wanted) == [wanted] == found(place, wanted.replace("-", "").upper())


def test_the_index_holds_no_secret_and_few_words(place: Place, begin: Any) -> None:
    begin({**ORDER, "items": [f"item{n}" for n in range(100)], "long": "x" * 500})
    begin({"text": "y " * 40_000})
    take_up(place)
    kept = words(place)
    assert {"elodie.m@example.com", "m@example.com", "example.com", "elodie", "muller", "a-1001", "1001"} <= kept
    assert len(kept) == 16
    assert not any(part in word for word in kept for part in ("hunter", "123456", "shop", "xxx"))


def test_filters_and_pages_hold_for_what_is_found(place: Place, begin: Any) -> None:
    ids = [begin({"name": "Ann Lee", "n": n}) for n in range(5)]
    take_up(place)
    with place.session() as session:
        session.execute(update(Execution).where(Execution.id == ids[1]).values(status="failed"))
        session.commit()
        first, page = history.find(session, history.Search(text="ann"), PageAt(2))
        second, page = history.find(session, history.Search(text="ann"), PageAt(2, page.next))
        assert [row.execution.id for row in (*first, *second)] == ids[:0:-1]
        assert (page.total, page.at_least, first[0].subject) == (5, False, "Ann Lee")
    assert found(place, "ann lee", statuses=("failed",)) == [ids[1]]
    assert found(place, "ann", since=utcnow() + timedelta(days=1)) == []


def test_a_search_gives_the_newest_and_says_that_there_are_more(
    place: Place, begin: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(search, "FOUND", 3)
    monkeypatch.setattr(history, "FOUND", 3)
    ids = [begin({"name": "Ann"}) for _ in range(5)]
    take_up(place)
    with place.session() as session:
        rows, page = history.find(session, history.Search(text="ann"))
        assert ([row.execution.id for row in rows], page.total, page.at_least) == (ids[:1:-1], 3, True)


def test_the_contact_is_found_and_shown(place: Place, begin: Any) -> None:
    with place.session() as session:
        contact = Contact(email="ada@example.org", first_name="Ada", last_name="Lovelace", number=1)
        session.add(contact)
        session.commit()
    execution_id = begin({"n": 1}, contact_id=contact.id)
    assert found(place, "lovelace") == [execution_id]
    take_up(place)
    assert found(place, "ada@example.org") == [execution_id]
    with place.session() as session:
        (row,), _page = history.find(session, history.Search(text="love"))
        assert row.subject == "Ada Lovelace · ada@example.org"


def test_another_organization_finds_nothing(place: Place, begin: Any) -> None:
    begin(ORDER)
    with system_session(place.engine) as session:
        theirs, _project = add_organization(session, "Theirs")
        session.commit()
    for _once in range(2):
        with tenant_session(place.engine, theirs) as session:
            assert history.find(session, history.Search(text="elodie"))[0] == []
        take_up(place)


def test_the_scheduler_takes_up_what_came_before_and_after(place: Place, begin: Any, scheduler: Scheduler) -> None:
    """What there was before the index from the newest to the oldest; later ones in their order, and once more for those
    whose transaction took long."""
    old = begin({"name": "Old"})
    place.time = utcnow() + timedelta(seconds=1)
    scheduler.tick()
    assert words(place) == {"old"}
    new = begin({"name": "New"})
    late = begin({"name": "Late"})
    with system_session(place.engine) as session:
        mark = session.scalar(select(InstallationSetting.value).where(InstallationSetting.name == "words_new"))
        assert mark is not None and mark < new
        session.execute(update(Execution).where(Execution.id == late).values(input_data={}))  # as if not committed yet
        session.commit()
    place.time = utcnow() + timedelta(seconds=5)
    scheduler.tick()
    assert words(place) == {"old", "new"}
    with system_session(place.engine) as session:
        session.execute(update(Execution).where(Execution.id == late).values(input_data={"name": "Late"}))
        session.commit()
    place.later(INDEXING.total_seconds() + 700)
    scheduler.tick()
    assert words(place) == {"old", "new", "late"}
    assert found(place, "late") == [late]
    assert found(place, "old") == [old]


def test_words_go_with_their_execution(place: Place, begin: Any) -> None:
    done = place.run([step("a")], None, {"name": "Ann"})
    kept = begin({"name": "Bob"})
    take_up(place)
    assert purge(place.engine, utcnow() + timedelta(days=40), 30, threading.Event()).executions == 1
    with system_session(place.engine) as session:
        assert session.scalar(select(func.count()).select_from(Execution).where(Execution.id == done.id)) == 0
        assert list(session.scalars(select(ExecutionWord.execution_id).distinct())) == [kept]


@pytest.mark.parametrize(
    ("data", "subject"),
    [
        (ORDER, "Élodie Müller · Elodie.M@example.com"),
        ({"first_name": "Ann", "last_name": "Lee", "Order Number": 7}, "Ann Lee · 7"),
        ({"form_data": {"email": "a@b.example", "message": "Hello"}}, "a@b.example"),
        ({"order_id": 1001, "invoice": "R-5"}, "1001 · R-5"),
        ({"password": "a@b.example", "n": 1}, ""),
        (None, ""), ([], ""), ("text", ""), ({"a": {"b": {"c": {"d": {"e": {"f": {"name": "deep"}}}}}}}, ""),
    ],
)  # fmt: skip
def test_what_an_input_is_about(data: Any, subject: str) -> None:
    assert subject_of(data) == subject


def test_words_fit_by_their_beginning() -> None:
    known = words_of({"name": "Бьёрн", "city": "São Paulo", "code": "x"})
    assert all(fits(known, asked_words(text)) for text in ("БЬЁРН", "sao", "SÃO pau", "x"))
    assert not any(fits(known, asked_words(text)) for text in ("ьёрн", "s", "sao rome"))
