"""What is stored of integrations, triggers and workflows leaves defaults out: it is read through its model, nowhere raw."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]

# Where a config is the subject itself (stored, shown, translated, completed by its model), not read for what it means.
SUBJECT = {
    "flowapp/engine/language/dialects.py": "translates other tools' definitions",
    "flowapp/engine/language/definition.py": "checks the shape of a definition that is not stored yet",
    "flowapp/engine/language/workflow_config.py": "is where it is read",
    "flowapp/workflows/secrets.py": "seals and opens; keeps keys",
    "flowapp/web/forms/config.py": "the form of the settings; its draft has every default",
}
# Names that have no default: missing means that nothing was chosen.
NO_DEFAULT = {"form_id", "key"}


def _is_config(node: ast.expr) -> bool:
    if isinstance(node, ast.Attribute):
        return node.attr == "config" and not (isinstance(node.value, ast.Name) and node.value.id in ("self", "app"))
    if isinstance(node, ast.Subscript):
        return isinstance(node.slice, ast.Constant) and node.slice.value == "config"
    if isinstance(node, ast.BoolOp):
        return any(_is_config(value) for value in node.values)
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "get":
        return bool(node.args) and isinstance(node.args[0], ast.Constant) and node.args[0].value == "config"
    return False


def raw_reads(tree: ast.AST) -> Iterator[tuple[int, str]]:
    """`config.get("name")` with or without a default of its own, by line."""
    for node in ast.walk(tree):
        if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Attribute) or node.func.attr != "get":
            continue
        if node.args and isinstance(node.args[0], ast.Constant) and _is_config(node.func.value):
            yield node.lineno, str(node.args[0].value)


def test_no_stored_config_is_read_without_its_model() -> None:
    found = []
    for path in sorted((ROOT / "flowapp").rglob("*.py")):
        name = str(path.relative_to(ROOT))
        if name not in SUBJECT:
            found += [
                f"{name}:{line} {key}" for line, key in raw_reads(ast.parse(path.read_text())) if key not in NO_DEFAULT
            ]
    assert found == [], "read it through its model (stored_value, stored_config, open_integration)"


def test_the_guard_sees_what_it_is_for() -> None:
    text = (
        "handle.config.get('auth') or 'none'\n(d.get('config') or {}).get('alert_after', 3)\nd['config'].get('reentry')"
    )
    assert {key for _, key in raw_reads(ast.parse(text))} == {"auth", "alert_after", "reentry"}
