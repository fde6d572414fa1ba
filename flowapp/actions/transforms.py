"""What `transform_data` can do with data. Every operation makes new values and leaves those it was given alone."""

from __future__ import annotations

import json
from collections.abc import Callable
from decimal import Decimal, InvalidOperation
from typing import Any

from flowapp.actions.operation import Operation
from flowapp.catalog import StepContext
from flowapp.errors import StepError

MISSING = object()


def apply(ctx: StepContext, operations: list[Operation], data: Any) -> Any:
    """The data after all operations. Calculations that stand together are done on the same items."""
    at = 0
    while at < len(operations):
        operation = operations[at]
        try:
            if operation.op == "aggregate":
                last = at
                while last < len(operations) and operations[last].op == "aggregate":
                    last += 1
                records = _items(data, operation)
                data = {_name(op): _aggregate(op, records) for op in operations[at:last]}
                at = last
                continue
            data = _OPERATIONS[operation.op](ctx, operation, data)
        except StepError as error:
            message = f"Operation {at + 1} ({operation.op}): {error.message}"
            raise StepError(message, permanent=True) from error
        at += 1
    return data


def get_path(record: Any, path: str) -> Any:
    """The value at a dotted path, MISSING where there is none."""
    for part in path.split("."):
        if isinstance(record, dict) and part in record:
            record = record[part]
        elif isinstance(record, list) and part.isdecimal() and int(part) < len(record):
            record = record[int(part)]
        else:
            return MISSING
    return record


def set_path(record: dict[str, Any], path: str, value: Any) -> dict[str, Any]:
    """A copy of the record with the value at a dotted path."""
    head, _, rest = path.partition(".")
    if not rest:
        return {**record, head: value}
    inner = record.get(head)
    return {**record, head: set_path(inner if isinstance(inner, dict) else {}, rest, value)}


def remove_path(record: dict[str, Any], path: str) -> dict[str, Any]:
    """A copy of the record without what is at a dotted path."""
    head, _, rest = path.partition(".")
    if not rest:
        return {name: value for name, value in record.items() if name != head}
    inner = record.get(head)
    return {**record, head: remove_path(inner, rest)} if isinstance(inner, dict) else record


def _items(data: Any, operation: Operation) -> list[Any]:
    if not isinstance(data, list):
        raise StepError(f"“{operation.op}” works on a list, and this is none.")
    return data


def _each(change: Callable[[StepContext, Operation, dict[str, Any], int], Any]) -> Callable[..., Any]:
    """For one record, or for each record of a list."""

    def run(ctx: StepContext, operation: Operation, data: Any) -> Any:
        records = data if isinstance(data, list) else [data]
        if not all(isinstance(record, dict) for record in records):
            raise StepError(f"“{operation.op}” works on records with named fields.")
        changed = [change(ctx, operation, record, at) for at, record in enumerate(records)]
        return changed if isinstance(data, list) else changed[0]

    return run


def _pairs(operation: Operation) -> dict[str, Any]:
    return operation.values or {operation.field: operation.to if operation.op == "rename" else operation.value}


def _set(ctx: StepContext, operation: Operation, record: dict[str, Any], at: int) -> dict[str, Any]:
    for path, value in ctx.render(_pairs(operation), item=record, index=at).items():
        record = set_path(record, path, value)
    return record


def _default(ctx: StepContext, operation: Operation, record: dict[str, Any], at: int) -> dict[str, Any]:
    for path, value in _pairs(operation).items():
        if get_path(record, path) in (MISSING, None, ""):
            record = set_path(record, path, ctx.render(value, item=record, index=at))
    return record


def _rename(_ctx: StepContext, operation: Operation, record: dict[str, Any], _at: int) -> dict[str, Any]:
    for old, new in _pairs(operation).items():
        value = get_path(record, old)
        if value is not MISSING:
            record = set_path(remove_path(record, old), str(new), value)
    return record


def _pick(_ctx: StepContext, operation: Operation, record: dict[str, Any], _at: int) -> dict[str, Any]:
    picked: dict[str, Any] = {}
    for path in operation.fields:
        value = get_path(record, path)
        if value is not MISSING:
            picked = set_path(picked, path, value)
    return picked


def _remove(_ctx: StepContext, operation: Operation, record: dict[str, Any], _at: int) -> dict[str, Any]:
    for path in operation.fields:
        record = remove_path(record, path)
    return record


def _map(ctx: StepContext, operation: Operation, data: Any) -> list[Any]:
    return [ctx.render(operation.value, item=item, index=at) for at, item in enumerate(_items(data, operation))]


def _filter(ctx: StepContext, operation: Operation, data: Any) -> list[Any]:
    items = enumerate(_items(data, operation))
    return [item for at, item in items if ctx.test(operation.conditions, item=item, index=at)[0]]


def _sort(_ctx: StepContext, operation: Operation, data: Any) -> list[Any]:
    """Numbers before text, and what is missing at the end in either direction."""
    keyed = [(_value(item, operation.field), item) for item in _items(data, operation)]
    there = [pair for pair in keyed if pair[0] not in (MISSING, None)]
    there.sort(key=lambda pair: _order(pair[0]), reverse=operation.descending)
    return [item for _, item in there] + [item for value, item in keyed if value in (MISSING, None)]


