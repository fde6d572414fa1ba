"""Data tables are real SQL tables, defined and changed on both databases."""

from __future__ import annotations

from decimal import Decimal

import pytest
import sqlalchemy as sa

from flowapp.catalog import registry
from flowapp.data import records, tables
from flowapp.data.step_tables import ProjectTables
from flowapp.errors import InvalidError, NotFoundError, StepError
from flowapp.executions import exports
from flowapp.models import new_id
from flowapp.models.tenancy import tenant_session
from flowapp.workflows import projects
from flowapp.workflows.known_names import known
from tests.support.rows import add_organization

CONTACTS = {
    "name": "Contacts",
    "columns": [
        {"label": "Name", "required": True},
        {"label": "E-mail", "key": "email", "type": "email", "unique": True},
        {"label": "Amount", "type": "number"},
        {"label": "Active", "type": "boolean"},
        {"label": "Born", "type": "date"},
        {"label": "Seen", "type": "datetime"},
        {"label": "Kind", "type": "choice", "options": "new\nold"},
        {"label": "More", "type": "json"},
        {"label": "Order", "type": "long_text"},
    ],
}


@pytest.fixture
def contacts(session, project):
    table = tables.create(session, CONTACTS)
    session.commit()
    return table


def steps(session, project, key="visit"):
    return ProjectTables(session, project.id, key)


def test_a_table_is_a_real_sql_table(session, contacts):
    names = [c["name"] for c in sa.inspect(session.connection()).get_columns(contacts.physical_name)]
    assert contacts.physical_name.startswith("ud_") and len(contacts.physical_name) == 19
    assert names[:5] == ["id", "organization_id", "created_at", "updated_at", "source_key"]
    assert names[5:] == ["name", "email", "amount", "active", "born", "seen", "kind", "more", "order"]
    assert contacts.slug == "contacts"


def test_every_type_is_stored_exactly(session, project, contacts):
    given = {
        "name": "Zoë", "email": "zoe@example.com", "amount": "1 234,5678", "active": "oui", "born": "1990-02-28",
        "seen": "2026-03-31T14:30:00+02:00", "kind": "NEW", "more": {"b": [1, None], "a": "é"}, "order": "x\ny",
    }  # fmt: skip
    row = records.create(session, contacts, given)
    assert row["amount"] == Decimal("1234.5678") and row["active"] is True and row["kind"] == "new"
    saved = steps(session, project).select("contacts").records[0]
    assert saved["amount"] == 1234.5678 and saved["born"] == "1990-02-28"
    assert saved["seen"] == "2026-03-31T12:30:00+00:00"
    assert saved["more"] == {"b": [1, None], "a": "é"}


@pytest.mark.parametrize("amount", ["0.1", "123456789012345", "99999.9999999999", "-0.000001", "1e5"])
def test_numbers_of_fifteen_digits_come_back_exactly(session, contacts, amount):
    row = records.create(session, contacts, {"name": "n", "amount": amount})
    assert row["amount"] == Decimal(amount)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("name", ""), ("name", "a\x00b"), ("name", "\ud800"), ("name", ["x"]), ("name", "x" * 10_001), ("email", "nobody"),
        ("email", "a@b"), ("amount", "many"), ("amount", True), ("amount", "NaN"), ("amount", "1234567890123456"),
        ("amount", "1e400"), ("active", "maybe"), ("born", "03/04/2026"), ("born", "2026-02-30"), ("seen", "soon"),
        ("seen", "0001-01-01T00:00:00+05:00"), ("kind", "other"), ("more", "{"), ("more", {"a": "\x00"}),
    ],
)  # fmt: skip
def test_wrong_values_are_named_by_field(session, contacts, field, value):
    with pytest.raises(InvalidError) as caught:
        records.create(session, contacts, {"name": "Ann", field: value})
    assert [p.path for p in caught.value.problems] == [field]
    assert records.count(session, contacts) == 0


def test_names_become_keys_that_every_database_takes(session, project):
    columns = [{"label": label} for label in ("Id", "select", "Été 2026", "2nd", "!!!", "select", "ctid", "x" * 90)]
    table = tables.create(session, {"name": "Order", "columns": columns})
    keys = [column.key for column in tables.columns_of(table)]
    assert keys == ["id_2", "select", "ete_2026", "column_2nd", "column", "select_2", "ctid_2", "x" * 40]
    assert records.create(session, table, {"select": "a", "ctid_2": "b"})["select"] == "a"


