"""One value, one reading: by a record's form, a file, a hosted form, a step and a validation rule, on both databases."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import pytest

from flowapp.data import csv_files, forms, records, tables
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
        checked = csv_files.check(session, made, csv_files.read(f'v;w\r\n"{quoted}";x\r\n'), {0: "v"})
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
        sheet = csv_files.read(text)
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
