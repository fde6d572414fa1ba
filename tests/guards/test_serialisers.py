"""One serialiser for each noun, in the room that owns it, and one way to start after a commit (DESIGN §5)."""

from __future__ import annotations

import ast
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path("flowapp")
SERIALISERS = {
    "Asked": "executions/serialisers.py:approval_json",
    "Company": "crm/companies.py:company_json",
    "Contact": "crm/contacts.py:contact_json",
    "ContactList": "crm/lists.py:list_json",
    "Deal": "crm/deals.py:deal_json",
    "Effect": "executions/serialisers.py:effect_json",
    "EmailTemplate": "marketing/email_templates.py:template_json",
    "Event": "events/reading.py:event_json",
    "Execution": "executions/serialisers.py:execution_json",
    "FieldDef": "crm/fields.py:field_json",
    "FailureGroup": "executions/serialisers.py:failure_json",
    "Import": "crm/imports/service.py:import_json",
    "LogLine": "executions/log.py:line_json",
    "Note": "crm/notes.py:note_json",
    "Notification": "notifications/listing.py:notification_json",
    "Pipeline": "crm/pipelines.py:pipeline_json",
    "Replay": "executions/serialisers.py:replay_json",
    "Stage": "crm/pipelines.py:stage_json",
    "StepRun": "executions/serialisers.py:step_json",
    "Tag": "crm/tags.py:tag_json",
    "Task": "crm/tasks.py:task_json",
    "Undecided": "executions/serialisers.py:undecided_json",
    "Workflow": "workflows/reading.py:workflow_json",
}
# Rooms that answer and tell: they print what a serialiser gives them.
PRINTERS = ("api", "live", "pages", "tasks", "web", "cli")
NO_ROWS = {  # what these print are no nouns of the database
    "api/search.py:_hit_json": "where something of any kind was found",
    "api/workflows/catalog.py:_action": "a declared step type",
    "api/workflows/catalog.py:_shown": "a declared type",
    "live/monitor.py:_started": "the columns that a message is made of",
    "pages/crm/tasks.py:_filled": "what a form of the page is filled with",
    "pages/data/forms.py:_shown": "what a form of the page is filled with",
    "pages/data/tables.py:_column_edit": "what a form of the page is filled with",
    "pages/marketing/email_templates.py:_shown": "what a form of the page is filled with",
    "pages/settings/organization.py:_stored": "what a form of the page is filled with",
    "pages/executions/show.py:show": "the payloads of a page",
    "pages/settings/mail.py:of": "the columns of a page",
    "pages/workflows/show.py:_words": "the words of a page",
    "tasks/starting.py:commit_and_start": "columns that the engine reads",
    "tasks/endings.py:announce_ends": "columns that the engine reads",
    "tasks/jobs/upkeep/cleanup_old_executions.py:run": "counts of a job",
    "web/forms/config.py:applied": "the fields of a form",
}


def functions(path: Path) -> Iterator[ast.FunctionDef]:
    return (node for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.FunctionDef))


def name_of(path: Path, function: ast.FunctionDef) -> str:
    return f"{path.relative_to(ROOT)}:{function.name}"


def annotations(function: ast.FunctionDef) -> set[str]:
    return {ast.unparse(argument.annotation) for argument in function.args.args if argument.annotation}


def same_names(node: ast.Dict) -> int:
    """Of how many keys the value is read from the attribute of that name of one object."""
    read: defaultdict[str, set[str]] = defaultdict(set)
    for key, value in zip(node.keys, node.values, strict=True):
        for part in ast.walk(value):
            if isinstance(part, ast.Attribute) and isinstance(part.value, ast.Name) and isinstance(key, ast.Constant):
                read[part.value.id] |= {part.attr} & {key.value}
    return max(map(len, read.values()), default=0)


def prints(function: ast.FunctionDef) -> bool:
    """Whether it writes an object's attributes out under their names."""
    return any(
        (isinstance(node, ast.Dict) and same_names(node) >= 4)
        or (
            isinstance(node, ast.DictComp)
            and any(isinstance(part, ast.Name) and part.id == "getattr" for part in ast.walk(node.value))
        )
        for node in ast.walk(function)
    )


def test_each_noun_has_one_serialiser() -> None:
    found: defaultdict[str, list[str]] = defaultdict(list)
    for path in sorted(ROOT.rglob("*.py")):
        for function in functions(path):
            if function.name.endswith("_json") and not function.name.startswith("_"):
                for noun in annotations(function) & SERIALISERS.keys():
                    found[noun].append(name_of(path, function))
    assert found == {noun: [where] for noun, where in SERIALISERS.items()}


def test_nobody_who_prints_makes_json_of_rows() -> None:
    printing = {
        name_of(path, function)
        for room in PRINTERS
        for path in sorted((ROOT / room).rglob("*.py"))
        for function in functions(path)
        if prints(function)
    }
    assert printing == NO_ROWS.keys(), "serialise a noun in the room that owns it, and say so in SERIALISERS"


@pytest.mark.parametrize(
    "source",
    [
        "def f(row):\n return {name: getattr(row, name) for name in ('id', 'status')}",
        "def f(row):\n return {'id': row.id, 'status': row.status, 'at': iso(row.at), 'name': row.name}",
    ],
)
def test_the_guard_sees_a_second_serialiser(source: str) -> None:
    (function,) = ast.parse(source).body
    assert isinstance(function, ast.FunctionDef)
    assert prints(function)


def test_one_way_to_start_after_a_commit() -> None:
    said = {
        (str(path.relative_to(ROOT)), word)
        for path in ROOT.rglob("*.py")
        for word in (".expunge(", "fresh=True, row=")
        if word in path.read_text()
    }
    assert said == {("tasks/starting.py", ".expunge("), ("tasks/bus.py", "fresh=True, row=")}
