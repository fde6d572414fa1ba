"""Regular expressions that users write, run by Rust's engine, in time linear in the text; without look-around.

Time and memory are the text's length times the pattern's weight, so both are bounded.
"""

from __future__ import annotations

import re
from functools import lru_cache

from pydantic_core import SchemaError, SchemaValidator, core_schema

from flowapp.texts import say

MAX_PATTERN = 500  # characters
MAX_WEIGHT = 500  # parts of a pattern once its {n,m} are written out
MAX_MATCHED = 20_000  # characters of a text that a pattern looks through

_PART = re.compile(r"\\.|\[(?:\\.|[^\]\\])*\]|\{([0-9]+)(?:,([0-9]*))?\}|.", re.DOTALL)


def compiled(text: str, *, whole: bool = False) -> SchemaValidator:
    """`text` ready for `isinstance_python`: found anywhere, or in the `whole`. ValueError says what is wrong with it."""
    if not 0 < len(text) <= MAX_PATTERN:
        raise ValueError(say("A pattern must have 1 to %(max)s characters.", max=MAX_PATTERN))
    if re.search(r"\(\?[a-zA-Z-]*x", text) or weight(text) > MAX_WEIGHT:
        raise ValueError(say("The pattern is too expensive: use smaller numbers between { and }, and no (?x)."))
    try:
        return _compiled(f"^(?:{text})$" if whole else text)
    except (SchemaError, ValueError) as error:
        line = str(error).strip().rsplit("\n", 1)[-1].strip()
        reason = line.removeprefix("SchemaError: ").removeprefix("error: ")[:200]
        raise ValueError(say("The pattern cannot be used: %(reason)s", reason=reason)) from None


@lru_cache(maxsize=512)
def _compiled(text: str) -> SchemaValidator:
    return SchemaValidator(core_schema.str_schema(pattern=text))


def weight(pattern: str) -> int:
    """How many parts `pattern` has when its counted repetitions are written out."""
    sums, last = [0], 1
    for part in _PART.finditer(pattern):
        if part[1]:
            times_over = max(int(part[1][:6]), int((part[2] or "0")[:6]))
            sums[-1] += last * (times_over - 1)
            last *= times_over
        elif part[0] == "(":
            sums.append(0)
        elif part[0] == ")" and len(sums) > 1:
            last = sums.pop()
            sums[-1] += last
        else:
            last = 1
            sums[-1] += 1
    return sum(sums)
