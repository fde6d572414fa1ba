"""How the operations of `transform_data` are declared: on the data as a whole, or on one value in one of several ways.

Each says beside its code what it is called, what it does, and an example: the form shows that, and docs/definition.md is
made of it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from flowapp.actions.data.transform_data.base import ITEM, MISSING, Work, get_path, set_path
from flowapp.actions.data.transform_data.options import Options
from flowapp.catalog.fields import has_expression
from flowapp.catalog.rows import Example, RowHelp
from flowapp.errors import ExpressionError, StepError
from flowapp.texts import join, labelled, say

Run = Callable[[Work, Options, Any], object]
Change = Callable[[Any, Options, Work], object]


@dataclass(frozen=True, slots=True)
class Conversion:
    """One way of a family: `fields` of the form that it uses, `needs` those of them that must be filled in."""

    label: str
    help: str
    example: Example
    change: Change
    fields: tuple[str, ...]
    needs: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class OperationKind:
    """An operation. `fields` of the form that it uses; of `needs` one must be filled in. `help` is an English msgid.

    `choice` is the field that says which of the `conversions` is meant, where there are several; the first one is the
    default. They have examples of their own then.
    """

    label: str
    help: str
    run: Run
    fields: tuple[str, ...]
    needs: tuple[str, ...] = ()
    choice: str = ""
    conversions: Mapping[str, Conversion] = field(default_factory=dict)
    example: Example | None = None

    def uses(self, name: str) -> bool:
        return name in self.fields or any(name in conversion.fields for conversion in self.conversions.values())

    def documented(self, op: str) -> Iterator[RowHelp]:
        """What it does, or each of its conversions."""
        if self.example:
            yield RowHelp({"op": op}, self.label, self.help, self.example)
        for name, way in self.conversions.items():
            settings = {"op": op, self.choice: name} if self.choice else {"op": op}
            yield RowHelp(settings, way.label or self.label, way.help, way.example)


class Kinds(dict[str, OperationKind]):
    """Operations by name."""

    def add(
        self,
        name: str,
        label: str,
        fields: tuple[str, ...] = (),
        needs: tuple[str, ...] = (),
        *,
        help: str,  # noqa: A002 - as in ui()
        example: Example,
    ) -> Callable[[Run], Run]:
        """Declares the decorated function as an operation on the data as a whole."""

        def register(run: Run) -> Run:
            self[name] = OperationKind(label, help, run, fields, needs, example=example)
            return run

        return register


class Family:
    """An operation on one value, in one way (called "") or several: on a field of a record, of every record of a list, or on the data.

    What is missing or null stays as it is. Without a field each entry of a list is changed, or with `whole` the list.
    """

    def __init__(
        self,
        label: str,
        help: str,  # noqa: A002 - as in ui()
        choice: str = "",
        fields: tuple[str, ...] = (),
        *,
        whole: bool = False,
    ) -> None:
        self.conversions: dict[str, Conversion] = {}
        self.whole = whole
        self.kind = OperationKind(
            label, help, self._run, ("field", "to", *fields), choice=choice, conversions=self.conversions
        )

    def add(
        self,
        name: str,
        label: str,
        fields: tuple[str, ...] = (),
        needs: tuple[str, ...] = (),
        *,
        help: str = "",  # noqa: A002 - as in ui()
        example: Example,
    ) -> Callable[[Change], Change]:
        """Declares the decorated function as a way to make a new value of one that is not null."""

        def register(change: Change) -> Change:
            self.conversions[name] = Conversion(label, help or self.kind.help, example, change, fields, needs)
            return change

        return register

    def _run(self, work: Work, operation: Options, data: object) -> object:
        change = self.conversions[getattr(operation, self.kind.choice) if self.kind.choice else ""].change
        listed = data if isinstance(data, list) and not (self.whole and not operation.field) else None
        open_fields = [n for n in (*self._all_fields(), "to") if has_expression(getattr(operation, n))]

        def one(entry: object, at: int) -> object:
            work.charge(ITEM + (len(entry) if isinstance(entry, dict) else 0))  # a changed record is a copy
            given = operation
            try:
                if open_fields:
                    values = {name: getattr(operation, name) for name in open_fields}
                    rendered = work.render(values, item=entry, index=at)
                    given = operation.model_copy(update=rendered if isinstance(rendered, dict) else {})
                return _in_field(change, given, work, entry)
            except (StepError, ExpressionError, ArithmeticError, ValueError) as error:
                reason = (
                    error.message
                    if isinstance(error, StepError | ExpressionError)
                    else say("The result is out of range: check the value.")
                )
                place = [say("item %(at)s", at=at + 1)] if listed is not None else []
                place += [say("field “%(field)s”", field=operation.field)] if operation.field else []
                raise StepError(labelled(join(", ", place), reason), permanent=True) from error

        return one(data, 0) if listed is None else [one(entry, at) for at, entry in enumerate(listed)]

    def _all_fields(self) -> list[str]:
        return list(
            {name for conversion in self.conversions.values() for name in conversion.fields}
            | {*self.kind.fields} - {"field", "to"}
        )


def _in_field(change: Change, operation: Options, work: Work, entry: object) -> object:
    if not operation.field:
        return entry if entry is None else change(entry, operation, work)
    if not isinstance(entry, dict):
        raise StepError(say("This is not a record with named fields. Leave “field” empty to change the value itself."))
    value = get_path(entry, operation.field)
    if value is MISSING or value is None:
        return entry
    return set_path(entry, operation.to or operation.field, change(value, operation, work))
