"""Language, time zone and theme of the person: their choice, else the browser's, else English, UTC, the system's."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo

from babel import Locale
from babel.dates import format_date, format_datetime, format_time
from babel.numbers import format_currency, format_decimal
from flask import Flask, g, request
from flask_babel import format_decimal as format_in_language
from flask_babel import get_locale, ngettext, refresh
from flask_babel import gettext as _
from markupsafe import Markup, escape

from flowapp.catalog.times import timezones
from flowapp.extensions import babel
from flowapp.models import utcnow
from flowapp.texts import LANGUAGES
from flowapp.values.conventions import babel_locale

LOCALES = LANGUAGES
THEMES = ("auto", "light", "dark")
_UTC = re.compile(r"\b([0-9]{4}-[0-9]{2}-[0-9]{2} [0-9]{2}:[0-9]{2}:[0-9]{2}) UTC\b")


def select_locale() -> str:
    """What the page itself speaks; else the chosen language: cookie, then the browser's."""
    if request and g.get("language"):
        return str(g.language)
    chosen = request.cookies.get("locale", "") if request else ""
    if chosen in LOCALES:
        return chosen
    return (request.accept_languages.best_match(LOCALES) if request else None) or "en"


def select_timezone() -> str:
    """The member's zone, else the organization's, else UTC."""
    actor, organization = g.get("actor"), g.get("organization")
    for zone in (actor.user.timezone if actor else "", organization.timezone if organization else ""):
        if zone and zone in timezones():
            return str(zone)
    return "UTC"


def select_theme() -> str:
    """auto, light or dark."""
    theme = request.cookies.get("theme", "auto")
    return theme if theme in THEMES else "auto"


def number_notation() -> Locale:
    """How numbers are written: as the organization writes them; where it has not said, as the page's language does."""
    organization = g.get("organization")
    return (babel_locale(organization.locale) if organization else None) or get_locale() or Locale("en")


def date_notation() -> Locale:
    """The same of days and times. Their words are of the page's language, whoever writes them."""
    written, language = number_notation(), get_locale() or Locale("en")
    if written.language == language.language:
        return written
    return Locale("en", "150") if language.language == "en" else language  # English as Europe writes it: 30 Nov, 14:55


def when(moment: datetime | None) -> str:
    """A time in the reader's zone, to the second."""
    return format_datetime(moment, "medium", zone(), date_notation()) if moment else ""


def ago(moment: datetime | None) -> str:
    """How long ago, in words."""
    if moment is None:
        return ""
    seconds = int((utcnow() - moment).total_seconds())
    if seconds < 0:
        return when(moment)
    if seconds < 60:
        return str(_("just now"))
    if seconds < 3600:
        return str(ngettext("%(num)d minute ago", "%(num)d minutes ago", seconds // 60))
    if seconds < 86400:
        return str(ngettext("%(num)d hour ago", "%(num)d hours ago", seconds // 3600))
    return str(ngettext("%(num)d day ago", "%(num)d days ago", seconds // 86400))


def local_times(text: str) -> Markup:
    """The text as HTML; its times, “2026-11-22 02:01:35 UTC”, in the reader's zone. static/src/live.js does the same."""
    return Markup(_UTC.sub(_local, str(escape(text))))  # noqa: S704 - escaped; a time holds nothing to escape


def _local(local: re.Match[str]) -> str:
    try:
        moment = datetime.fromisoformat(local[1]).replace(tzinfo=UTC)
    except ValueError:  # it only looks like a time
        return local[0]
    return Markup('<time datetime="{}" title="{}">{}</time>').format(moment.isoformat(), local[0], when(moment))


def duration(seconds: float | None) -> str:
    """A length of time: 12 ms, 3.4 s, 2 min 5 s, 3 h 4 min, 2 d 3 h; 3,4 s and 2 j 3 h in French."""
    if seconds is None:
        return ""
    if seconds < 1:
        return f"{seconds * 1000:.0f} ms"
    if seconds < 60:
        return f"{format_in_language(seconds, '0.0')} s"
    whole = int(seconds)
    if whole < 3600:
        return f"{whole // 60} min {whole % 60} s"
    if whole < 86400:
        return f"{whole // 3600} h {whole % 3600 // 60} min"
    return str(_("%(days)d d %(hours)d h", days=whole // 86400, hours=whole % 86400 // 3600))


def percent(rate: float) -> str:
    """A rate of 0 to 100: 66.7 %; 66,7 % in French."""
    return f"{format_in_language(rate, '0.#')}\N{NO-BREAK SPACE}%"


def zone() -> ZoneInfo:
    """The reader's zone."""
    return ZoneInfo(select_timezone())


def placed(text: str) -> str:
    """What was typed into a box of date and time, which is in the reader's zone and names none."""
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return text
    return text if moment.tzinfo else moment.replace(tzinfo=zone()).isoformat()


def zone_text(text: str) -> str:
    """A moment as a box of date and time holds it: in the reader's zone."""
    moment = datetime.fromisoformat(text)
    return moment.astimezone(zone()).replace(tzinfo=None).isoformat(timespec="seconds")


def money(amount: Decimal | None, currency: str) -> str:
    """An amount as the organization writes it; whole ones without decimals."""
    if amount is None:
        return ""
    written = number_notation()
    pattern = written.currency_formats["standard"].pattern
    shown = pattern.replace("0.00", "0") if amount == amount.to_integral_value() else pattern
    return str(format_currency(amount, currency, locale=written, format=shown, currency_digits=False))


def day(value: date | None) -> str:
    """A day as the organization writes it."""
    return format_date(value, "medium", date_notation()) if value else ""


def number(value: Decimal | float) -> str:
    """A number as the organization writes it."""
    return str(format_decimal(value, locale=number_notation()))


def clock(moment: datetime) -> str:
    """The time of day of a moment in the reader's zone, to the minute."""
    return str(format_time(moment, "short", zone(), date_notation()))


def today() -> date:
    """The day that it is where the reader is."""
    return utcnow().astimezone(zone()).date()


def speak(language: str) -> None:
    """From now on this request is answered in that language, whatever the reader's; empty: in theirs."""
    if language in LOCALES:
        g.language = language
        refresh()


def _context() -> dict[str, object]:
    return {
        "locale": str(get_locale() or "en"),
        "theme": select_theme(),
        "timezone": select_timezone(),
        "notation": str(date_notation()).replace("_", "-"),
    }


def init_app(app: Flask) -> None:
    """Installs Babel and the template filters when, ago, duration, percent, money, day, clock."""
    babel.init_app(app, locale_selector=select_locale, timezone_selector=select_timezone)
    app.context_processor(_context)
    app.jinja_env.globals["today"] = today
    app.jinja_env.filters.update(
        when=when, ago=ago, duration=duration, percent=percent, money=money, day=day, clock=clock
    )


def midnight(text: str, *, days: int = 0) -> datetime | None:
    """Midnight in the reader's zone of a day, or `days` later; None where `text` is no day."""
    try:
        day = date.fromisoformat(text) + timedelta(days=days)
        return datetime(day.year, day.month, day.day, tzinfo=zone()).astimezone(UTC)
    except (ValueError, OverflowError):
        return None
