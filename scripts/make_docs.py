"""Writes what follows from the declarations: `make docs`. A guard test compares.

docs/steps.md, a page of docs/connectors/ for each manifest, the tables of filters and operations in docs/definition.md, the README's table of settings, and the
settings that compose.yaml passes on.
"""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from flowapp import catalog  # noqa: E402 - the checkout is on the path only now
from flowapp.actions.data.transform_data.kinds import documented  # noqa: E402
from flowapp.catalog.manifests import Manifest  # noqa: E402
from flowapp.catalog.params import Hints  # noqa: E402
from flowapp.config import DOCS, Settings  # noqa: E402
from flowapp.engine.language.filters import ALIASES, FILTERS  # noqa: E402

STEPS_HEAD = """# Steps and triggers

Made by `make docs` from the declarations in `flowapp/actions/` and `flowapp/triggers/`; do not edit.
The steps and triggers of connectors stand in [connectors/](connectors/), a page for each.
Every text parameter may hold expressions such as `{{ input.email }}` or `{{ steps.save.id }}`.
"""
CONTAINERS = {"PORT", "FLOWAPP_DATA_DIR", "DATABASE_URL", "REDIS_URL", "FLOWAPP_SQLITE_SYNCHRONOUS"}  # compose's own
COMPOSED = {
    **dict.fromkeys(("FLOWAPP_SECRET_KEY", "FLOWAPP_ENCRYPTION_KEYS"), ":?set it in .env"),
    "FLOWAPP_LOG_FORMAT": ":-json",
}
EFFECTS = {
    "pure": "touches nothing outside",
    "idempotent": "may run again after a crash, under the same idempotency key",
    "once": "never runs twice on its own: after a crash a person decides",
}


def steps_page() -> str:
    """docs/steps.md."""
    catalog.load()
    parts = [STEPS_HEAD, "\n## Steps\n"]
    plain = [action for action in catalog.ACTIONS.values() if not action.home]
    parts += [step(action) for action in sorted(plain, key=lambda a: (a.group, a.type))]
    parts.append("\n## Triggers\n")
    plain_triggers = [one for one in catalog.TRIGGERS.values() if not one.home]
    parts += [trigger(one) for one in sorted(plain_triggers, key=lambda t: t.type)]
    return "".join(parts)


def trigger(spec: catalog.TriggerSpec) -> str:
    """The part about one trigger type."""
    parts = [f"\n### `{spec.type}` · {spec.label}\n\n{spec.description}\n"]
    if spec.aliases:
        parts.append(f"\nAlso called: {', '.join(f'`{a}`' for a in spec.aliases)}.\n")
    parts.append(parameters(spec.params))
    if spec.home and spec.sample:
        names = "".join(f"| `input.{name}` | {as_code(value)} |\n" for name, value in spec.sample.items())
        parts.append(f"\n| steps can use | for example |\n| --- | --- |\n{names}")
    return "".join(parts)


def step(action: catalog.ActionSpec) -> str:
    """The part about one step type."""
    parts = [f"\n### `{action.type}` · {action.label}\n\n{action.description}\n\n"]
    group = "" if action.home else f"Group: {action.group}. "
    parts.append(f"{group}Effect: {action.effect} ({EFFECTS[action.effect]}). ")
    parts.append(f"Branches: {', '.join(f'`{b}`' for b in action.branches)}.")
    if action.aliases:
        parts.append(f" Also called: {', '.join(f'`{a}`' for a in action.aliases)}.")
    parts.append("\n" + parameters(action.params))
    if action.result:
        rows = "".join(f"| `{k}` | {v} |\n" for k, v in action.result.items())
        parts.append(f"\n| later steps can use | |\n| --- | --- |\n{rows}")
    return "".join(parts)


def connector_pages() -> dict[str, str]:
    """The pages of docs/connectors/, by their paths: one for each connector that is a folder with actions of its own."""
    catalog.load()
    return {
        f"docs/connectors/{spec.type}.md": connector_page(spec) for spec in catalog.CONNECTORS.values() if spec.category
    }


def connector_schema() -> str:
    """docs/connector.schema.json, for editors."""
    return json.dumps(Manifest.model_json_schema(), indent=1, ensure_ascii=False) + "\n"


def connector_page(spec: catalog.ConnectorSpec) -> str:
    """One of them."""
    folder = spec.home.replace(".", "/")
    parts = [f"# {spec.label}\n\nMade by `make docs` from the declarations in `{folder}/`; do not edit.\n\n"]
    parts += [f"{spec.description}\n", f"\n{spec.guide}\n" if spec.guide else ""]
    names = ", ".join(f"`{name}`" for name in (spec.type, *spec.providers))
    parts.append(
        f"\nThe step `integration_call` finds it by {names}; without `action` it means `{spec.default_action}`.\n"
    )
    for title, model in (("Connection", spec.config), ("Credentials", spec.credentials)):
        if model.model_fields:
            parts.append(f"\n## {title}\n{parameters(model, spec.config)}")
    parts.append("\n## Steps\n")
    # Also the one of actions/ that is meant where a connector has none of its own: the page is for who uses it.
    parts += [step(action) for _name, action in sorted(catalog.actions_of(spec).items())]
    triggers = [one for _name, one in sorted(catalog.TRIGGERS.items()) if spec.home and one.home == spec.home]
    parts += ["\n## Triggers\n", *map(trigger, triggers)] if triggers else []
    return "".join(parts)


