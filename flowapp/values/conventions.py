"""How an organization writes numbers and dates, and in which time zone."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, tzinfo
from functools import cache
from typing import TYPE_CHECKING

from flowapp.errors import InvalidError
from flowapp.texts import say

if TYPE_CHECKING:
    from babel import Locale

# In the order of a select; the names are Babel's, in the reader's language.
LOCALES = (
    "cs-CZ", "da-DK", "de-AT", "de-CH", "de-DE", "en-AU", "en-CA", "en-GB", "en-IE", "en-IN", "en-NZ", "en-US", "en-ZA",
    "es-ES", "es-MX", "fi-FI", "fr-BE", "fr-CA", "fr-CH", "fr-FR", "fr-LU", "hu-HU", "it-CH", "it-IT", "ja-JP", "nb-NO",
    "nl-BE", "nl-NL", "pl-PL", "pt-BR", "pt-PT", "ro-RO", "sv-SE", "tr-TR",
)  # fmt: skip


def checked_locale(given: object) -> str:
    """One of LOCALES, or empty: as the organization writes. InvalidError."""
    locale = str(given or "").strip()
    if locale and locale not in LOCALES:
        raise InvalidError.at("locale", say("Choose one of: %(options)s.", options=", ".join(LOCALES)))
    return locale


@dataclass(frozen=True, slots=True)
class Conventions:
    """`locale`: one of LOCALES, empty where nobody has said; `zone` is that of a time that names none."""

    locale: str = ""
    zone: tzinfo = UTC


UNSTATED = Conventions()


@cache
def babel_locale(locale: str) -> Locale | None:
    """Babel's data of a locale; None of an empty or unknown one."""
    from babel import Locale, UnknownLocaleError  # a process that reads plain values only does not load it

    try:
        return Locale.parse(locale, sep="-") if locale else None
    except (UnknownLocaleError, ValueError):
        return None
