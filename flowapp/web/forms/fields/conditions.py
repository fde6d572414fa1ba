"""Conditions: groups of rules, to any depth."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from flowapp.engine.language.condition_parser import (
    GROUPS,
    TEXT_OPERATORS,
    WITHOUT_VALUE,
    Conditions,
    Group,
    normalize,
)
from flowapp.errors import InvalidError
from flowapp.web.forms.field import ParamField, Posted, row_indexes
from flowapp.web.forms.info import ABSENT, Info
from flowapp.web.forms.text import shown

MODES = ("all", "any", "not")
MAX_DEPTH = 12
_LISTS = ("in", "not_in")


@dataclass(slots=True)
class ShownRule:
    """A rule as the builder draws it. `stored` is the value that its text showed when the page was made."""

    field: str = ""
    operator: str = "=="
    value: str = ""
    ignore_case: bool = False
    stored: object = ABSENT
    errors: dict[str, str] = dataclasses.field(default_factory=dict)

    @property
    def key(self) -> tuple[str, str, str]:
        """What stays the same while nobody changes it."""
        return self.field, self.operator, self.value

    @property
    def blank(self) -> bool:
        return not self.field.strip() and not self.value.strip() and self.operator not in WITHOUT_VALUE


@dataclass(slots=True)
class ShownGroup:
    """Rules and groups, of which all, any or none must be true."""

    mode: str = "all"
    entries: list[ShownRule | ShownGroup] = dataclasses.field(default_factory=list)

    @property
    def blank(self) -> bool:
        return all(entry.blank for entry in self.entries)

    @property
    def filled(self) -> list[ShownRule | ShownGroup]:
        """What is stored: the path of a problem counts these."""
        return [entry for entry in self.entries if not entry.blank]

    def rules(self) -> Iterator[ShownRule]:
        """Every rule, those of inner groups too."""
        for entry in self.entries:
            if isinstance(entry, ShownGroup):
                yield from entry.rules()
            else:
                yield entry


class ConditionsField(ParamField, widgets=("conditions",), template="forms/conditions.html", mark="-mode"):
    """Values that were not text (numbers, lists) keep their type while their text stays as it was."""

    switch = ""

    @classmethod
    def shows(cls, value: object, _info: Info) -> bool:
        try:
            normalize(value)
        except InvalidError:
            return False
        return True

    def process_data(self, value: object) -> None:
        self.group = _shown_group({} if value is ABSENT else normalize(value))
        self._typed = {rule.key: rule.stored for rule in self.group.rules() if rule.stored is not ABSENT}

    def process_formdata(self, _valuelist: list[str]) -> None:
        if self.beside("mode") is not None:
            self.group = _read(self.posted, self.name)
        for button in ("_add", "_add_group", "_remove"):
            target = self.posted.get(button, "")
            if target.startswith(f"{self.name}-"):
                self.acted |= self._act(button, target.removeprefix(self.name))

    @property
    def suggested(self) -> list[tuple[str, str]]:
        """In a row, the fields of the item that is tested; elsewhere the page's values are offered."""
        return [(f"item.{name}", name) for name in self._form.field_names]

    @property
    def data(self) -> object:
        return self._json(self.group) or ABSENT

    def _json(self, group: ShownGroup) -> dict[str, object]:
        entries = [
            self._json(entry) if isinstance(entry, ShownGroup) else self._rule(entry) for entry in group.filled
        ]  # fmt: skip
        return {group.mode: entries} if entries else {}

    def _rule(self, rule: ShownRule) -> dict[str, object]:
        stored: dict[str, object] = {"field": rule.field, "operator": rule.operator}
        if rule.ignore_case and rule.operator in TEXT_OPERATORS:
            stored["ignore_case"] = True
        if rule.operator in WITHOUT_VALUE:
            return stored
        if rule.key in self._typed:
            return stored | {"value": self._typed[rule.key]}
        if rule.operator in _LISTS and "{{" not in rule.value:
            return stored | {"value": [part.strip() for part in rule.value.split(",") if part.strip()]}
        return stored | {"value": rule.value}

    def _act(self, button: str, target: str) -> bool:
        """Does what a button asked for; False where there is nothing at its `target`, such as `-items-1-items`."""
        path = [int(part) for part in target.split("-") if part.isdecimal() and len(part) < 5]
        adds = target.endswith("items")
        group = _group_at(self.group, path if adds else path[:-1])
        if group is None or (not adds and (not path or path[-1] >= len(group.entries))):
            return False
        if not adds:
            del group.entries[path[-1]]
        elif button == "_add":
            group.entries.append(ShownRule())
        else:
            group.entries.append(ShownGroup("any" if group.mode == "all" else "all", [ShownRule()]))
        return True

    def show(self, path: Sequence[str], message: str) -> None:
        entry: ShownRule | ShownGroup = self.group
        for part in path:
            if isinstance(entry, ShownGroup):
                at = int(part) if part.isdecimal() else len(entry.filled)
                entry = entry.filled[at] if at < len(entry.filled) else entry
            elif part in ("field", "operator", "value"):
                entry.errors[part] = message
                return
        if isinstance(entry, ShownRule):
            entry.errors["field"] = message
        else:
            super().show((), message)

    @property
    def messages(self) -> list[str]:
        return [*self.errors, *(text for rule in self.group.rules() for text in rule.errors.values())]


def _group_at(group: ShownGroup, path: Sequence[int]) -> ShownGroup | None:
    for at in path:
        entry = group.entries[at] if at < len(group.entries) else None
        if not isinstance(entry, ShownGroup):
            return None
        group = entry
    return group


def _shown_group(stored: Conditions) -> ShownGroup:
    mode: Group = next((name for name in GROUPS if name in stored), "all")
    entries = stored.get(mode, ())
    return ShownGroup(mode, [_shown_rule(entry) if "field" in entry else _shown_group(entry) for entry in entries])


def _shown_rule(rule: Conditions) -> ShownRule:
    value = rule.get("value", ABSENT)
    shown_value = "" if value is ABSENT else _text(value)
    return ShownRule(rule["field"], rule["operator"], shown_value, rule.get("ignore_case", False), value)


def _text(value: object) -> str:
    if not isinstance(value, list):
        return shown(value)
    simple = not any(isinstance(entry, dict | list) or "," in shown(entry) for entry in value)
    return ", ".join(shown(entry) for entry in value) if simple else shown(value)


def _read(data: Posted, name: str, level: int = 0) -> ShownGroup:
    mode = data.get(f"{name}-mode", "all")
    group = ShownGroup(mode if mode in MODES else "all")
    for at in row_indexes(data, f"{name}-items") if level < MAX_DEPTH else ():
        start = f"{name}-items-{at}"
        if f"{start}-mode" in data:
            group.entries.append(_read(data, start, level + 1))
        else:
            field, value = (data.get(f"{start}-{part}", "") for part in ("field", "value"))
            operator, ignore_case = data.get(f"{start}-operator", "=="), f"{start}-ignore_case" in data
            group.entries.append(ShownRule(field, operator, value, ignore_case))
    return group
