"""Short functions, short files, folders that can be taken in at a glance."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

from tests.support.source import functions, trees

FOLDER = 20  # files of one kind
OF_ALL = {"guards", "e2e", "faults", "support", "__pycache__"}  # folders of tests that look at more than one room
WHOLE = {"test_deployment.py", "test_masking.py", "test_production.py"}  # of the application as it is installed


@pytest.mark.parametrize(
    ("root", "kind"), [("flowapp", "*.py"), ("templates", "*.html"), ("bench", "*.py"), ("tests", "*.py")]
)
def test_a_folder_holds_at_most_twenty_files(root: str, kind: str) -> None:
    held = Counter(str(path.parent) for path in Path(root).rglob(kind) if path.name != "__init__.py")
    assert {folder: count for folder, count in held.items() if count > FOLDER} == {}


def test_files_are_short() -> None:
    lines = {str(path): len(path.read_text(encoding="utf-8").splitlines()) for path in trees()}
    assert {path: count for path, count in lines.items() if count > 400} == {}
    assert sum(count < 220 for count in lines.values()) >= 0.9 * len(lines)


def test_functions_are_short() -> None:
    lines = [((node.end_lineno or 0) - node.lineno + 1, f"{path}:{node.name}") for path, node in functions()]
    assert [function for count, function in lines if count > 60] == []
    assert sum(count < 25 for count, _function in lines) >= 0.9 * len(lines)


def test_tests_lie_where_their_code_lies() -> None:
    folders = {path.parent.relative_to("tests") for path in Path("tests").rglob("test_*.py")}
    assert {
        str(f) for f in folders if f.parts and f.parts[0] not in OF_ALL and not Path("flowapp", f).is_dir()
    } == set()
    alone = {path.name for path in Path("tests").glob("test_*.py")} - WHOLE
    assert {name for name in alone if not Path("flowapp", name.removeprefix("test_")).is_file()} == set()