def parameters(model: type[catalog.Params], config: type[catalog.Params] | None = None) -> str:
    """A table of a model's fields. With `config`, that of a connection: also what each choice means, and which of them shows a field."""
    rows = []
    for name, field in model.model_fields.items():
        ui = catalog.ui_of(model, name)
        told = [ui.get("label", ""), f"— {ui['help']}" if ui.get("help") else ""]
        if config is not None:
            told += [choices(ui), shown_for(ui, config)]
        meaning = " ".join(filter(None, told))
        default = "required" if field.is_required() else shown(field.get_default(call_default_factory=True))
        rows.append(f"| `{field.alias or name}` | {meaning.replace('|', chr(92) + '|')} | {default} |\n")
    if not rows:
        return "\nIt has no parameters.\n"
    return "\n| parameter | meaning | default |\n| --- | --- | --- |\n" + "".join(rows)


def choices(ui: Hints) -> str:
    """The values that can be chosen, and what they mean."""
    told = ", ".join(f"`{value}` ({label})" for value, label in ui.get("choices") or ())
    return f"— one of {told}" if told else ""


def shown_for(ui: Hints, config: type[catalog.Params]) -> str:
    """For which choices of the connection a field is there."""
    wanted = (ui.get("show_if") or {}).items()
    told = (
        (catalog.ui_of(config, name).get("label", name), dict(catalog.ui_of(config, name).get("choices") or ()), values)
        for name, values in wanted
    )
    texts = (f"{label}: {', '.join(names.get(value, value) for value in values)}" for label, names, values in told)
    return f"({'; '.join(texts)})" if wanted else ""


def shown(value: Any) -> str:
    """A default as the table shows it."""
    return "" if value in (None, "", [], {}, ()) else f"`{str(value).replace('|', chr(92) + '|')}`"


def settings_table() -> str:
    """The README's table of environment variables."""
    defaults = {f"FLOWAPP_{name.upper()}": field.default for name, field in Settings.__dataclass_fields__.items()}
    defaults["PORT"] = 8000
    rows = []
    for name, meaning in DOCS.items():
        default = defaults.get(name, "")
        text = f"`{default}`" if isinstance(default, int | str) and default not in ("",) else ""
        rows.append(f"| `{name}` | {meaning} | {text} |\n")
    return "| variable | meaning | default |\n| --- | --- | --- |\n" + "".join(rows)


def readme(text: str) -> str:
    """The README with its table of settings made anew."""
    return between("settings", settings_table(), text)


def between(mark: str, made: str, text: str) -> str:
    """The text with what stands between the marks made anew."""
    return re.sub(rf"(?<=<!-- {mark} -->\n).*?(?=<!-- /{mark} -->)", lambda _: made, text, flags=re.DOTALL)


def filters_table() -> str:
    """The filters of the expression language, each with its example."""
    names: dict[str, str] = {name: "".join(f", `{a}`" for a, of in ALIASES.items() if of == name) for name in FILTERS}
    rows = (
        (
            f"`{name}`{names[name]}",
            f"{known.help}.",
            code(known.example.expression),
            as_code(known.example.result),
        )
        for name, known in FILTERS.items()
    )
    return table(("filter", "what it does", "example", "gives"), rows)


def operations_table() -> str:
    """The operations of transform_data, in each of their ways."""
    rows = (
        (
            code(" · ".join(entry.settings.values())),
            f"{entry.label}. {entry.help}",
            as_code(entry.example.data),
            as_code(entry.row),
            as_code(entry.example.result),
        )
        for entry in documented()
    )
    return table(("operation", "what it does", "of", "makes", "this"), rows)


def table(heads: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    """In Markdown."""
    lines = [list(heads)]
    lines.append(["---"] * len(lines[0]))
    return "".join(f"| {' | '.join(line)} |\n" for line in (*lines, *rows))


def as_code(value: object) -> str:
    """JSON as code in a table."""
    return code(json.dumps(value, ensure_ascii=False))


def code(text: str) -> str:
    """Code in a table, where a bar would end the cell."""
    return f"`{text.replace('|', chr(92) + '|')}`"


def definition(text: str) -> str:
    """docs/definition.md with its tables of filters and operations made anew."""
    return between("operations", operations_table(), between("filters", filters_table(), text))


def compose(text: str) -> str:
    """compose.yaml, every setting passed on from .env or the shell; an empty one counts as not set."""
    lines = "".join(f"    {name}: ${{{name}{COMPOSED.get(name, ':-')}}}\n" for name in DOCS if name not in CONTAINERS)
    return re.sub(r"(?<=# settings\n).*?(?=    # /settings)", lambda _: lines, text, flags=re.DOTALL)


def main() -> None:
    """Writes them."""
    (ROOT / "docs" / "steps.md").write_text(steps_page(), encoding="utf-8")
    (ROOT / "docs" / "connectors").mkdir(exist_ok=True)
    (ROOT / "docs" / "connector.schema.json").write_text(connector_schema(), encoding="utf-8")
    for path, text in connector_pages().items():
        (ROOT / path).write_text(text, encoding="utf-8")
    for name, make in (("README.md", readme), ("compose.yaml", compose), ("docs/definition.md", definition)):
        path = ROOT / name
        path.write_text(make(path.read_text(encoding="utf-8")), encoding="utf-8")


if __name__ == "__main__":
    main()
