"""Flask's extensions, made once and bound to the app in create_app()."""

from __future__ import annotations

import hashlib
import ipaddress
from functools import cached_property

from babel.support import NullTranslations
from flask import current_app, request
from flask_babel import Babel, Domain, get_locale
from flask_limiter import Limiter
from flask_login import LoginManager
from flask_sock import Sock
from flask_sqlalchemy import SQLAlchemy
from flask_wtf import CSRFProtect
from htmx_flask import Htmx

from flowapp.config import Settings
from flowapp.database import metadata
from flowapp.texts import declared


def peer() -> str:
    """Whom a limit counts: the caller's address; of IPv6 the /64, which one machine has to itself. Always short."""
    text = request.remote_addr or ""
    try:
        address = ipaddress.ip_address(text)
    except ValueError:  # what a proxy forwards may be any text
        return hashlib.sha256(text.encode(errors="replace")).hexdigest()
    if isinstance(address, ipaddress.IPv4Address):
        return str(address)
    return str(address.ipv4_mapped or ipaddress.ip_network((int(address), 64), strict=False))


def current_settings() -> Settings:
    """The settings of the application whose context this is."""
    settings: Settings = current_app.extensions["settings"]
    return settings


class Catalogues(Domain):  # type: ignore[misc]
    """The catalogues, and behind them the texts that came with what declares them (texts.declare)."""

    def get_translations(self) -> NullTranslations:
        """Those of the reader's language, made once."""
        key = str(get_locale()), self.domain[0]
        known = key in self.cache
        translations: NullTranslations = super().get_translations()
        if not known and key in self.cache:
            translations.add_fallback(declared(key[0]))
        return translations


class Translations(Babel):  # type: ignore[misc]
    """Babel, which looks for texts there."""

    @cached_property
    def domain_instance(self) -> Catalogues:
        """Where texts are looked for."""
        return Catalogues(domain=self.domain)


db = SQLAlchemy(metadata=metadata)
htmx = Htmx()
sock = Sock()
csrf = CSRFProtect()
login = LoginManager()
babel = Translations()
limiter = Limiter(peer, headers_enabled=True, in_memory_fallback_enabled=True)
