"""One operation of `transform_data`, as a row of its form. What there is, and what it needs, the families declare."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

from pydantic import ConfigDict, Field, model_validator

from flowapp.actions.data.transform_data.code import BASE64, HASH
from flowapp.actions.data.transform_data.dates import DATE, UNIX
from flowapp.actions.data.transform_data.kinds import (
    KINDS,
    WITH_PATTERN,
    Algorithm,
    Coding,
    DataConversion,
    DateConversion,
    Name,
    NumberConversion,
    TextConversion,
    conversions_of,
    shown_for,
)
from flowapp.actions.data.transform_data.notations import JSON
from flowapp.actions.data.transform_data.numbers import NUMBER
from flowapp.actions.data.transform_data.options import Options
from flowapp.actions.data.transform_data.patterns import compile_pattern
from flowapp.actions.data.transform_data.text import TEXT
from flowapp.catalog import N_, ui
from flowapp.catalog.fields import Lines, Text, has_expression
from flowapp.catalog.rows import RowHelp
from flowapp.errors import StepError, UnreadableError
from flowapp.texts import either, say
from flowapp.values.patterns import read_pattern


class Operation(Options):
    """One operation. Fields are dotted paths; in texts, `value`, `values` and `conditions`, `item` is the record."""

    model_config = ConfigDict(extra="forbid")

    op: Name = Field(
        json_schema_extra=ui(
            N_("Operation"), widget="select", choices=[(name, kind.label) for name, kind in KINDS.items()]
        )
    )
    text: TextConversion = Field("upper", json_schema_extra=conversions_of(N_("What to do"), TEXT))
    number: NumberConversion = Field("parse", json_schema_extra=conversions_of(N_("What to do"), NUMBER))
    date: DateConversion = Field("parse", json_schema_extra=conversions_of(N_("What to do"), DATE))
    way: DataConversion = Field("parse", json_schema_extra=conversions_of(N_("What to do"), JSON))
    coding: Coding = Field("encode", json_schema_extra=conversions_of(N_("What to do"), BASE64))
    algorithm: Algorithm = Field("sha256", json_schema_extra=conversions_of(N_("Algorithm"), HASH))
    field: str = Field("", json_schema_extra=ui(N_("Field"), show_if=shown_for("field"), plain=True, suggest="fields"))
    to: str = Field(
        "",
        json_schema_extra=ui(N_("New name"), N_("Leave empty to keep the name."), show_if=shown_for("to"), plain=True),
    )
    value: object = Field(None, json_schema_extra=ui(N_("Value"), show_if=shown_for("value")))
    values: dict[str, object] = Field(
        {}, json_schema_extra=ui(N_("Several fields"), widget="keyvalue", advanced=True, show_if=shown_for("values"))
    )
    fields: Lines = Field(
        [],
        json_schema_extra=ui(N_("Fields"), widget="lines", show_if=shown_for("fields"), plain=True, suggest="fields"),
    )
    conditions: object = Field(
        None, json_schema_extra=ui(N_("Conditions"), widget="conditions", show_if=shown_for("conditions"))
    )
    function: Literal["sum", "avg", "min", "max", "count", "first", "last"] = Field(
        "sum", json_schema_extra=ui(N_("Calculate"), widget="select", show_if=shown_for("function"))
    )
    count: int | str | None = Field(
        None, json_schema_extra=ui(N_("Number of records"), widget="number", show_if=shown_for("count"))
    )
    descending: bool = Field(
        False, json_schema_extra=ui(N_("Largest first"), widget="checkbox", show_if=shown_for("descending"))
    )
    how: Literal["", "append", "left", "inner", "full", "position"] = Field(
        "",
        json_schema_extra=ui(
            N_("Merge method"),
            widget="select",
            choices=[
                ("", N_("By the field, otherwise append")),
                ("append", N_("Append")),
                ("position", N_("By position")),
                ("left", N_("By the field, keep all of the first list")),
                ("inner", N_("By the field, only matches")),
                ("full", N_("By the field, keep all of both lists")),
            ],
            show_if=shown_for("how"),
        ),
    )
    other_field: str = Field(
        "",
        json_schema_extra=ui(
            N_("Field in the other list"),
            N_("If it has a different name there."),
            show_if=shown_for("other_field"),
            plain=True,
        ),
    )
    separator: str = Field(
        ",",
        json_schema_extra=ui(
            N_("Separator"), N_("\\n is a line break, \\t a tab, \\s a space."), show_if=shown_for("separator")
        ),
    )
    find: Text = Field("", json_schema_extra=ui(N_("Find"), show_if=shown_for("find")))
    replacement: Text = Field(
        "",
        json_schema_extra=ui(
            N_("Replace with"), N_("With a pattern, $1 is the first group's match."), show_if=shown_for("replacement")
        ),
    )
    length: int | str | None = Field(
        None, json_schema_extra=ui(N_("Length"), widget="number", show_if=shown_for("length"))
    )
    fill: Text = Field("", json_schema_extra=ui(N_("Fill with"), placeholder="0", show_if=shown_for("fill")))
    side: Literal["start", "end"] = Field(
        "start",
        json_schema_extra=ui(
            N_("Side"),
            widget="select",
            choices=[("start", N_("Start")), ("end", N_("Append"))],
            show_if=shown_for("side"),
        ),
    )
    format: str = Field(
        "",
        json_schema_extra=ui(
            N_("Format"),
            N_("For example dd/MM/yyyy, EEEE d MMMM or h:mm a. Words stand in quotes: HH 'h' mm."),
            placeholder="dd/MM/yyyy",
            show_if=shown_for("format"),
        ),
    )
    by: Text = Field("", json_schema_extra=ui(N_("Amount"), placeholder="+3 days", show_if=shown_for("by")))
    since: Text = Field(
        "",
        json_schema_extra=ui(
            N_("Since"), N_("Leave empty for now."), placeholder="{{ item.start }}", show_if=shown_for("since")
        ),
    )
    unit: Literal["days", "weeks", "months", "years", "hours", "minutes", "seconds"] = Field(
        "days", json_schema_extra=ui(N_("Unit"), widget="select", choices=[
            ("days", N_("Days")), ("weeks", N_("Weeks")), ("months", N_("Months")), ("years", N_("Years")),
            ("hours", N_("Hours")), ("minutes", N_("Minutes")), ("seconds", N_("Seconds")),
        ], show_if=shown_for("unit")),
    )  # fmt: skip
    period: Literal["month", "week", "quarter", "year", "day"] = Field(
        "month", json_schema_extra=ui(N_("Period"), widget="select", choices=[
            ("month", N_("Month")), ("week", N_("Week")), ("quarter", N_("Quarter")), ("year", N_("Year")),
            ("day", N_("Day")),
        ], show_if=shown_for("period")),
    )  # fmt: skip
    timezone: str = Field(
        "",
        json_schema_extra=ui(
            N_("Time zone"),
            N_("Leave empty to use the workflow's time zone."),
            widget="timezone",
            show_if=shown_for("timezone"),
        ),
    )
    decimals: int | str | None = Field(
        None, json_schema_extra=ui(N_("Decimals"), widget="number", show_if=shown_for("decimals"))
    )
    currency: str = Field("", json_schema_extra=ui(N_("Currency"), placeholder="EUR", show_if=shown_for("currency")))
    minimum: int | float | str | None = Field(
        None, json_schema_extra=ui(N_("Minimum"), widget="number", show_if=shown_for("minimum"))
    )
    maximum: int | float | str | None = Field(
        None, json_schema_extra=ui(N_("Maximum"), widget="number", show_if=shown_for("maximum"))
    )
    notation: Literal["en", "fr"] = Field(
        "en",
        json_schema_extra=ui(
            N_("Number format"),
            widget="select",
            choices=[("en", N_("1,234.50 (English)")), ("fr", N_("1 234,50 (French)"))],
            show_if=shown_for("notation"),
        ),
    )
    language: Literal["en", "fr"] = Field(
        "en",
        json_schema_extra=ui(
            N_("Language"),
            widget="select",
            choices=[("en", N_("English")), ("fr", N_("French"))],
            show_if=shown_for("language"),
        ),
    )
    pretty: bool = Field(False, json_schema_extra=ui(N_("Indent"), widget="checkbox", show_if=shown_for("pretty")))
    header: bool = Field(
        True,
        json_schema_extra=ui(N_("First row contains column names"), widget="checkbox", show_if=shown_for("header")),
    )
    quoting: Literal["needed", "all"] = Field(
        "needed",
        json_schema_extra=ui(
            N_("Quotes"),
            widget="select",
            choices=[("needed", N_("Only where needed")), ("all", N_("Around every value"))],
            show_if=shown_for("quoting"),
        ),
    )

    @classmethod
    def explained(cls, row: Mapping[str, object]) -> RowHelp | None:
        """What the operation of a row does, in the way that is chosen."""
        kind = KINDS.get(str(row.get("op")))
        if kind is None:
            return None
        default = cls.model_fields[kind.choice].default if kind.choice else ""
        chosen = {"op": row["op"], kind.choice: row.get(kind.choice) or default}
        found = kind.documented(str(row["op"]))
        return next((entry for entry in found if entry.settings.items() <= chosen.items()), None)

    @model_validator(mode="after")
    def _complete(self) -> Operation:
        kind = KINDS[self.op]
        conversion = kind.conversions.get(getattr(self, kind.choice) if kind.choice else "")
        for needs in (kind.needs, *((name,) for name in (conversion.needs if conversion else ()))):
            if needs and not any(getattr(self, name) not in (None, "", [], {}) for name in needs):
                raise ValueError(say("“%(op)s” needs %(names)s.", op=self.op, names=either(needs)))
        if self.op == "rename" and not self.values and not self.to:
            raise ValueError(say("“rename” needs the new name in to."))
        if self.how in ("left", "inner", "full") and not self.field:
            raise ValueError(say("“%(op)s” needs %(names)s.", op=self.op, names="field"))
        self._check_patterns()
        return self

    def _check_patterns(self) -> None:
        """A pattern that is written out is refused where it cannot be read."""
        try:
            if self.op == "text" and self.text in WITH_PATTERN and not has_expression(self.find):
                compile_pattern(self.find)
            if self.op == "date" and self.format and self.format.strip() != UNIX and not has_expression(self.format):
                read_pattern(self.format)
        except StepError as error:
            raise ValueError(error.message) from None
        except UnreadableError as error:
            raise ValueError(error.reason) from None
