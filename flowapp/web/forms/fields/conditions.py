"""Conditions: groups of rules, to any depth."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from flowapp.engine.language.condition_parser import GROUPS, WITHOUT_VALUE, Conditions, normalize
from flowapp.errors import InvalidError
from flowapp.web.forms.field import ParamField, Posted, row_indexes
from flowapp.web.forms.info import ABSENT, Info
from flowapp.web.forms.text import shown

Group = dict[str, Any]  # {"mode", "items"} as the condition builder draws it; a rule has field, operator, value, errors
MODES = ("all", "any", "not")
_LISTS = ("in", "not_in")


class ConditionsField(ParamField, widgets=("conditions",), template="forms/conditions.html", mark="-mode"):
    """Values that were not text (numbers, lists) keep their type while their text stays as it was."""

    switch = ""

    @classmethod
    def shows(cls, value: Any, _info: Info) -> bool:
        try:
            normalize(value)
        except InvalidError:
            return False
        return True

    def process_data(self, value: Any) -> None:
        stored = {} if value is ABSENT else normalize(value)
        self.group = _group(stored) if stored else {"mode": "all", "items": []}
        self._typed = {_key(rule): rule["stored"] for rule in _leaves(self.group) if "stored" in rule}

    def process_formdata(self, _valuelist: list[str]) -> None:
        if self.beside("mode") is not None:
            self.group = _read(self.posted, self.name)
        for button in ("_add", "_add_group", "_remove"):
            target = self.posted.get(button, "")
            if target.startswith(f"{self.name}-"):
                self.acted |= self._act(button, target.removeprefix(self.name))

    @property
    def data(self) -> Any:
        return self._json(self.group) or ABSENT

    def _json(self, group: Group) -> Group:
        entries = [
            self._json(item) if "mode" in item else self._rule(item) for item in group["items"] if not _blank(item)
        ]
        return {group["mode"]: entries} if entries else {}

    def _rule(self, item: Group) -> Group:
        rule = {"field": item["field"], "operator": item["operator"]}
        if item["operator"] in WITHOUT_VALUE:
            return rule
        value = self._typed.get(_key(item), item["value"])
        if value is item["value"] and item["operator"] in _LISTS and "{{" not in value:
            value = [part.strip() for part in value.split(",") if part.strip()]
        return rule | {"value": value}

    def _act(self, button: str, place: str) -> bool:
        group: Any = self.group
        path = [int(part) for part in place.split("-") if part.isdecimal() and len(part) < 5]
        adds = place.endswith("items")
        try:
            for at in path if adds else path[:-1]:
                group = group["items"][at]
            if not adds:
                del group["items"][path[-1]]
            elif button == "_add":
                group["items"].append(_new_rule())
            else:
                group["items"].append({"mode": "any" if group["mode"] == "all" else "all", "items": [_new_rule()]})
        except (KeyError, IndexError):
            return False
        return True

    def show(self, path: Sequence[str], message: str) -> None:
        entry: Group = self.group
        for at, part in enumerate(path):
            if part.isdecimal() and "items" in entry:
                filled = [item for item in entry["items"] if not _blank(item)]
                entry = filled[int(part)] if int(part) < len(filled) else entry
            elif part in ("field", "operator", "value") and "field" in entry:
                entry["errors"][path[at]] = message
                return
        if "field" in entry:
            entry["errors"]["field"] = message
        else:
            super().show((), message)

    @property
    def messages(self) -> list[str]:
        return [*self.errors, *(text for rule in _leaves(self.group) for text in rule["errors"].values())]


def _new_rule() -> Group:
    return {"field": "", "operator": "==", "value": "", "errors": {}}


def _blank(item: Group) -> bool:
    if "mode" in item:
        return all(_blank(inner) for inner in item["items"])
    return not item["field"].strip() and not item["value"].strip() and item["operator"] not in WITHOUT_VALUE


def _group(stored: Conditions) -> Group:
    mode = next(name for name in GROUPS if name in stored)
    return {"mode": mode, "items": [_new_rule() | _shown(e) if "field" in e else _group(e) for e in stored[mode]]}


def _shown(rule: Conditions) -> Group:
    kept = {"stored": rule["value"]} if "value" in rule else {}
    return {"field": rule["field"], "operator": rule["operator"], "value": _text(rule.get("value", "")), **kept}


def _text(value: Any) -> str:
    simple = isinstance(value, list) and not any(
        isinstance(entry, dict | list) or "," in shown(entry) for entry in value
    )
    return ", ".join(shown(entry) for entry in value) if simple else shown(value)


def _key(rule: Group) -> tuple[str, str, str]:
    return rule["field"], rule["operator"], rule["value"]


def _leaves(group: Group) -> Iterator[Group]:
    for item in group["items"]:
        if "mode" in item:
            yield from _leaves(item)
        else:
            yield item


def _read(data: Posted, name: str, level: int = 0) -> Group:
    mode, items = data.get(f"{name}-mode", "all"), []
    for at in row_indexes(data, f"{name}-items") if level < 12 else ():
        start = f"{name}-items-{at}"
        if f"{start}-mode" in data:
            items.append(_read(data, start, level + 1))
        else:
            items.append(_new_rule() | {key: data.get(f"{start}-{key}", "") for key in ("field", "value")})
            items[-1]["operator"] = data.get(f"{start}-operator", "==")
    return {"mode": mode if mode in MODES else "all", "items": items}