@pytest.mark.parametrize(
    ("body", "path"),
    [
        ({"name": "", "columns": [{"label": "a"}]}, "name"),
        ({"name": "T", "columns": []}, "columns"),
        ({"name": "T", "columns": [{"label": ""}]}, "columns.0.label"),
        ({"name": "T", "columns": [{"label": "a", "type": "blob"}]}, "columns.0.type"),
        ({"name": "T", "columns": [{"label": "a", "type": "choice"}]}, "columns.0.options"),
        ({"name": "T", "columns": [{"label": "a", "key": "id"}]}, "columns.0.key"),
        ({"name": "T", "columns": [{"label": "a", "key": "k"}, {"label": "b", "key": "k"}]}, "columns.1.key"),
        ({"name": "T", "columns": [{"label": "a", "type": "json", "unique": True}]}, "columns.0.unique"),
        ({"name": "T", "columns": [{"label": str(n)} for n in range(101)]}, "columns"),
    ],
)
def test_wrong_definitions_are_refused_by_path(session, project, body, path):
    with pytest.raises(InvalidError) as caught:
        tables.create(session, body)
    assert path in [p.path for p in caught.value.problems]


def test_slugs_are_unique_in_the_project(session, contacts):
    assert tables.create(session, {**CONTACTS, "name": "contacts!"}).slug == "contacts_2"


def test_a_column_s_key_keeps_every_letter_of_its_label(session, project):
    made = tables.create(session, {"name": "Maße", "columns": [{"label": "Größe"}, {"label": "Groesse"}]})
    assert (made.slug, [column.key for column in tables.columns_of(made)]) == ("masse", ["groesse", "groesse_2"])


def test_of_one_name_there_is_one_table(session, contacts):
    with pytest.raises(InvalidError, match="with this name already"):
        tables.create(session, {**CONTACTS, "name": contacts.name.upper()})


def test_columns_are_added_changed_and_removed(session, contacts):
    records.create(session, contacts, {"name": "Ann", "email": "a@example.com"})
    tables.add_column(session, contacts, {"label": "Phone", "unique": True})
    tables.change_column(session, contacts, "email", {"label": "Mail", "key": "mail", "unique": True})
    tables.change_column(session, contacts, "phone", {"label": "Phone", "required": True})
    tables.remove_column(session, contacts, "amount")
    session.commit()
    session.expire_all()
    assert [c.key for c in tables.columns_of(contacts)][:2] == ["name", "mail"]
    row = records.find(session, contacts).rows[0]
    assert row["mail"] == "a@example.com" and row["phone"] is None and "amount" not in row
    tables.remove_column(session, contacts, "mail")
    tables.add_column(session, contacts, {"label": "mail", "unique": True})
    with pytest.raises(InvalidError, match="required"):
        records.create(session, contacts, {"name": "Bob"})


def test_a_definition_is_undone_with_its_transaction(session, contacts):
    tables.add_column(session, contacts, {"label": "Phone"})
    fresh = tables.create(session, {"name": "Other", "columns": [{"label": "a"}]}).physical_name
    session.rollback()
    inspector = sa.inspect(session.connection())
    assert not inspector.has_table(fresh)
    assert "phone" not in [c["name"] for c in inspector.get_columns(contacts.physical_name)]


def test_a_column_with_doubles_cannot_become_unique(session, contacts):
    for _again in range(2):
        records.create(session, contacts, {"name": "Ann"})
    with pytest.raises(InvalidError, match="more than once"):
        tables.change_column(session, contacts, "name", {"label": "Name", "unique": True})


def test_deleting_a_table_drops_it(session, contacts):
    physical = contacts.physical_name
    tables.delete(session, contacts)
    session.commit()
    assert not sa.inspect(session.connection()).has_table(physical)


def test_another_organization_sees_nothing(engine, session, contacts):
    records.create(session, contacts, {"name": "Ann"})
    session.commit()
    with tenant_session(engine, add_organization(engine, "Other")) as other:
        with pytest.raises(NotFoundError):
            tables.get(other, contacts.id)
        if engine.dialect.name == "postgresql":
            assert other.execute(sa.text(f"SELECT count(*) FROM {contacts.physical_name}")).scalar() == 0


def test_insert_is_idempotent(session, project, contacts):
    first = steps(session, project).save("contacts", [{"name": "Ann"}, {"name": "Bob"}])
    session.commit()
    again = steps(session, project).save("contacts", [{"name": "Ann"}, {"name": "Bob"}])
    assert again.records == first.records and records.count(session, contacts) == 2
    steps(session, project, "next visit").save("Contacts", [{"name": "Ann"}])
    assert records.count(session, contacts) == 3


def test_update_and_upsert_match_by_column(session, project, contacts):
    service = steps(session, project)
    made = service.save("contacts", [{"name": "Ann", "email": "a@example.com"}], mode="upsert")
    assert (made.created, made.updated) == (1, 0)
    changed = steps(session, project, "b").save("contacts", [{"email": "a@example.com", "amount": 3}], mode="upsert")
    assert (changed.created, changed.updated) == (0, 1)
    assert changed.records[0]["name"] == "Ann" and changed.records[0]["amount"] == 3
    by_id = service.save("contacts", [{"id": made.records[0]["id"], "name": "Anna"}], mode="update")
    assert by_id.records[0]["name"] == "Anna"
    none = service.save("contacts", [{"name": "Zed", "amount": 1}], mode="update", match=["name"])
    assert (none.updated, none.records) == (0, [])


