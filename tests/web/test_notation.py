"""Numbers, days and times as the organization writes them, with the words of the page's language."""

from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal

import pytest
from flask import Flask, g

from flowapp.models import Organization
from flowapp.web.locale import clock, day, money, number, when

MOMENT = datetime(2026, 11, 30, 14, 55, 17, tzinfo=UTC)


@pytest.mark.parametrize(
    ("language", "notation", "shown"),
    [
        ("en", "", ["1,234.5", "€1,234.50", "Nov 30, 2026", "Nov 30, 2026, 3:55:17 PM", "3:55 PM"]),
        ("fr", "", ["1 234,5", "1 234,50 €", "30 nov. 2026", "30 nov. 2026, 15:55:17", "15:55"]),
        ("en", "en-GB", ["1,234.5", "€1,234.50", "30 Nov 2026", "30 Nov 2026, 15:55:17", "15:55"]),
        ("en", "fr-FR", ["1 234,5", "1 234,50 €", "30 Nov 2026", "30 Nov 2026, 15:55:17", "15:55"]),
        ("en", "de-DE", ["1.234,5", "1.234,50 €", "30 Nov 2026", "30 Nov 2026, 15:55:17", "15:55"]),
        ("fr", "en-US", ["1,234.5", "€1,234.50", "30 nov. 2026", "30 nov. 2026, 15:55:17", "15:55"]),
    ],
)
def test_values_are_written_in_the_organizations_notation(
    app: Flask, language: str, notation: str, shown: list[str]
) -> None:
    with app.test_request_context(headers={"Cookie": f"locale={language}"}):
        g.organization = Organization(locale=notation, timezone="Europe/Paris")
        found = [
            number(Decimal("1234.5")), money(Decimal("1234.5"), "EUR"), day(date(2026, 11, 30)), when(MOMENT), clock(MOMENT)
        ]  # fmt: skip
        assert [" ".join(text.split()) for text in found] == shown
