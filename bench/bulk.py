"""Many rows like one: what really ran once is copied inside the database, with other ids and other times.

Copy `n` of `count` happens at `first_ms + n * span_ms / count` (milliseconds since 1970), and its id says both, so that
whoever knows the numbers knows the times.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import cast
from uuid import UUID

from sqlalchemy import Engine, Table

from flowapp.models import Execution, LogLine, StepRun, Timer
from flowapp.models.tenancy import SYSTEM, use_tenant

AT_ONCE = 50_000  # rows in a transaction: other writers wait for no more
EXECUTIONS, RUNS, LINES, TIMERS = (cast(Table, model.__table__) for model in (Execution, StepRun, LogLine, Timer))


@dataclass(frozen=True, slots=True)
class Copies:
    """`count` copies of one execution, over a span of time."""

    engine: Engine
    template: str
    count: int
    first_ms: int
    span_ms: int

    def ms(self, n: int) -> int:
        """When copy `n` (from 1) happens."""
        return self.first_ms + n * self.span_ms // self.count

    def id(self, n: int) -> str:
        """Its execution's id."""
        return str(UUID(f"{self.ms(n):012x}70008{n:015x}"))

    @property
    def is_sqlite(self) -> bool:
        """Or PostgreSQL."""
        return self.engine.dialect.name == "sqlite"

    def sql_ms(self) -> str:
        """The SQL of `ms`."""
        return f"({self.first_ms} + n * {self.span_ms} / {self.count})"

    def sql_id(self, kind: str = "000") -> str:
        """The SQL of `id`; other rows than executions have another `kind`, three digits."""
        if self.is_sqlite:
            return f"printf('%012x7{kind}8%015x', {self.sql_ms()}, n)"
        return f"(lpad(to_hex({self.sql_ms()}), 12, '0') || '7{kind}8' || lpad(to_hex(n), 15, '0'))::uuid"

    def sql_time(self) -> str:
        """The SQL of a time column."""
        if self.is_sqlite:
            return f"strftime('%Y-%m-%d %H:%M:%f', {self.sql_ms()} / 1000.0, 'unixepoch') || '000'"
        return f"to_timestamp({self.sql_ms()} / 1000.0)"

    def insert(self, table: Table, key: str, changes: Mapping[str, str], every: int = 1) -> None:
        """Copies the template's rows of a table; `changes` are SQL. Only of one copy in `every`."""
        names = ", ".join(f'"{column.name}"' for column in table.columns)
        values = ", ".join(changes.get(column.name, f't."{column.name}"') for column in table.columns)
        template = self.template.replace("-", "") if self.is_sqlite else self.template
        for begin in range(0, self.count, AT_ONCE):
            numbers = self._numbers(begin + every, min(begin + AT_ONCE, self.count), every)
            with self.engine.begin() as connection:
                use_tenant(connection, SYSTEM)
                for statement in (
                    f"CREATE TEMP TABLE t AS SELECT * FROM {table.name} WHERE {key} = '{template}'",
                    f"INSERT INTO {table.name} ({names}) SELECT {values} FROM t, {numbers}",
                    "DROP TABLE t",
                ):
                    connection.exec_driver_sql(statement)

    def _numbers(self, first: int, last: int, step: int) -> str:
        if self.is_sqlite:
            more = f"SELECT {first} UNION ALL SELECT n + {step} FROM c WHERE n + {step} <= {last}"
            return f"(WITH RECURSIVE c(n) AS ({more}) SELECT n FROM c)"
        return f"generate_series({first}::bigint, {last}, {step}) AS c(n)"


def analyze(engine: Engine) -> None:
    """Has the database count its rows, as PostgreSQL does by itself after a minute."""
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        if engine.dialect.name == "postgresql":
            connection.exec_driver_sql("VACUUM ANALYZE executions")
