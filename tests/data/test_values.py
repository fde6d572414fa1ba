"""One value, one reading: by a record's form, a file, a hosted form, a step and a validation rule, on both databases."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import pytest

from flowapp.data import csv_files, csv_reading, forms, records, tables
from flowapp.data.schemas import ProjectSchemas
from flowapp.data.step_tables import ProjectTables
from flowapp.errors import FlowError
from flowapp.models import Organization, conventions_of, new_id
from tests.corpus import rows

NUMBERS = [row for row in rows("numbers") if "e" not in row[0].lower() or row[0] == "EUR1,50"]


def lives(session, locale: str = "", timezone: str = "UTC") -> None:
    """Says how the organization writes its values."""
    organization = session.get(Organization, session.info["organization_id"])
    organization.locale, organization.timezone = locale, timezone
    session.commit()


@pytest.fixture
def ways(session, project) -> dict[str, Callable[[Any, str], Any]]:
    """Each way of a value into the database, as what is stored then."""

    made: dict[str, Any] = {}

    def table(kind: str) -> Any:
        if kind not in made:
            made[kind] = tables.create(session, {"name": kind, "columns": [{"label": "V", "type": kind}]})
        records.delete(session, made[kind], [row["id"] for row in records.every(session, made[kind])])
        return made[kind]

    def stored(made: Any) -> Any:
        return next(records.every(session, made))["v"]

    def by_form(value: Any, kind: str) -> Any:
        return records.create(session, table(kind), {"v": value})["v"]

    def by_file(value: Any, kind: str) -> Any:
        made = table(kind)
        quoted = str(value).replace('"', '""')
        checked = csv_files.check(session, made, csv_reading.read(f'v;w\r\n"{quoted}";x\r\n'.encode()), {0: "v"})
        if checked.faults:
            raise FlowError(checked.faults[0][2])
        records.insert(session, made, checked.good)
        return stored(made)

    def by_step(value: Any, kind: str) -> Any:
        made = table(kind)
        ProjectTables(session, project.id, new_id()).save(made.slug, [{"v": value}])
        return stored(made)

    return {"form": by_form, "file": by_file, "step": by_step}


def number_of(read: Callable[[], Any]) -> Decimal | str:
    """What comes of a text; "" of a refusal."""
    try:
        return Decimal(str(read()))
    except FlowError:
        return ""


def test_a_number_is_the_same_whichever_way_it_comes(session, ways) -> None:
    for locale in ("", "en-US", "fr-FR", "de-DE", "de-CH", "en-GB", "it-IT", "en-IN", "sv-SE"):
        lives(session, locale)
        for text, said, value in NUMBERS:
            if said == locale:
                right = Decimal(value) if value and "|" not in value else ""
                came = {way: number_of(lambda: read(text, "number")) for way, read in ways.items()}  # noqa: B023
                assert came == dict.fromkeys(ways, right), (text, locale)


@pytest.mark.parametrize(("text", "locale", "value"), [row for row in NUMBERS if row[0].strip() == row[0]])
def test_a_hosted_form_and_a_rule_read_the_same_number(session, project, text, locale, value) -> None:
    lives(session, locale)
    form = forms.create(session, {"name": "F", "fields": [{"label": "V", "type": "number"}]})
    right = Decimal(value) if value and "|" not in value else ""
    assert number_of(lambda: forms.answers(form, {"v": text}, conventions_of(session))["v"]) == right
    checks = ProjectSchemas(session, project.id).checks([{"field": "v", "rule": "number"}])
    assert checks.problems([{"v": text}]) == [[] if right != "" else checks.problems([{"v": "no"}])[0]]


def test_a_number_of_a_program_is_not_read_by_the_locale(session, ways) -> None:
    lives(session, "de-DE")
    assert ways["step"](1.234, "number") == Decimal("1.234")
    form = forms.create(session, {"name": "F", "fields": [{"label": "V", "type": "number"}]})
    assert forms.answers(form, {"v": 1.234}, conventions_of(session)) == {"v": 1.234}


def test_what_is_exported_is_imported_again_under_every_locale(session, ways) -> None:
    made = tables.create(session, {"name": "T", "columns": [{"label": "V", "type": "number"}]})
    records.insert(session, made, [{"v": Decimal(n)} for n in ("1.234", "12.5", "1234", "-0.001", "999.999")])
    for locale in ("", "de-DE", "fr-FR", "en-US"):
        lives(session, locale)
        text = "".join(csv_files.write(session, made)).removeprefix("\ufeff")
        sheet = csv_reading.read(text.encode())
        checked = csv_files.check(session, made, sheet, csv_files.guess(sheet, made))
        assert [row["v"] for row in checked.good] == [row["v"] for row in records.every(session, made)]


def test_a_day_is_the_organization_s_whichever_way_it_comes(session, ways) -> None:
    lives(session, "fr-FR", "Europe/Paris")
    for text, day in (
        ("2026-03-30T22:00:00.000Z", date(2026, 3, 31)), ("31/12/2026", date(2026, 12, 31)), ("1774994400000", date(2026, 4, 1)),
        ("Tue, 31 Mar 2026 14:30:00 +0200", date(2026, 3, 31)), ("31 décembre 2026", date(2026, 12, 31)),
    ):  # fmt: skip
        assert {way: read(text, "date") for way, read in ways.items()} == dict.fromkeys(ways, day), text
    moment = datetime(2026, 12, 31, 13, 30, tzinfo=UTC)
    assert {way: read("31/12/2026 14:30", "datetime") for way, read in ways.items()} == dict.fromkeys(ways, moment)


def test_a_date_with_two_readings_is_refused_whichever_way_it_comes(session, ways) -> None:
    for way, read in ways.items():
        with pytest.raises(FlowError, match="may mean 2026-04-03 or 2026-03-04"):
            read("03/04/2026", "date")
        lives(session, "en-US")
        assert read("03/04/2026", "date") == date(2026, 3, 4), way
        lives(session)


def test_a_hosted_form_and_a_rule_read_the_same_day(session, project) -> None:
    lives(session, "fr-FR", "Europe/Paris")
    form = forms.create(session, {"name": "F", "fields": [{"label": "V", "type": "date"}]})
    checks = ProjectSchemas(session, project.id).checks([{"field": "v", "rule": "date"}])
    for text, day in (("03/04/2026", "2026-04-03"), ("2026-03-30T22:00:00Z", "2026-03-31"), (1774994400, "2026-04-01")):
        assert forms.answers(form, {"v": text}, conventions_of(session)) == {"v": day}
        assert checks.problems([{"v": text}]) == [[]]
    assert checks.problems([{"v": "12/31/2026"}])[0][0]["field"] == "v"


NAMES = ["Élodie Durand", "e\u0301LODIE Martin", "Бьёрн", "Straßer", "100 % sure", "a_b", "Ann"]


@pytest.mark.parametrize(
    ("search", "found"),
    [
        ("élodie", 2), ("ÉLODIE", 2), ("E\u0301lodie d", 1), ("бьёрн", 1), ("БЬЁРН", 1), ("straß", 1), ("0 %", 1), ("a_", 1), ("aab", 0), ("ann", 1),
    ],
)  # fmt: skip
def test_a_search_finds_texts_in_any_case(session, project, search, found) -> None:
    table = tables.create(session, {"name": "People", "columns": [{"label": "Name"}]})
    records.insert(session, table, [{"name": name} for name in NAMES])
    assert len(records.find(session, table, search=search).rows) == found


def test_a_table_s_name_is_taken_in_any_case(session, project) -> None:
    tables.create(session, {"name": "Élèves", "columns": [{"label": "Name"}]})
    with pytest.raises(FlowError, match="already exists"):
        tables.create(session, {"name": "ÉLÈVES", "columns": [{"label": "Name"}]})


PEOPLE = {"name": "People", "columns": [{"label": "Email", "type": "email", "unique": True}, {"label": "Name"}]}


def test_addresses_are_unique_in_any_case(session, project) -> None:
    table = tables.create(session, PEOPLE)
    records.create(session, table, {"email": "ann@example.com"})
    with pytest.raises(FlowError, match=r"ANN@example\.com” already exists"):
        records.create(session, table, {"email": "ANN@example.com"})
    sheet = csv_reading.read(b"email\nAnn@example.com\nbob@example.com\nBOB@example.com\n")
    checked = csv_files.check(session, table, sheet, {0: "email"})
    assert [row["email"] for row in checked.good] == ["bob@example.com"]
    assert [line for line, _label, _message in checked.faults] == [2, 4]


def test_the_database_knows_addresses_in_any_case(session, project) -> None:
    """What two that come at the same time run into."""
    table = tables.create(session, PEOPLE)
    with pytest.raises(FlowError, match="must be unique"):
        records.insert(session, table, [{"email": "ann@example.com"}, {"email": "ANN@example.com"}])


def test_a_column_is_made_unique_where_addresses_differ_in_more_than_case(session, project) -> None:
    table = tables.create(session, {"name": "People", "columns": [{"label": "Email", "type": "email"}]})
    records.insert(session, table, [{"email": "ann@example.com"}, {"email": "ANN@example.com"}])
    with pytest.raises(FlowError, match="occurs more than once"):
        tables.change_column(session, table, "email", {"label": "Email", "unique": True})


def test_a_step_finds_and_updates_addresses_in_any_case(session, project) -> None:
    table = tables.create(session, PEOPLE)
    steps = ProjectTables(session, project.id, "visit")
    steps.save(table.slug, [{"email": "ann@example.com", "name": "Ann"}])
    saved = steps.save(table.slug, [{"email": "ANN@Example.com", "name": "Anna"}], mode="upsert", match=["email"])
    assert (saved.created, saved.updated) == (0, 1)
    assert [row["name"] for row in steps.select(table.slug, where={"email": "Ann@Example.COM"}).records] == ["Anna"]
    assert [
        row["email"] for row in steps.select(table.slug, where={"email": ["ANN@EXAMPLE.COM", "x@example.com"]}).records
    ] == ["ann@example.com"]


def test_a_choice_may_hold_a_comma(session, project, ways) -> None:
    given = {"label": "V", "type": "choice", "options": "$1,000\r\n$2,000\n"}
    table = tables.create(session, {"name": "T", "columns": [given]})
    assert tables.columns_of(table)[0].options == ("$1,000", "$2,000")
    assert records.create(session, table, {"v": "$1,000"})["v"] == "$1,000"
    form = forms.create(
        session, {"name": "F", "fields": [{"label": "V", "type": "select", "options": "$1,000\r\n$2,000"}]}
    )
    assert forms.answers(form, {"v": "$2,000"}, conventions_of(session)) == {"v": "$2,000"}
    rule = {"field": "v", "rule": "one_of", "value": "$1,000\n$2,000"}
    assert ProjectSchemas(session, project.id).checks([rule]).problems([{"v": "$1,000"}, {"v": "000"}])[0] == []


def test_a_column_may_be_written_in_another_way_than_the_organization_writes(session, project) -> None:
    lives(session, "de-DE")
    columns = [
        {"label": "Price", "type": "number", "locale": "en-US"},
        {"label": "Own", "type": "number"},
        {"label": "Day", "type": "date", "locale": "en-US"},
    ]
    table = tables.create(session, {"name": "T", "columns": columns})
    written = {"price": "1,234", "own": "1,234", "day": "03/04/2026"}
    read = {"price": Decimal("1234"), "own": Decimal("1.234"), "day": date(2026, 3, 4)}
    records.create(session, table, written)
    ProjectTables(session, project.id, new_id()).save(table.slug, [written])
    assert [{key: row[key] for key in read} for row in records.every(session, table)] == [read, read]
    sheet = csv_reading.read(b'price;own;day\r\n"1,234";"1,234";03/04/2026\r\n')
    assert csv_files.check(session, table, sheet, {0: "price", 1: "own", 2: "day"}).good == [read]
    tables.change_column(session, table, "price", {"label": "Price", "locale": ""})
    assert records.create(session, table, written)["price"] == Decimal("1.234")
    with pytest.raises(FlowError, match="Choose one of"):
        tables.change_column(session, table, "price", {"label": "Price", "locale": "xx-XX"})


def test_a_file_is_read_as_it_says_whatever_the_columns_say(session) -> None:
    lives(session, "de-DE")
    columns = [{"label": "Price", "type": "number", "locale": "fr-FR"}, {"label": "Day", "type": "date"}]
    table = tables.create(session, {"name": "T", "columns": columns})
    sheet, mapping = csv_reading.read(b'price;day\r\n"1,234";03/04/2026\r\n'), {0: "price", 1: "day"}
    for locale, price, day in (("", "1.234", date(2026, 4, 3)), ("en-US", "1234", date(2026, 3, 4))):
        checked = csv_files.check(session, table, sheet, mapping, locale)
        assert checked.good == [{"price": Decimal(price), "day": day}]


def test_a_form_is_answered_as_it_says(session) -> None:
    lives(session, "en-US")
    fields = [{"label": "Amount", "type": "number"}, {"label": "Day", "type": "date"}]
    form = forms.create(session, {"name": "F", "fields": fields, "locale": "fr-FR"})
    given = forms.answers(form, {"amount": "1 234,5", "day": "03/04/2026"}, conventions_of(session))
    assert given == {"amount": 1234.5, "day": "2026-04-03"}
    with pytest.raises(FlowError, match="Choose one of"):
        forms.update(session, form, {"name": "F", "fields": fields, "locale": "fr"})
