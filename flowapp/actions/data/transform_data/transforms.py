"""What `transform_data` does with data. Every operation makes new values and leaves those it was given alone."""

from __future__ import annotations

from flowapp.actions.data.transform_data.base import VALUE, Work
from flowapp.actions.data.transform_data.kinds import KINDS
from flowapp.actions.data.transform_data.lists import items
from flowapp.actions.data.transform_data.operation import Operation
from flowapp.actions.data.transform_data.totals import calculate, name_of
from flowapp.errors import StepError
from flowapp.security import helpers
from flowapp.texts import say


def apply(work: Work, operations: list[Operation], data: object) -> object:
    """The data after all operations. Calculations that stand together are done on the same items."""
    at = 0
    while at < len(operations):
        operation, last = operations[at], at + 1
        while operation.op == "aggregate" and last < len(operations) and operations[last].op == "aggregate":
            last += 1
        try:
            if last - at > 1:
                records = items(data, operation, work)
                data = {name_of(op): calculate(op, records, work) for op in operations[at:last]}
            else:
                data = KINDS[operation.op].run(work, operation, data)
            # What was put together of parts that it shares may be far more, once it is written, than was worked on.
            work.charge(VALUE * helpers.weight(data, work.left // VALUE))
        except StepError as error:
            message = say("Operation %(at)s (%(op)s): %(message)s", at=at + 1, op=operation.op, message=error.message)
            raise StepError(message, permanent=True) from error
        at = last
    return data
