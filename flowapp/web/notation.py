"""How numbers and dates may be written: the choices of a select, and the one that a browser names."""

from __future__ import annotations

from datetime import date
from decimal import Decimal

from babel import Locale
from babel.dates import format_date
from babel.numbers import format_decimal
from flask import request
from flask_babel import get_locale
from wtforms.fields.choices import SelectChoice

from flowapp.values.conventions import LOCALES

_NUMBER, _DAY = Decimal("1234.5"), date(2026, 12, 31)


def locale_choices() -> list[SelectChoice]:
    """Each locale by its name in the reader's language, with a number and a date as they are written there."""
    shown = []
    for name in LOCALES:
        locale = Locale.parse(name, sep="-")
        example = f"{format_decimal(_NUMBER, '#,##0.00', locale=locale)} · {format_date(_DAY, 'short', locale)}"
        shown.append(SelectChoice(name, f"{locale.get_display_name(get_locale())}: {example}"))
    return sorted(shown, key=lambda choice: choice.label)


def offered_locale() -> str:
    """The notation that a browser's languages name; empty where they leave it open: English alone has several."""
    for wanted in request.accept_languages.values():
        language, _mark, region = wanted.replace("_", "-").partition("-")
        known = [name for name in LOCALES if name.startswith(f"{language.lower()}-")]
        exact = [name for name in known if name.lower() == wanted.lower()]
        own = f"{language.lower()}-{language.upper()}"
        if exact or (known and region):
            return exact[0] if exact else ""
        if known:
            return own if own in known else known[0] if len(known) == 1 else ""
    return ""