@pytest.mark.parametrize(
    ("table", "row", "kwargs", "message"),
    [
        ("contcts", {"name": "a"}, {}, "“contcts”.*Did you mean “contacts”"),
        ("contacts", {"name": "a", "emial": "x"}, {}, "no column “emial”.*Did you mean “email”"),
        ("contacts", {"name": "a", "organization_id": "x"}, {}, "no column “organization_id”"),
        ("contacts", {"email": "a@example.com"}, {}, "name: This field is required"),
        ("contacts", {"name": "a", "amount": "x"}, {}, "amount: “x” is not a number"),
        ("contacts", {"name": "a"}, {"mode": "merge"}, "mode must be"),
        ("contacts", {"name": "a"}, {"mode": "upsert"}, "which columns identify"),
        ("contacts", {"name": ""}, {"mode": "update", "match": ["name"]}, "identifies the record"),
    ],
)
def test_faults_of_a_step_are_permanent_and_name_the_place(session, project, contacts, table, row, kwargs, message):
    with pytest.raises(StepError, match=message) as caught:
        steps(session, project).save(table, [row], **kwargs)
    assert caught.value.permanent and records.count(session, contacts) == 0


def test_one_bad_row_of_many_saves_nothing(session, project, contacts):
    with pytest.raises(StepError, match=r"1\.email: .*already"):
        steps(session, project).save("contacts", [{"name": n, "email": "a@example.com"} for n in "ab"])
    session.commit()
    assert records.count(session, contacts) == 0


def test_select_filters_orders_and_limits(session, project, contacts):
    service = steps(session, project)
    service.save("contacts", [{"name": n, "amount": a} for n, a in (("a", 1), ("b", 2), ("c", None))])
    assert [r["name"] for r in service.select("contacts", order_by="amount", descending=True).records] == [
        "b",
        "a",
        "c",
    ]
    assert service.select("contacts", where={"amount": "2"}, columns=["name"]).records == [{"name": "b"}]
    assert service.select("contacts", where={"name": ["a", "c"]}, columns=["name"], limit=1).records == [{"name": "a"}]
    assert service.select("contacts", where={"amount": None}, columns=["name"]).records == [{"name": "c"}]
    with pytest.raises(StepError, match="Did you mean “amount”"):
        service.select("contacts", order_by="amont")


def test_what_is_found_is_counted_beyond_the_limit(session, project, contacts):
    service = steps(session, project)
    service.save("contacts", [{"name": f"n{at % 2}", "amount": at} for at in range(152)])
    found = service.select("contacts")
    assert (len(found.records), found.count) == (100, 152)
    found = service.select("contacts", where={"name": "n1"}, limit=76)
    assert (len(found.records), found.count) == (76, 76)
    session.commit()  # SQLite's queries read what is committed
    for sql, params, count in (
        ("SELECT name FROM contacts", {}, 152),
        ("SELECT c.id, c.name FROM contacts c WHERE c.name = :name ORDER BY amount; ", {"name": "n1"}, 76),
        ("SELECT name FROM contacts -- all of them", {}, 152),
        ("WITH few AS (SELECT * FROM contacts WHERE amount < 20) SELECT *, amount * 2 FROM few", {}, 20),
        ("SELECT name FROM contacts LIMIT 30", {}, 30),
        ("SELECT name FROM contacts LIMIT :most", {"most": 30}, 30),
        ("SELECT name FROM contacts UNION ALL SELECT name FROM contacts", {}, 304),
    ):
        found = service.query(sql, params, limit=10)
        assert (len(found.records), found.count) == (10, count), sql


def test_names_of_the_project_are_known(session, project, contacts):
    registry.load()  # "table" is declared where its steps are
    found = known(session, project.id)
    assert all(found.resources.has("table", name) for name in (contacts.id, "contacts", "Contacts"))
    assert not found.resources.has("table", "companies") and not found.resources.choices("schema")
    assert projects.choices_tables(session) == [("contacts", "Contacts")]


def test_a_download_holds_no_transaction_while_its_reader_takes_their_time(session, project, contacts):
    """A client that pauses would hold a connection, and PostgreSQL would end the transaction and cut the file."""
    steps(session, project).save("contacts", [{"name": f"{n}", "email": f"{n}@example.com"} for n in range(502)])
    session.commit()
    rows = records.every(session, contacts)
    first = [next(rows) for _ in range(2)]
    assert not session.in_transaction()
    rest = list(rows)
    assert [row["name"] for row in first + rest] == [str(n) for n in range(502)]
    pieces = exports.export(session, exports.Wanted(workflow_id=new_id()), "jsonl")
    assert list(pieces) == [] and not session.in_transaction()
