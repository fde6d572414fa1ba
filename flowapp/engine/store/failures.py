"""What a failed execution leaves: an event, and a fingerprint that failures for the same reason share."""

from __future__ import annotations

import hashlib
import re

# What differs between two failures for the same reason: ids, numbers, quoted values, addresses.
# Every part that needs an end is bounded, so that looking for it takes no longer than the text is long.
_VARYING = re.compile(
    r"[0-9a-f]{8}-[0-9a-f-]{27}|“[^”]{0,500}”|\"[^\"]{0,500}\"|'[^']{0,500}'|\S{1,64}@\S+|https?://\S+|\d+",
    re.IGNORECASE,
)
_TELLING = 2000  # characters of an error that its fingerprint is made of


def fingerprint(step_id: str, error: str) -> str:
    """The same for failures of a step for the same reason: 16 hex digits of a SHA-256."""
    return hashlib.sha256(f"{step_id}:{_VARYING.sub('#', error[:_TELLING])}".encode()).hexdigest()[:16]