def _limit(ctx: StepContext, operation: Operation, data: Any) -> list[Any]:
    count = _number(ctx.render(operation.count), "count")
    if count < 0:
        raise StepError("count must be 0 or more.")
    return _items(data, operation)[: int(count)]


def _dedupe(_ctx: StepContext, operation: Operation, data: Any) -> list[Any]:
    first: dict[str, Any] = {}
    for item in _items(data, operation):
        first.setdefault(_identity(_value(item, operation.field)), item)
    return list(first.values())


def _group(_ctx: StepContext, operation: Operation, data: Any) -> list[dict[str, Any]]:
    groups: dict[str, dict[str, Any]] = {}
    for item in _items(data, operation):
        value = _value(item, operation.field)
        key = None if value is MISSING else value
        groups.setdefault(_identity(key), {"key": key, "items": []})["items"].append(item)
    return [{**group, "count": len(group["items"])} for group in groups.values()]


def _merge(ctx: StepContext, operation: Operation, data: Any) -> Any:
    """Object with object; list after list; or list with list where records have the same value in `field`."""
    other = ctx.render(operation.value)
    if isinstance(data, dict) and isinstance(other, dict):
        return {**data, **other}
    if not (isinstance(data, list) and isinstance(other, list)):
        raise StepError("Two lists or two objects can be merged.")
    if not operation.field:
        return [*data, *other]
    known = {_identity(_value(item, operation.field)): item for item in other if isinstance(item, dict)}
    return [
        {**item, **known.get(_identity(_value(item, operation.field)), {})} if isinstance(item, dict) else item
        for item in data
    ]


def _split(_ctx: StepContext, operation: Operation, data: Any) -> Any:
    separator = operation.separator.replace("\\n", "\n") or ","

    def parts(text: Any) -> list[str]:
        if not isinstance(text, str):
            raise StepError("Only text can be split.")
        return [part.strip() for part in text.split(separator) if part.strip()]

    if not operation.field:
        return parts(data)
    many = data if isinstance(data, list) else [data]
    done = [
        set_path(record, operation.to or operation.field, parts(value))
        if isinstance(record, dict) and (value := get_path(record, operation.field)) not in (MISSING, None)
        else record
        for record in many
    ]
    return done if isinstance(data, list) else done[0]


def _split_out(_ctx: StepContext, operation: Operation, data: Any) -> list[Any]:
    out: list[Any] = []
    for record in data if isinstance(data, list) else [data]:
        inner = get_path(record, operation.field)
        if not isinstance(record, dict) or not isinstance(inner, list):
            raise StepError(f"“{operation.field}” is not a list in every record.")
        rest = remove_path(record, operation.field)
        out += [set_path(rest, operation.to or operation.field, entry) for entry in inner]
    return out


def _aggregate(operation: Operation, records: list[Any]) -> Any:
    found = [_value(record, operation.field) for record in records]
    values = [value for value in found if value is not MISSING and value is not None]
    if operation.function == "count":
        return len(values) if operation.field else len(records)
    if operation.function in ("first", "last"):
        return (values[0] if operation.function == "first" else values[-1]) if values else None
    numbers = [_number(value, operation.field or "item") for value in values]
    if operation.function == "sum":
        return _plain(sum(numbers, Decimal(0)))
    if not numbers:
        return None
    if operation.function == "avg":
        return _plain(sum(numbers, Decimal(0)) / len(numbers))
    return _plain(min(numbers) if operation.function == "min" else max(numbers))


def _name(operation: Operation) -> str:
    return operation.to or operation.function


def _value(item: Any, path: str) -> Any:
    return get_path(item, path) if path else item


def _order(value: Any) -> tuple[int, Any]:
    try:
        return 0, _number(value, "")
    except StepError:
        return 1, value.casefold() if isinstance(value, str) else str(value)


def _identity(value: Any) -> str:
    return "" if value is MISSING else json.dumps(value, sort_keys=True, default=str)


def _number(value: Any, name: str) -> Decimal:
    """Numbers are summed as they are written, so that 0.1 and 0.2 make 0.3."""
    if isinstance(value, int | float | Decimal | str) and not isinstance(value, bool):
        try:
            number = Decimal(str(value).strip())
        except InvalidOperation:
            number = Decimal("nan")
        if number.is_finite():
            return number
    raise StepError(f"“{value}” in {name} is not a number.")


def _plain(number: Decimal) -> int | float:
    return int(number) if number == number.to_integral_value() else float(number)


_OPERATIONS: dict[str, Callable[[StepContext, Operation, Any], Any]] = {
    "set": _each(_set),
    "rename": _each(_rename),
    "pick": _each(_pick),
    "remove": _each(_remove),
    "default": _each(_default),
    "map": _map,
    "filter": _filter,
    "sort": _sort,
    "limit": _limit,
    "dedupe": _dedupe,
    "group": _group,
    "merge": _merge,
    "split": _split,
    "split_out": _split_out,
}
